"""Measures of a run, declared once: the computation of each, its title, the places that show it.

Everything that reports numbers reads these tables: metrics.csv and result.json, the table of
--mode=evaluation, the page, the model card, and the tables that compare runs. A new measure of the
test images is one more line of `ON_TEST`, and one of the training labels a line of `ON_TRAINING`.
"""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np

from ieg.evaluation import confidence, metrics, shots
from ieg.evaluation.metrics import FloatArray, IntArray

Outputs = TypeVar("Outputs")


class Place(enum.Flag):
    """Places that show a measure, beside metrics.csv and result.json."""

    NONE = 0
    EVALUATION = enum.auto()  #: the table of --mode=evaluation
    PAGE = enum.auto()  #: the list of results in report.html
    CARD = enum.auto()  #: the card of an exported model
    TABLE = enum.auto()  #: ieg.report.table, over seeds
    COMPARISON = enum.auto()  #: ieg.report.compare, of single runs


@dataclass(frozen=True)
class EvaluationOutputs:
    """Outputs for N test images of K classes.

    Attributes:
      logits: [N, K].
      labels: [N] int in [0, K).
      class_counts: [K] training images of each class.
      many_above, few_below: limits of the many-shot and few-shot classes.
    """

    logits: FloatArray
    labels: IntArray
    class_counts: IntArray
    many_above: int = 100
    few_below: int = 20

    @cached_property
    def predictions(self) -> IntArray:
        """[N] int in [0, K), -1 for none."""
        return metrics.predicted_classes(self.logits)

    @cached_property
    def per_class(self) -> FloatArray:
        """[K] accuracies, nan for a class without test images."""
        return metrics.per_class_accuracy(self.predictions, self.labels, len(self.class_counts))

    @cached_property
    def by_shots(self) -> dict[str, float | None]:
        """Accuracy of the many-, medium- and few-shot classes."""
        return shots.shot_accuracy(
            self.per_class, self.class_counts, self.many_above, self.few_below
        )


@dataclass(frozen=True)
class TrainingOutputs:
    """Outputs for n training images, not augmented.

    Attributes:
      logits: [n, K].
      given: [n] int in [0, K), labels that were trained with.
      true: [n] int, -1 where unknown.
    """

    logits: FloatArray
    given: IntArray
    true: IntArray

    @cached_property
    def clean(self) -> np.ndarray:
        """[n] bool, true if the given label is known to be right."""
        return self.given == self.true

    @cached_property
    def wrong(self) -> np.ndarray:
        """[n] bool, true if the given label is known to be wrong."""
        return (self.true >= 0) & ~self.clean

    @cached_property
    def predictions(self) -> IntArray:
        """[n] int in [0, K), -1 for none."""
        return metrics.predicted_classes(self.logits)

    def accuracy(self, labels: IntArray, group: np.ndarray) -> float:
        """Share of a group that is predicted as `labels` say; nan without such an image."""
        return metrics.mean(self.predictions[group] == labels[group])

    def loss(self, labels: IntArray, group: np.ndarray) -> float:
        """Mean cross entropy of a group against `labels`."""
        return confidence.mean_loss(self.logits[group], labels[group])


@dataclass(frozen=True)
class Measure(Generic[Outputs]):
    """A number that runs report.

    Attributes:
      key: its name in files.
      title: its name for readers.
      of: outputs → value, nan or None where there is nothing to measure; None for a measure that
        is made in another way.
      places: where it is shown.
      column: title in tables over runs, where a shorter one or the step is wanted.
      long_tailed: it says nothing new where all classes have about as many images.
      least_classes: it says nothing for fewer classes.
      at_best: result.json also has its value at the best step.
    """

    key: str
    title: str
    of: Callable[[Outputs], float | None] | None
    places: Place = Place.NONE
    column: str = ""
    long_tailed: bool = False
    least_classes: int = 2
    at_best: bool = False

    @property
    def heading(self) -> str:
        """Title of its column in tables over runs."""
        return self.column or self.title


_EVALUATION, _PAGE, _CARD = Place.EVALUATION, Place.PAGE, Place.CARD
_TABLE, _COMPARISON = Place.TABLE, Place.COMPARISON


def _of_shots(group: str) -> Measure[EvaluationOutputs]:
    return Measure(
        f"{group}_shot",
        f"{group}-shot classes",
        lambda t: t.by_shots[group],
        _EVALUATION | _TABLE,
        column=f"{group}-shot",
        long_tailed=True,
    )


#: Measures of the test images, in the order of metrics.csv and result.json.
ON_TEST: tuple[Measure[EvaluationOutputs], ...] = (
    Measure(
        "top1",
        "top-1 accuracy",
        lambda t: metrics.top_k_accuracy(t.logits, t.labels, 1),
        _EVALUATION | _CARD | _TABLE | _COMPARISON,
        column="top-1, last step",
    ),
    Measure(
        "top5",
        "top-5 accuracy",
        lambda t: metrics.top_k_accuracy(t.logits, t.labels, 5),
        _EVALUATION | _PAGE | _CARD,
        least_classes=6,  # of five classes the best five are all
    ),
    Measure(
        "balanced_accuracy",
        "balanced accuracy",
        lambda t: metrics.balanced_accuracy(t.predictions, t.labels, len(t.class_counts)),
        _EVALUATION | _CARD | _TABLE,
        long_tailed=True,
    ),
    *map(_of_shots, ("many", "medium", "few")),
    Measure(
        "ece",
        "expected calibration error",
        lambda t: metrics.expected_calibration_error(t.logits, t.labels),
        _EVALUATION | _PAGE | _CARD,
    ),
    # Of the weights as they are, where the others are measured with their moving average.
    Measure("top1_raw", "top-1 accuracy without averaging", None, _PAGE),
    Measure("test_loss", "test loss", lambda t: confidence.mean_loss(t.logits, t.labels)),
    Measure(
        "test_entropy",
        "entropy of predictions on test images",
        lambda t: confidence.normalized_entropy(t.logits),
    ),
    Measure(
        "test_max_p",
        "largest probability on test images",
        lambda t: confidence.mean_max_probability(t.logits),
    ),
)

#: Measures of right and wrong training labels, likewise.
ON_TRAINING: tuple[Measure[TrainingOutputs], ...] = (
    Measure(
        "wrong_label_fit",
        "fit to wrong labels",
        lambda t: t.accuracy(t.given, t.wrong),
        _PAGE | _TABLE | _COMPARISON,
        at_best=True,
    ),
    Measure(
        "clean_train",
        "fit to right labels",
        lambda t: t.accuracy(t.given, t.clean),
        _PAGE,
        at_best=True,
    ),
    Measure(
        "recovered",
        "recovered",
        lambda t: t.accuracy(t.true, t.wrong),
        _PAGE | _TABLE | _COMPARISON,
        at_best=True,
    ),
    Measure("wrong_label_loss", "loss on wrong labels", lambda t: t.loss(t.given, t.wrong)),
    Measure(
        "wrong_label_entropy",
        "entropy of predictions, wrong labels",
        lambda t: confidence.normalized_entropy(t.logits[t.wrong]),
    ),
    Measure(
        "wrong_label_max_p",
        "largest probability, wrong labels",
        lambda t: confidence.mean_max_probability(t.logits[t.wrong]),
    ),
    Measure("clean_train_loss", "loss on right labels", lambda t: t.loss(t.given, t.clean)),
    Measure(
        "clean_train_entropy",
        "entropy of predictions, right labels",
        lambda t: confidence.normalized_entropy(t.logits[t.clean]),
    ),
    Measure(
        "clean_train_max_p",
        "largest probability, right labels",
        lambda t: confidence.mean_max_probability(t.logits[t.clean]),
    ),
    Measure(
        "recovered_loss",
        "loss on wrong labels against the true ones",
        lambda t: t.loss(t.true, t.wrong),
    ),
)

#: Of the evaluations of a run the one with the highest top-1 accuracy.
BEST: Measure[Any] = Measure(
    "top1_best", "top-1 accuracy, best step", None, _TABLE | _COMPARISON, "top-1, best step"
)


def shown(place: Place, num_classes: int | None = None) -> list[Measure[Any]]:
    """Measures to show at a place, the accuracy at the best step beside that at the last.

    Args:
      place: one of them.
      num_classes: K, leaves out measures that say nothing for so few; None: none of them.
    """
    last, *others = ON_TEST
    return [
        measure
        for measure in (last, BEST, *ON_TRAINING, *others)
        if place in measure.places and (num_classes is None or num_classes >= measure.least_classes)
    ]


def values(of: Iterable[Measure[Outputs]], outputs: Outputs) -> dict[str, float | None]:
    """Key → value of those measures that are made of the outputs.

    Args:
      of: `ON_TEST` or `ON_TRAINING`.
      outputs: of the network for those images.
    """
    return {measure.key: measure.of(outputs) for measure in of if measure.of is not None}

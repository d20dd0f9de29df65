"""Label noise: each type is one file with one pure function of labels and uniform numbers.

Numbers are drawn per example of the whole training set, so that a type which looks at each example
alone hits the same images with the same wrong labels whatever else was thinned out or held out.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ieg import keys
from ieg.registry import Registry


class NoiseType(Protocol):
    """What a file in this package registers."""

    def __call__(
        self,
        labels: np.ndarray,
        ratio: float,
        *,
        hit: np.ndarray,
        pick: np.ndarray,
        num_classes: int,
        confusion: np.ndarray | None,
    ) -> np.ndarray:
        """Labels after noise.

        Args:
          labels: [n] integers in [0, num_classes), the true ones.
          ratio: in [0, 1], share of the examples that the noise is asked to hit.
          hit: [n] uniform in [0, 1): whether an example is hit.
          pick: [n] uniform in [0, 1): which label it then gets.
          num_classes: K.
          confusion: [K] the class that each class is mistaken for (itself: never), where the data
            set has such a map.
        Returns:
          [n] integers.
        Raises:
          InputError: the data set lacks what this type needs.
        """


REGISTRY: Registry[NoiseType] = Registry("noise type", __name__)


@dataclass(frozen=True)
class NoiseReport:
    """What noise did to the labels, measured.

    Attributes:
      asked: the ratio in the data set's name.
      measured: share of examples whose given label is not the true one.
      transition: [K, K] share of true class (row) with each given label (column); rows sum to 1,
        or to 0 for a class without examples.
    """

    asked: float
    measured: float
    transition: np.ndarray


def corrupt(
    labels: np.ndarray,
    kept: np.ndarray,
    *,
    kind: str | None,
    ratio: float,
    num_classes: int,
    confusion: np.ndarray | None,
    seed: int,
) -> np.ndarray:
    """Given labels of a training set: noise on the examples that are in use.

    Args:
      labels: [N] true labels of the whole training set.
      kept: [n] indices of the examples in use.
      kind: name of the noise type; None leaves the labels as they are.
      ratio, num_classes, confusion: see `NoiseType`.
      seed: the run's seed.
    Returns:
      [N] labels; those of examples not in `kept` are unchanged.
    Raises:
      InputError: unknown noise type, or one that this data set cannot have.
    """
    given = labels.copy()
    if kind is None:
        return given
    draws = keys.generator(seed, "noise").random((2, len(labels)))
    given[kept] = REGISTRY.get(kind)(
        labels[kept],
        ratio,
        hit=draws[0, kept],
        pick=draws[1, kept],
        num_classes=num_classes,
        confusion=confusion,
    )
    return given


def measure(
    true_labels: np.ndarray, given_labels: np.ndarray, num_classes: int, asked: float
) -> NoiseReport:
    """Counts what the noise did: [n] true and [n] given labels in [0, num_classes)."""
    counts = np.zeros((num_classes, num_classes))
    np.add.at(counts, (true_labels, given_labels), 1)
    per_class = counts.sum(axis=1, keepdims=True)
    transition = np.divide(counts, per_class, out=np.zeros_like(counts), where=per_class > 0)
    wrong = float(np.mean(true_labels != given_labels)) if len(true_labels) else 0.0
    return NoiseReport(asked=asked, measured=wrong, transition=transition)

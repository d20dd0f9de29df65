"""Label noise: each type is one file with one pure function of labels and uniform numbers.

Numbers are drawn per example of the whole training set, so that a type which looks at each example
alone hits the same images with the same wrong labels whatever else was thinned out or held out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ieg import keys
from ieg.registry import Registry


@dataclass(frozen=True)
class Classes:
    """What a noise type may know about the classes.

    Attributes:
      count: K.
      confusion: [K] the class that each class is mistaken for (itself: never), where the data set
        has such a map.
      superclass: [K] the group that each class belongs to, where the data set has groups.
      rank: [K] uniform in [0, 1), one number per class for a type that chooses among classes.
      share: [K] of the examples in use that belong to each class before noise, sums to 1.
    """

    count: int
    confusion: np.ndarray | None
    superclass: np.ndarray | None
    rank: np.ndarray
    share: np.ndarray


def describe(
    count: int,
    *,
    confusion: np.ndarray | None = None,
    superclass: np.ndarray | None = None,
    sizes: np.ndarray | None = None,
    seed: int,
) -> Classes:
    """The classes of a data set as noise sees them; `rank` depends on the run's seed alone.

    Args:
      count: K.
      confusion, superclass: see `Classes`.
      sizes: [K] examples in use; None for classes of one size.
      seed: the run's seed.
    """
    rank = keys.generator(seed, "noise classes").random(count)
    sizes = np.ones(count) if sizes is None else np.asarray(sizes)
    return Classes(count, confusion, superclass, rank, sizes / sizes.sum())


class Corruption(Protocol):
    """The function of a noise type."""

    def __call__(
        self,
        labels: np.ndarray,
        ratio: float,
        *,
        hit: np.ndarray,
        pick: np.ndarray,
        classes: Classes,
    ) -> np.ndarray:
        """Labels after noise.

        Args:
          labels: [n] integers in [0, K), the true ones.
          ratio: in [0, 1], share of the examples that the noise is asked to hit.
          hit: [n] uniform in [0, 1): whether an example is hit.
          pick: [n] uniform in [0, 1): which label it then gets.
          classes: of the data set.
        Returns:
          [n] integers.
        Raises:
          InputError: the data set lacks what this type needs.
        """


@dataclass(frozen=True)
class NoiseType:
    """What a file in this package registers.

    Attributes:
      corrupt: labels → labels after noise.
      expected: (ratio, classes) → [K, K] probability of each given label (column) for each true
        class (row).
    """

    corrupt: Corruption
    expected: Callable[[float, Classes], np.ndarray]


REGISTRY: Registry[NoiseType] = Registry("noise type", __name__)


@dataclass(frozen=True)
class NoiseReport:
    """What noise did to the labels, measured.

    Attributes:
      asked: the ratio in the data set's name; None for labels that were wrong from the start.
      measured: share of examples whose given label is not the true one, among those whose true
        label is known; None when none is.
      transition: [K, K] share of true class (row) with each given label (column); rows sum to 1,
        or to 0 for a class without examples. None likewise.
      kind: the noise type, or what made the labels; None for true labels.
      expected: [K, K] what `transition` is in expectation, or None where nobody knows.
    """

    asked: float | None
    measured: float | None
    transition: np.ndarray | None
    kind: str | None = None
    expected: np.ndarray | None = None


def corrupt(
    labels: np.ndarray,
    kept: np.ndarray,
    *,
    kind: str | None,
    ratio: float,
    classes: Classes,
    seed: int,
) -> np.ndarray:
    """Given labels of a training set: noise on the examples that are in use.

    Args:
      labels: [N] true labels of the whole training set.
      kept: [n] indices of the examples in use.
      kind: name of the noise type; None leaves the labels as they are.
      ratio, classes: see `Corruption`.
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
    given[kept] = REGISTRY.get(kind).corrupt(
        labels[kept], ratio, hit=draws[0, kept], pick=draws[1, kept], classes=classes
    )
    return given


def measure(
    true_labels: np.ndarray,
    given_labels: np.ndarray,
    num_classes: int,
    *,
    kind: str | None = None,
    asked: float | None = 0.0,
    expected: np.ndarray | None = None,
) -> NoiseReport:
    """Counts what the noise did: [n] true and [n] given labels in [0, num_classes).

    A true label of -1 is not known; without any known one nothing is measured.
    `kind`, `asked` and `expected` go into the report as they are, see `NoiseReport`.
    """
    known = true_labels >= 0
    if not known.any() and len(known):
        return NoiseReport(asked, None, None, kind, expected)
    true_labels, given_labels = true_labels[known], given_labels[known]
    counts = np.zeros((num_classes, num_classes))
    np.add.at(counts, (true_labels, given_labels), 1)
    per_class = counts.sum(axis=1, keepdims=True)
    transition = np.divide(counts, per_class, out=np.zeros_like(counts), where=per_class > 0)
    wrong = float(np.mean(true_labels != given_labels)) if len(true_labels) else 0.0
    return NoiseReport(asked, wrong, transition, kind, expected)


def mixture(ratio: float, confusion: np.ndarray) -> np.ndarray:
    """[K, K] where class k becomes confusion[k] with probability `ratio`: (1-r)·I + r·I[confusion].

    The part of a transition matrix that several noise types share.
    """
    identity = np.eye(len(confusion))
    return (1 - ratio) * identity + ratio * identity[confusion]

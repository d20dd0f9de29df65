"""Label noise: one file per type, each with a pure function of labels and uniform numbers.

Numbers are drawn per example of the whole training split. So a type that treats each example alone
hits the same images with the same wrong labels, whatever else was thinned out or held out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ieg import keys
from ieg.registry import Registry


@dataclass(frozen=True)
class Classes:
    """Classes of a data set, as noise types see them.

    Attributes:
      count: K.
      confusion: [K] class that each class is mistaken for (itself: never), or None.
      superclass: [K] group of each class, or None.
      rank: [K] uniform in [0, 1), for a type that chooses among classes.
      share: [K] class frequencies of the examples in use before noise; they sum to 1.
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
    """Describe the classes of a data set; `rank` depends on the run's seed alone.

    Args:
      count: K.
      confusion, superclass: see `Classes`.
      sizes: [K] numbers of examples in use; None for classes of equal size.
      seed: the run's seed.
    """
    rank = keys.generator(seed, "noise classes").random(count)
    sizes = np.ones(count) if sizes is None else np.asarray(sizes)
    return Classes(count, confusion, superclass, rank, sizes / sizes.sum())


class Corruption(Protocol):
    """Function of a noise type."""

    def __call__(
        self,
        labels: np.ndarray,
        ratio: float,
        *,
        hit: np.ndarray,
        pick: np.ndarray,
        classes: Classes,
    ) -> np.ndarray:
        """Corrupt labels.

        Args:
          labels: [n] true labels, integers in [0, K).
          ratio: in [0, 1], share of the examples to hit.
          hit: [n] uniform in [0, 1), to choose the examples.
          pick: [n] uniform in [0, 1), to choose their new labels.
          classes: of the data set.
        Returns:
          [n] labels after noise.
        Raises:
          InputError: the classes lack the map or the groups that this type needs.
        """


@dataclass(frozen=True)
class NoiseType:
    """A noise type, as it is registered.

    Attributes:
      corrupt: labels → labels after noise.
      expected: (ratio, classes) → [K, K] transition matrix: probability of each given label
        (column) for each true class (row).
    """

    corrupt: Corruption
    expected: Callable[[float, Classes], np.ndarray]


REGISTRY: Registry[NoiseType] = Registry("noise type", __name__)


@dataclass(frozen=True)
class NoiseReport:
    """Noise in given labels, asked for and measured.

    Attributes:
      asked: noise ratio in the data set's name; None for labels that were wrong from the start.
      measured: share of wrong labels among the examples with a known true label; None without such
        examples.
      transition: [K, K] measured transition matrix, true class by row and given label by column;
        rows sum to 1, or to 0 for a class without examples. None like `measured`.
      kind: noise type, or origin of the labels; None for true labels.
      expected: [K, K] expectation of `transition`, or None if unknown.
    """

    asked: float | None
    measured: float | None
    transition: np.ndarray | None
    kind: str | None = None
    expected: np.ndarray | None = None


def corrupt(
    labels: np.ndarray,
    in_use: np.ndarray,
    *,
    kind: str | None,
    ratio: float,
    classes: Classes,
    seed: int,
) -> np.ndarray:
    """Add noise to the labels of the examples in use.

    Args:
      labels: [N] true labels of the whole training split.
      in_use: [n] indices of the examples to add noise to.
      kind: name of the noise type; None leaves the labels as they are.
      ratio, classes: see `Corruption`.
      seed: the run's seed.
    Returns:
      [N] given labels; all others are unchanged.
    Raises:
      InputError: unknown noise type, or one that this data set cannot have.

    >>> classes = describe(10, seed=0)
    >>> labels = np.zeros(100, int)
    >>> noisy = corrupt(
    ...     labels, np.arange(50), kind="symmetric", ratio=0.4, classes=classes, seed=0
    ... )
    >>> int((noisy[:50] != 0).sum()), int((noisy[50:] != 0).sum())
    (20, 0)
    """
    given = labels.copy()
    if kind is None:
        return given
    draws = keys.generator(seed, "noise").random((2, len(labels)))
    given[in_use] = REGISTRY.get(kind).corrupt(
        labels[in_use], ratio, hit=draws[0, in_use], pick=draws[1, in_use], classes=classes
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
    """Measure the noise in given labels.

    Args:
      true_labels: [n] in [0, K), -1 where unknown.
      given_labels: [n] in [0, K).
      num_classes: K.
      kind, asked, expected: fields of the report.

    >>> measure(np.array([0, 0, 1, -1]), np.array([0, 1, 1, 1]), 2).transition
    array([[0.5, 0.5],
           [0. , 1. ]])
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
    """[K, K] transition matrix (1-r)·I + r·I[confusion]: k becomes confusion[k] with probability r.

    >>> mixture(0.25, np.array([1, 1]))
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """
    identity = np.eye(len(confusion))
    return (1 - ratio) * identity + ratio * identity[confusion]

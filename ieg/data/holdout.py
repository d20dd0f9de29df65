"""Examples held out of the training split: probe set, validation split and folds."""

import math
from dataclasses import dataclass

import numpy as np

from ieg import keys
from ieg.errors import InputError


def probe_set(
    labels: np.ndarray, in_use: np.ndarray, ratio: float, *, num_classes: int, seed: int
) -> np.ndarray:
    """Draw a probe set: equally many examples of every class, floor(n · ratio) at most.

    A class without a single true example, such as ISIC's "unknown", gives none.

    Args:
      labels: [N] true labels of the whole training split.
      in_use: [n] indices of the examples to draw from.
      ratio: in (0, 1), share of the examples in use.
      num_classes: K.
      seed: the run's seed.
    Returns:
      [K', m] indices, one row for each of the K' classes with examples, in their order.
    Raises:
      InputError: the ratio gives less than one example a class, or leaves a class without any.

    >>> labels = np.repeat([0, 1, 2], 10)
    >>> chosen = probe_set(labels, np.arange(30), 0.25, num_classes=3, seed=0)
    >>> labels[chosen]
    array([[0, 0],
           [1, 1],
           [2, 2]])
    """
    size, present = int(np.floor(len(in_use) * ratio)), np.unique(labels)
    per_class = size // len(present)
    if per_class < 1:
        raise InputError(
            f"of {len(in_use)} training images this is {size}, less than one for each of "
            f"{len(present)} classes; the smallest ratio that works is "
            f"{math.ceil(1e4 * len(present) / len(in_use)) / 1e4:g}",
            option="probe_dataset_hold_ratio",
            value=f"{ratio:g}",
        )
    counts = np.bincount(labels[in_use], minlength=num_classes)
    smallest = int(present[counts[present].argmin()])
    if counts[smallest] <= per_class:
        bound = math.floor(1e4 * len(present) * counts[smallest] / len(in_use)) / 1e4
        works = f"a ratio below {bound:g} works" if counts[smallest] > 1 else "no ratio works"
        raise InputError(
            f"takes {per_class} images of every class for the probe set, but class {smallest} has "
            f"only {counts[smallest]}, so that none is left to train on; {works}",
            option="probe_dataset_hold_ratio",
            value=f"{ratio:g}",
        )
    order = _shuffled(labels, seed, "probe")
    members = order[np.isin(order, in_use)]
    return np.stack([members[labels[members] == k][:per_class] for k in present])


def probe_table(labels: np.ndarray, indices: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Arrange a given probe set by class.

    Args:
      labels: [N] right labels of the whole training split.
      indices: [n] probe examples.
      num_classes: K.
    Returns:
      [K, m] indices, one row per class; m is the size of the largest one, and others repeat theirs.
    Raises:
      InputError: a class has no probe example.

    >>> probe_table(np.array([0, 0, 1, 0, 1]), np.array([1, 3, 4]), num_classes=2)
    array([[1, 3],
           [4, 4]])
    """
    counts = np.bincount(labels[indices], minlength=num_classes)
    if counts.min() == 0:
        raise InputError(
            f"{np.sum(counts == 0)} of {num_classes} classes have no clean probe image, the first "
            f"being number {int(counts.argmin())}; every class needs one, or take `method=fsr`"
        )
    members = [indices[labels[indices] == k] for k in range(num_classes)]
    return np.stack([np.resize(row, counts.max()) for row in members])


def validation_set(labels: np.ndarray, ratio: float, *, num_classes: int, seed: int) -> np.ndarray:
    """Draw a stratified validation set, to choose settings on.

    Args:
      labels: [N] true labels of the whole training split.
      ratio: in (0, 1), share of each class, rounded to whole examples.
      num_classes: K.
      seed: the run's seed.
    Returns:
      [n] indices, ascending.
    Raises:
      InputError: a class would give no example, or all that it has.
    """
    sizes = np.bincount(labels, minlength=num_classes)
    counts, present = np.round(ratio * sizes).astype(np.int64), np.flatnonzero(sizes)
    if counts[present].min() < 1 or (counts >= sizes)[present].any():
        raise InputError(
            "leaves a class without validation or training images; the smallest class has "
            f"{sizes[present].min()}",
            option="validation_ratio",
            value=f"{ratio:g}",
        )
    order = _shuffled(labels, seed, "validation")
    chosen = [order[labels[order] == k][: counts[k]] for k in present]
    return np.sort(np.concatenate(chosen))


@dataclass(frozen=True)
class Fold:
    """One of several equal parts of the training examples.

    Attributes:
      number: 1 .. count.
      count: number of parts.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number} of {self.count}"


def without_fold(
    labels: np.ndarray, in_use: np.ndarray, fold: Fold, *, num_classes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Hold out one fold of the training examples; every class is spread evenly over the folds.

    Args:
      labels: [N] given labels of the whole training split.
      in_use: [n] indices of the examples to divide.
      fold: the part to hold out.
      num_classes: K.
      seed: the run's seed.
    Returns:
      indices that remain; indices held out. Both ascending.
    Raises:
      InputError: there are more folds than examples, or a class has a single example, which would
        be missing from training where it is held out.
    """
    if fold.count > len(in_use):
        raise InputError(
            f"there are only {len(in_use)} training images", option="audit_folds", value=fold.count
        )
    counts = np.bincount(labels[in_use], minlength=num_classes)
    if (counts == 1).any():
        raise InputError(
            f"class number {int(np.flatnonzero(counts == 1)[0])} has a single training image, so "
            "that none is left to train on where that is held out",
            option="audit_folds",
            value=fold.count,
        )
    order = _shuffled(labels, seed, "audit folds")
    members = order[np.isin(order, in_use)]
    members = members[np.argsort(labels[members], kind="stable")]  # class by class
    held_out = np.sort(members[fold.number - 1 :: fold.count])
    return np.setdiff1d(in_use, held_out), held_out


def _shuffled(labels: np.ndarray, seed: int, purpose: str) -> np.ndarray:
    """[N] all indices in an order that depends on seed and purpose alone."""
    return keys.generator(seed, purpose).permutation(len(labels))

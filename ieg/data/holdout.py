"""Examples taken out of the training set: clean probe data, and a validation split."""

import math
from dataclasses import dataclass

import numpy as np

from ieg import keys
from ieg.errors import InputError


def probe_set(
    labels: np.ndarray, kept: np.ndarray, ratio: float, *, num_classes: int, seed: int
) -> np.ndarray:
    """Clean probe data: the same number of examples from every class, floor(n · ratio) at most.

    A class without a single true example, such as ISIC's "unknown", gives none.

    Args:
      labels: [N] true labels of the whole training set.
      kept: [n] indices of the examples in use.
      ratio: in (0, 1), share of the examples in use.
      num_classes: K.
      seed: the run's seed.
    Returns:
      [K', m] indices, one row for each of the K' classes that have examples, in their order.
    Raises:
      InputError: less than one example a class, or a class would be left without any.
    """
    size, present = int(np.floor(len(kept) * ratio)), np.unique(labels)
    per_class = size // len(present)
    if per_class < 1:
        raise InputError(
            f"--probe_dataset_hold_ratio={ratio:g} of {len(kept)} training images is {size}, "
            f"less than one for each of {len(present)} classes; "
            f"the smallest ratio that works is {math.ceil(1e4 * len(present) / len(kept)) / 1e4:g}"
        )
    counts = np.bincount(labels[kept], minlength=num_classes)
    smallest = int(present[counts[present].argmin()])
    if counts[smallest] <= per_class:
        bound = math.floor(1e4 * len(present) * counts[smallest] / len(kept)) / 1e4
        works = f"a ratio below {bound:g} works" if counts[smallest] > 1 else "no ratio works"
        raise InputError(
            f"--probe_dataset_hold_ratio={ratio:g} takes {per_class} images of every class as "
            f"probe data, but class {smallest} has only {counts[smallest]}, so that none is left "
            f"to train on; {works}"
        )
    order = _shuffled(labels, seed, "probe")
    members = order[np.isin(order, kept)]
    return np.stack([members[labels[members] == k][:per_class] for k in present])


def trusted_set(labels: np.ndarray, trusted: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Clean examples of the user's own as probe data.

    Args:
      labels: [N] of the whole training set.
      trusted: [n] indices of the clean examples.
      num_classes: K.
    Returns:
      [K, m] indices, row k of class k, m being the size of the largest class; smaller ones repeat
      their own.
    Raises:
      InputError: a class has none.
    """
    counts = np.bincount(labels[trusted], minlength=num_classes)
    if counts.min() == 0:
        raise InputError(
            f"{np.sum(counts == 0)} of {num_classes} classes have no clean probe image, the first "
            f"being number {int(counts.argmin())}; every class needs one, or --method=fsr"
        )
    members = [trusted[labels[trusted] == k] for k in range(num_classes)]
    return np.stack([np.resize(row, counts.max()) for row in members])


def validation_set(labels: np.ndarray, ratio: float, *, num_classes: int, seed: int) -> np.ndarray:
    """A stratified share of the training set on which settings may be chosen.

    Args:
      labels: [N] true labels of the whole training set.
      ratio: in (0, 1); every class that has examples gives round(ratio · its size).
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
            f"--validation_ratio={ratio:g} leaves a class without validation or training images; "
            f"the smallest class has {sizes[present].min()}"
        )
    order = _shuffled(labels, seed, "validation")
    chosen = [order[labels[order] == k][: counts[k]] for k in present]
    return np.sort(np.concatenate(chosen))


@dataclass(frozen=True)
class Fold:
    """One of the parts into which training examples are divided.

    Attributes:
      number: from 1 on.
      count: how many parts there are.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number} of {self.count}"


def without_fold(
    labels: np.ndarray, kept: np.ndarray, fold: Fold, *, num_classes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Takes one of K parts out of a training set; every class is spread evenly over the parts.

    Args:
      labels: [N] given labels of the whole training set.
      kept: [n] indices of the examples in use.
      fold: which part.
      num_classes: of `labels`.
      seed: the run's seed.
    Returns:
      indices that stay; indices that are held out. Each ascending.
    Raises:
      InputError: there are more parts than examples, or a class has one example only, which would
        be missing where it is held out.
    """
    if fold.count > len(kept):
        raise InputError(f"--audit_folds={fold.count}: there are only {len(kept)} training images")
    counts = np.bincount(labels[kept], minlength=num_classes)
    if (counts == 1).any():
        raise InputError(
            f"--audit_folds={fold.count}: class number {int(np.flatnonzero(counts == 1)[0])} has a "
            "single training image, so that none is left to train on where that is held out"
        )
    order = _shuffled(labels, seed, "audit folds")
    members = order[np.isin(order, kept)]
    members = members[np.argsort(labels[members], kind="stable")]  # class by class
    held_out = np.sort(members[fold.number - 1 :: fold.count])
    return np.setdiff1d(kept, held_out), held_out


def _shuffled(labels: np.ndarray, seed: int, purpose: str) -> np.ndarray:
    """[N] all indices in an order that depends on the seed and the purpose alone."""
    return keys.generator(seed, purpose).permutation(len(labels))

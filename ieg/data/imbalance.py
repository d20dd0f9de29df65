"""Imbalance: how many examples each class keeps, and which."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from ieg import keys
from ieg.errors import InputError


def exponential_counts(largest: int, factor: float, num_classes: int) -> np.ndarray:
    """Class sizes that fall exponentially from head to tail.

    n_k = floor(n_max · factor^(k/(K-1)))        Cui et al. 2019, section 5.1

    Args:
      largest: n_max, size of class 0.
      factor: in (0, 1], smallest over largest class.
      num_classes: K, at least 2.
    Returns:
      [K] integers.
    """
    # Python's power, since NumPy's differs in the last bit between processors.
    sizes = [largest * factor ** (k / (num_classes - 1)) for k in range(num_classes)]
    return np.array([int(size) for size in sizes])


def step_counts(largest: int, factor: float, num_classes: int) -> np.ndarray:
    """Two class sizes: floor(K/2) classes are large, the others small.

    n_k = n_max for k < floor(K/2), else floor(n_max · factor)        Buda et al. 2018

    Arguments and result as in `exponential_counts`.
    """
    small = np.arange(num_classes) >= num_classes // 2
    return np.where(small, int(largest * factor), largest)


#: Word in a data set's name → class sizes from (n_max, factor, K).
PROFILES: Mapping[str, Callable[[int, float, int], np.ndarray]] = {
    "imbal": exponential_counts,
    "imbalstep": step_counts,
}


def thin_out(
    labels: np.ndarray,
    kept: np.ndarray,
    factor: float,
    *,
    profile: str = "imbal",
    num_classes: int,
    seed: int,
) -> np.ndarray:
    """Indices of an unbalanced subset.

    The head takes as many examples as the smallest class has, so that every class can supply its
    share and the factor holds exactly on data sets whose classes differ in size.

    Args:
      labels: [N] true labels of the whole training set.
      kept: [n] indices of the examples in use.
      factor: in (0, 1], smallest over largest class.
      profile: one of `PROFILES`, how sizes lie between the largest and the smallest.
      num_classes: K.
      seed: the run's seed; which examples stay depends on it alone.
    Returns:
      indices, ascending, all of them in `kept`.
    Raises:
      InputError: the factor is so small that a class would be left without examples.
    """
    largest = int(np.bincount(labels[kept], minlength=num_classes).min())
    counts = PROFILES[profile](largest, factor, num_classes)
    if counts.min() < 1:
        raise InputError(
            f"imbalance factor {factor:g} leaves class {int(counts.argmin())} without an image: "
            f"class 0 keeps {largest}, so the smallest factor that works is "
            f"{math.ceil(1e4 / max(largest, 1)) / 1e4:g}"
        )
    return first_of_each(labels, kept, counts, seed=seed)


def first_of_each(
    labels: np.ndarray, kept: np.ndarray, counts: np.ndarray, *, seed: int
) -> np.ndarray:
    """Indices of counts[k] examples of each class k, drawn from those in use.

    Args:
      labels: [N] true labels of the whole training set.
      kept: [n] indices of the examples in use.
      counts: [K] how many of each class; a class that has fewer gives all.
      seed: the run's seed; a smaller count takes a part of what a larger one takes.
    Returns:
      indices, ascending, all of them in `kept`.
    """
    rank = keys.generator(seed, "imbalance").random(len(labels))
    in_order = kept[np.argsort(rank[kept], kind="stable")]
    thinned = [in_order[labels[in_order] == k][:count] for k, count in enumerate(counts)]
    return np.sort(np.concatenate(thinned))

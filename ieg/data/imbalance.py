"""Class imbalance: class sizes and a subset of examples that has them.

An imbalance factor is the size of the smallest class over that of the largest.

References:
  Y. Cui, M. Jia, T.-Y. Lin, Y. Song, S. Belongie, "Class-Balanced Loss Based on Effective Number of
  Samples", CVPR 2019, arXiv 1901.05555.
  M. Buda, A. Maki, M. A. Mazurowski, "A systematic study of the class imbalance problem in
  convolutional neural networks", Neural Networks 2018, arXiv 1710.05381.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from ieg import keys
from ieg.errors import InputError


def exponential_counts(largest: int, factor: float, num_classes: int) -> np.ndarray:
    """Class sizes of a long tail.

    n_k = floor(n_max · factor^(k/(K-1)))        Cui et al. 2019, section 5.1

    Args:
      largest: n_max, size of class 0.
      factor: in (0, 1], imbalance factor.
      num_classes: K, at least 2.
    Returns:
      [K] integers.

    >>> exponential_counts(100, 0.01, 3)
    array([100,  10,   1])
    """
    # Python's power, since NumPy's differs in the last bit between processors.
    sizes = [largest * factor ** (k / (num_classes - 1)) for k in range(num_classes)]
    return np.array([int(size) for size in sizes])


def step_counts(largest: int, factor: float, num_classes: int) -> np.ndarray:
    """Class sizes of step imbalance: floor(K/2) large classes, then small ones.

    n_k = n_max for k < floor(K/2), else floor(n_max · factor)        Buda et al. 2018

    Arguments and result as in `exponential_counts`.

    >>> step_counts(100, 0.1, 5)
    array([100, 100,  10,  10,  10])
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
    in_use: np.ndarray,
    factor: float,
    *,
    profile: str = "imbal",
    num_classes: int,
    seed: int,
) -> np.ndarray:
    """Draw an imbalanced subset.

    The largest class of the result is as large as the smallest one before, so that every class has
    enough examples and the factor is exact for data sets whose classes differ in size.

    Args:
      labels: [N] true labels of the whole training split.
      in_use: [n] indices of the examples to draw from.
      factor: in (0, 1], imbalance factor.
      profile: one of `PROFILES`.
      num_classes: K.
      seed: the run's seed.
    Returns:
      indices, ascending.
    Raises:
      InputError: the factor leaves a class without examples.
    """
    largest = int(np.bincount(labels[in_use], minlength=num_classes).min())
    counts = PROFILES[profile](largest, factor, num_classes)
    if counts.min() < 1:
        raise InputError(
            f"imbalance factor {factor:g} leaves class {int(counts.argmin())} without an image: "
            f"class 0 keeps {largest}, so the smallest factor that works is "
            f"{math.ceil(1e4 / max(largest, 1)) / 1e4:g}"
        )
    return first_of_each(labels, in_use, counts, seed=seed)


def first_of_each(
    labels: np.ndarray, in_use: np.ndarray, counts: np.ndarray, *, seed: int
) -> np.ndarray:
    """Draw a given number of examples of each class.

    A smaller number takes a part of the examples that a larger one takes.

    Args:
      labels: [N] true labels of the whole training split.
      in_use: [n] indices of the examples to draw from.
      counts: [K] number of examples of each class; a smaller class gives all of its own.
      seed: the run's seed.
    Returns:
      indices, ascending.
    """
    rank = keys.generator(seed, "imbalance").random(len(labels))
    in_order = in_use[np.argsort(rank[in_use], kind="stable")]
    thinned = [in_order[labels[in_order] == k][:count] for k, count in enumerate(counts)]
    return np.sort(np.concatenate(thinned))

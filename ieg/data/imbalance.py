"""Long tails: how many examples each class keeps, and which."""

import math

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
    position = np.arange(num_classes) / (num_classes - 1)
    return np.floor(largest * factor**position).astype(np.int64)


def thin_out(
    labels: np.ndarray, kept: np.ndarray, factor: float, *, num_classes: int, seed: int
) -> np.ndarray:
    """Indices of a long-tailed subset.

    The head takes as many examples as the smallest class has, so that every class can supply its
    share and the factor holds exactly on data sets whose classes differ in size.

    Args:
      labels: [N] true labels of the whole training set.
      kept: [n] indices of the examples in use.
      factor: in (0, 1], smallest over largest class.
      num_classes: K.
      seed: the run's seed; which examples stay depends on it alone.
    Returns:
      indices, ascending, all of them in `kept`.
    Raises:
      InputError: the factor is so small that a class would be left without examples.
    """
    largest = int(np.bincount(labels[kept], minlength=num_classes).min())
    counts = exponential_counts(largest, factor, num_classes)
    if counts.min() < 1:
        raise InputError(
            f"imbalance factor {factor:g} leaves class {int(counts.argmin())} without an image: "
            f"class 0 keeps {largest}, so the smallest factor that works is "
            f"{math.ceil(1e4 / max(largest, 1)) / 1e4:g}"
        )
    rank = keys.generator(seed, "imbalance").random(len(labels))
    in_order = kept[np.argsort(rank[kept], kind="stable")]
    thinned = [in_order[labels[in_order] == k][:count] for k, count in enumerate(counts)]
    return np.sort(np.concatenate(thinned))

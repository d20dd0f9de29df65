"""Accuracy on classes with many, medium and few training images."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ieg.evaluation.metrics import FloatArray, IntArray


def shot_accuracy(
    per_class: ArrayLike, counts: ArrayLike, many: int = 100, few: int = 20
) -> dict[str, float | None]:
    """Mean of the accuracies of the classes in each group, every class counting the same.

    A class is in "many" with more than `many` training images, in "few" with fewer than `few`, else
    in "medium": both limits themselves are medium. Liu et al., "Large-Scale Long-Tailed
    Recognition in an Open World", CVPR 2019 (arXiv 1904.05160).

    Args:
      per_class: [K] float in [0, 1], nan for a class without test images, which counts nowhere.
      counts: [K] int, training images of each class.
      many, few: the limits, with few ≤ many.
    Returns:
      A fraction in [0, 1] for "many", "medium" and "few"; None for a group without classes.
    """
    accuracy: FloatArray = np.asarray(per_class, np.float64)
    images: IntArray = np.asarray(counts)
    if accuracy.ndim != 1 or accuracy.shape != images.shape:
        raise ValueError(
            f"expected one accuracy and one count per class, got {accuracy.shape} and "
            f"{images.shape}"
        )
    measured = ~np.isnan(accuracy)
    return {
        name: _mean_or_none(accuracy[group & measured])
        for name, group in groups(images, many, few).items()
    }


def groups(counts: ArrayLike, many: int = 100, few: int = 20) -> dict[str, NDArray[np.bool_]]:
    """Classes with many, medium and few training images.

    Args:
      counts: [K] int, training images of each class.
      many, few: the limits, with few ≤ many.
    Returns:
      [K] bool for each group.
    """
    if few > many:
        raise ValueError(f"few must be at most many, got {few} and {many}")
    images: IntArray = np.asarray(counts)
    above, below = images > many, images < few
    return {"many": above, "medium": ~above & ~below, "few": below}


def _mean_or_none(values: FloatArray) -> float | None:
    return float(values.mean()) if values.size else None

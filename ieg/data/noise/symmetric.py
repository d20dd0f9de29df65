"""Symmetric noise: a label drawn from the other classes, for an exact number of examples."""

import numpy as np

from ieg.data.noise import REGISTRY


@REGISTRY.register("symmetric")
def symmetric(
    labels: np.ndarray,
    ratio: float,
    *,
    hit: np.ndarray,
    pick: np.ndarray,
    num_classes: int,
    confusion: np.ndarray | None,
) -> np.ndarray:
    """Exactly round(ratio · n) examples get a label drawn uniformly from the OTHER K-1 classes.

    Arguments and result as in `NoiseType`.
    """
    count = round(ratio * len(labels))
    chosen = np.argsort(hit, kind="stable")[:count]
    shift = 1 + np.floor(pick[chosen] * (num_classes - 1)).astype(labels.dtype)
    noisy = labels.copy()
    noisy[chosen] = (labels[chosen] + shift) % num_classes
    return noisy

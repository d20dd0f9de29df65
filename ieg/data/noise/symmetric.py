"""Symmetric noise: labels drawn from the other classes, for an exact number of examples.

Reference: B. van Rooyen, A. Menon, R. C. Williamson, "Learning with Symmetric Label Noise: The
Importance of Being Unhinged", NeurIPS 2015, arXiv 1505.07634.
"""

import numpy as np

from ieg.data.noise import REGISTRY, Classes, NoiseType


def symmetric(
    labels: np.ndarray, ratio: float, *, hit: np.ndarray, pick: np.ndarray, classes: Classes
) -> np.ndarray:
    """Redraw exactly round(ratio · n) labels uniformly from the OTHER K-1 classes.

    Arguments and result as in `Corruption`.
    """
    count = round(ratio * len(labels))
    chosen = np.argsort(hit, kind="stable")[:count]
    shift = 1 + np.floor(pick[chosen] * (classes.count - 1)).astype(labels.dtype)
    noisy = labels.copy()
    noisy[chosen] = (labels[chosen] + shift) % classes.count
    return noisy


def expected(ratio: float, classes: Classes) -> np.ndarray:
    """[K, K]: 1-r on the diagonal and r/(K-1) elsewhere."""
    identity = np.eye(classes.count)
    return (1 - ratio) * identity + ratio / (classes.count - 1) * (1 - identity)


REGISTRY.register("symmetric")(NoiseType(symmetric, expected))

"""Uniform noise: a label drawn from all classes, the true one among them."""

import numpy as np

from ieg.data.noise import REGISTRY


@REGISTRY.register("uniform")
def uniform(
    labels: np.ndarray,
    ratio: float,
    *,
    hit: np.ndarray,
    pick: np.ndarray,
    num_classes: int,
    confusion: np.ndarray | None,
) -> np.ndarray:
    """With probability `ratio` the label is redrawn uniformly from ALL K classes.

    The share of wrong labels is therefore ratio · (K-1)/K in expectation (IEG, section 4.1).
    Arguments and result as in `NoiseType`.
    """
    drawn = np.floor(pick * num_classes).astype(labels.dtype)
    return np.where(hit < ratio, drawn, labels)

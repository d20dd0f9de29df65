"""Uniform noise: a label drawn from all classes, the true one among them."""

import numpy as np

from ieg.data.noise import REGISTRY, Classes, NoiseType


def uniform(
    labels: np.ndarray, ratio: float, *, hit: np.ndarray, pick: np.ndarray, classes: Classes
) -> np.ndarray:
    """With probability `ratio` the label is redrawn uniformly from ALL K classes.

    The share of wrong labels is therefore ratio · (K-1)/K in expectation (IEG, section 4.1).
    Arguments and result as in `Corruption`.
    """
    drawn = np.floor(pick * classes.count).astype(labels.dtype)
    return np.where(hit < ratio, drawn, labels)


def expected(ratio: float, classes: Classes) -> np.ndarray:
    """[K, K], (1-r)·I + r/K."""
    return (1 - ratio) * np.eye(classes.count) + ratio / classes.count


REGISTRY.register("uniform")(NoiseType(uniform, expected))

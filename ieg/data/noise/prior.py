"""Prior noise: a label drawn from the class sizes, so that a long tail keeps its shape."""

import numpy as np

from ieg.data.noise import REGISTRY, Classes, NoiseType


def prior(
    labels: np.ndarray, ratio: float, *, hit: np.ndarray, pick: np.ndarray, classes: Classes
) -> np.ndarray:
    """With probability `ratio` the label is redrawn from the class sizes, the true one among them.

    A label of class k becomes wrong with probability ratio · (1 - n_k / n), and in expectation
    every class keeps its size (Jiang et al. 2023, Dynamic Loss, the noise of its long tails). With
    classes of one size this is uniform noise. Arguments and result as in `Corruption`.
    """
    drawn = np.searchsorted(np.cumsum(classes.share)[:-1], pick, side="right")
    return np.where(hit < ratio, drawn, labels).astype(labels.dtype)


def expected(ratio: float, classes: Classes) -> np.ndarray:
    """[K, K], (1-r)·I + r·n_j/n in column j."""
    return (1 - ratio) * np.eye(classes.count) + ratio * classes.share


REGISTRY.register("prior")(NoiseType(prior, expected))

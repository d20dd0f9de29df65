"""Prior noise: labels drawn with the class frequencies, so that a long tail keeps its shape.

Reference: S. Jiang, J. Li, J. Zhang, Y. Wang, T. Xu, "Dynamic Loss for Robust Learning", TPAMI
2023, arXiv 2211.12506; the noise of its long-tailed data sets.
"""

import numpy as np

from ieg.data.noise import REGISTRY, Classes, NoiseType


def prior(
    labels: np.ndarray, ratio: float, *, hit: np.ndarray, pick: np.ndarray, classes: Classes
) -> np.ndarray:
    """Redraw a label with probability `ratio`, by class frequency; it may come out as it was.

    A label of class k becomes wrong with probability ratio · (1 - n_k / n), and every class keeps
    its size in expectation. With classes of equal size this is uniform noise. Arguments and result
    as in `Corruption`.
    """
    drawn = np.searchsorted(np.cumsum(classes.share)[:-1], pick, side="right")
    return np.where(hit < ratio, drawn, labels).astype(labels.dtype)


def expected(ratio: float, classes: Classes) -> np.ndarray:
    """[K, K]: (1-r)·I + r·n_j/n in column j."""
    return (1 - ratio) * np.eye(classes.count) + ratio * classes.share


REGISTRY.register("prior")(NoiseType(prior, expected))

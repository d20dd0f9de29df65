"""Uniform noise: labels drawn from all classes, the true one among them.

Reference: Z. Zhang, H. Zhang, S. O. Arik, H. Lee, T. Pfister, "Distilling Effective Supervision
from Severe Label Noise" (IEG), CVPR 2020, arXiv 1910.00701, section 4.1.
"""

import numpy as np

from ieg.data.noise import REGISTRY, Classes, NoiseType


def uniform(
    labels: np.ndarray, ratio: float, *, hit: np.ndarray, pick: np.ndarray, classes: Classes
) -> np.ndarray:
    """Redraw a label with probability `ratio`, uniformly from ALL K classes.

    So ratio · (K-1)/K of all labels are wrong in expectation. Arguments and result as in
    `Corruption`.
    """
    drawn = np.floor(pick * classes.count).astype(labels.dtype)
    return np.where(hit < ratio, drawn, labels)


def expected(ratio: float, classes: Classes) -> np.ndarray:
    """[K, K]: (1-r)·I + r/K."""
    return (1 - ratio) * np.eye(classes.count) + ratio / classes.count


REGISTRY.register("uniform")(NoiseType(uniform, expected))

"""Asymmetric noise: a class is mistaken for one that it resembles.

Reference: G. Patrini, A. Rozza, A. Menon, R. Nock, L. Qu, "Making Deep Neural Networks Robust to
Label Noise: a Loss Correction Approach", CVPR 2017, arXiv 1609.03683.
"""

import numpy as np

from ieg.data.noise import REGISTRY, Classes, NoiseType, mixture
from ieg.errors import InputError


def asymmetric(
    labels: np.ndarray, ratio: float, *, hit: np.ndarray, pick: np.ndarray, classes: Classes
) -> np.ndarray:
    """Turn label y into confusion[y] with probability `ratio` (section 5).

    Classes that are mapped to themselves keep their labels, so fewer than `ratio` of all labels are
    wrong. Arguments and result as in `Corruption`.
    """
    return np.where(hit < ratio, _confusion(classes)[labels], labels)


def expected(ratio: float, classes: Classes) -> np.ndarray:
    """[K, K]: 1-r on the diagonal and r at confusion[k]; a row of the identity where that is k."""
    return mixture(ratio, _confusion(classes))


def _confusion(classes: Classes) -> np.ndarray:
    if classes.confusion is None:
        raise InputError(
            "asymmetric noise needs a confusion map, which this data set does not have"
        )
    return classes.confusion


REGISTRY.register("asymmetric")(NoiseType(asymmetric, expected))

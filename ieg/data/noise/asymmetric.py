"""Asymmetric noise: classes are mistaken for the one that they resemble."""

import numpy as np

from ieg.data.noise import REGISTRY, Classes, NoiseType, mixture
from ieg.errors import InputError


def asymmetric(
    labels: np.ndarray, ratio: float, *, hit: np.ndarray, pick: np.ndarray, classes: Classes
) -> np.ndarray:
    """With probability `ratio` the label y becomes confusion[y] (Patrini et al. 2017, section 5).

    Classes that are mapped to themselves keep their labels, so the share of wrong labels over the
    whole data set is smaller than `ratio`. Arguments and result as in `Corruption`.
    """
    return np.where(hit < ratio, _confusion(classes)[labels], labels)


def expected(ratio: float, classes: Classes) -> np.ndarray:
    """[K, K], 1-r on the diagonal and r at confusion[k]; a row of the identity where that is k."""
    return mixture(ratio, _confusion(classes))


def _confusion(classes: Classes) -> np.ndarray:
    if classes.confusion is None:
        raise InputError(
            "asymmetric noise needs a confusion map, which this data set does not have"
        )
    return classes.confusion


REGISTRY.register("asymmetric")(NoiseType(asymmetric, expected))

"""Asymmetric noise: classes are mistaken for the one that they resemble."""

import numpy as np

from ieg.data.noise import REGISTRY
from ieg.errors import InputError


@REGISTRY.register("asymmetric")
def asymmetric(
    labels: np.ndarray,
    ratio: float,
    *,
    hit: np.ndarray,
    pick: np.ndarray,
    num_classes: int,
    confusion: np.ndarray | None,
) -> np.ndarray:
    """With probability `ratio` the label y becomes confusion[y] (Patrini et al. 2017, section 5).

    Classes that are mapped to themselves keep their labels, so the share of wrong labels over the
    whole data set is smaller than `ratio`. Arguments and result as in `NoiseType`.
    """
    if confusion is None:
        raise InputError(
            "asymmetric noise needs a confusion map, which this data set does not have"
        )
    return np.where(hit < ratio, confusion[labels], labels)

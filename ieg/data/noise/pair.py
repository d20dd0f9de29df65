"""Pair noise: each class is mistaken for the next one."""

import numpy as np

from ieg.data.noise import REGISTRY, Classes, NoiseType, mixture


def pair(
    labels: np.ndarray, ratio: float, *, hit: np.ndarray, pick: np.ndarray, classes: Classes
) -> np.ndarray:
    """Class k becomes k + 1 modulo K with probability `ratio`, on any data set.

    Pair flipping of Han et al., "Co-teaching: Robust Training of Deep Neural Networks with
    Extremely Noisy Labels", NeurIPS 2018, arXiv 1804.06872. Arguments and result as in
    `Corruption`.
    """
    return np.where(hit < ratio, _next(classes)[labels], labels)


def expected(ratio: float, classes: Classes) -> np.ndarray:
    """[K, K], 1-r on the diagonal and r beside it."""
    return mixture(ratio, _next(classes))


def _next(classes: Classes) -> np.ndarray:
    return np.roll(np.arange(classes.count), -1)


REGISTRY.register("pair")(NoiseType(pair, expected))

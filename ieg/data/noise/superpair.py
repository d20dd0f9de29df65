"""Superpair noise: two classes of each superclass swap a share of their images."""

import numpy as np

from ieg.data.noise import REGISTRY, Classes, NoiseType, mixture
from ieg.errors import InputError


def superpair(
    labels: np.ndarray, ratio: float, *, hit: np.ndarray, pick: np.ndarray, classes: Classes
) -> np.ndarray:
    """In every superclass, a share of class A becomes B, and the same share of B becomes A.

    Exactly floor(ratio · n) of the n images of A, and of B; the two are chosen by the run's seed.
    With superclasses of five, 0.4 · ratio of all labels are wrong (ProSelfLC's asymmetric noise on
    CIFAR-100). Arguments and result as in `Corruption`.
    """
    noisy = labels.copy()
    for one, other in enumerate(partners(classes)):
        if one != other:
            members = np.flatnonzero(labels == one)
            count = int(ratio * len(members))
            noisy[members[np.argsort(hit[members], kind="stable")[:count]]] = other
    return noisy


def expected(ratio: float, classes: Classes) -> np.ndarray:
    """[K, K], 1-r on the diagonal and r at the partner; a row of the identity without a partner."""
    return mixture(ratio, partners(classes))


def partners(classes: Classes) -> np.ndarray:
    """[K] the class that each class swaps images with, itself for those that are left alone.

    Raises:
      InputError: the data set has no superclasses.
    """
    if classes.superclass is None:
        raise InputError("superpair noise needs superclasses, which this data set does not have")
    partner = np.arange(classes.count)
    for group in np.unique(classes.superclass):
        members = np.flatnonzero(classes.superclass == group)
        pair = members[np.argsort(classes.rank[members])[:2]]
        partner[pair] = pair[::-1]
    return partner


REGISTRY.register("superpair")(NoiseType(superpair, expected))

"""Superpair noise: two classes of each superclass swap a share of their labels.

Reference: X. Wang, Y. Hua, E. Kodirov, D. A. Clifton, N. M. Robertson, "ProSelfLC: Progressive Self
Label Correction for Training Robust Deep Neural Networks", CVPR 2021, arXiv 2005.03788; its
asymmetric noise on CIFAR-100.
"""

import numpy as np

from ieg.data.noise import REGISTRY, Classes, NoiseType, mixture
from ieg.errors import InputError


def superpair(
    labels: np.ndarray, ratio: float, *, hit: np.ndarray, pick: np.ndarray, classes: Classes
) -> np.ndarray:
    """Swap a share of the labels of two classes in every superclass.

    Exactly floor(ratio · n) of the n labels of class A become B, and likewise of B. The seed
    chooses the two classes. With superclasses of five, 0.4 · ratio of all labels are wrong.
    Arguments and result as in `Corruption`.
    """
    noisy = labels.copy()
    for one, other in enumerate(partners(classes)):
        if one != other:
            members = np.flatnonzero(labels == one)
            count = int(ratio * len(members))
            noisy[members[np.argsort(hit[members], kind="stable")[:count]]] = other
    return noisy


def expected(ratio: float, classes: Classes) -> np.ndarray:
    """[K, K]: 1-r on the diagonal and r at the partner; a row of the identity without a partner."""
    return mixture(ratio, partners(classes))


def partners(classes: Classes) -> np.ndarray:
    """[K] class that each class swaps labels with; itself for a class without a partner.

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

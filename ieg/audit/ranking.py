"""How well scores rank what is sought above the rest, in plain NumPy."""

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]


def auroc(scores: Scores, sought: Flags) -> float:
    """P(what is sought has a higher score than what is not); equal scores count one half.

    (Σ_{i sought} rank_i - n₁ (n₁ + 1) / 2) / (n₁ n₀)        mean ranks for ties

    Args:
      scores: [n] float.
      sought: [n] bool, neither all nor none.
    """
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(ties) - (ties - 1) / 2)[place]  # 1 for the lowest score
    positive, negative = int(sought.sum()), int((~sought).sum())
    return float((rank[sought].sum() - positive * (positive + 1) / 2) / (positive * negative))


def average_precision(scores: Scores, sought: Flags) -> float:
    """Σ_t (recall_t - recall_{t-1}) precision_t over the distinct scores t from the highest down.

    Args:
      scores: [n] float.
      sought: [n] bool, at least one.
    """
    values, place = np.unique(-scores, return_inverse=True)
    found = np.cumsum(np.bincount(place, weights=sought, minlength=len(values)))
    looked_at = np.cumsum(np.bincount(place, minlength=len(values)))
    return float(np.sum(np.diff(found, prepend=0) * found / looked_at) / found[-1])


def precision_at(scores: Scores, sought: Flags, k: int) -> float:
    """Share of what is sought among the k highest scores; of equal ones the first come first."""
    return float(sought[np.argsort(-scores, kind="stable")[:k]].mean())


def f1(found: Flags, sought: Flags) -> float:
    """2 · #{found and sought} / (#found + #sought), for at least one of either."""
    return float(2 * np.sum(found & sought) / (found.sum() + sought.sum()))

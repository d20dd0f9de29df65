"""Histograms of a value within groups of examples."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BINS = 40


def shares(groups: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float64], list[np.ndarray]]:
    """Edges of the bins that groups share, and the part of each group that falls into each bin.

    Args:
      groups: finite values, none of the groups empty.
    Returns:
      [BINS + 1] edges, and [BINS] shares in [0, 1] for each group.
    """
    edges = np.histogram_bin_edges(np.concatenate(groups), BINS)
    return edges, [np.histogram(values, edges)[0] / len(values) for values in groups]


def log_scale_helps(shares: Sequence[NDArray[np.float64]]) -> bool:
    """True if over 5 % of a group stand in bars below 1/50 of the highest: too low to be seen."""
    invisible = max(share.max() for share in shares) / 50
    return any(share[share < invisible].sum() > 0.05 for share in shares)

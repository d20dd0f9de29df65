"""Loss ranks: places of examples among those with the same given label, by their loss."""

import numpy as np


def cross_entropies(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Cross entropies -log softmax(z)_y, in float64.

    Args:
      logits: [n, K].
      labels: [n] integers in [0, K).
    Returns:
      [n].
    """
    z = logits.astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    return np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels]


def ranks_in_class(losses: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Loss ranks r = ⌊k / (n + 1) · R⌋ at place k of n examples with a label, lowest loss first.

    Args:
      losses: [n]; among equals the earlier example comes first.
      labels: [n] integers, given labels.
      count: R, number of ranks.
    Returns:
      [n] int32 in [0, R); a class with fewer than R examples skips ranks.

    >>> print(ranks_in_class(np.array([0.1, 0.3, 0.1, 5.0]), np.array([0, 0, 0, 1]), 4))
    [0 2 1 0]
    """
    ranks = np.empty(len(losses), np.int32)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        ordered = members[np.argsort(losses[members], kind="stable")]
        # In floating point, as in the released code, where 0.29 · 100 is below 29.
        ranks[ordered] = np.floor(np.arange(len(members)) / (len(members) + 1) * count)
    return ranks

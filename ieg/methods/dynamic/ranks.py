"""Loss ranks: where an example stands among those with the same given label."""

import numpy as np


def cross_entropies(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """-log softmax(z)_y in float64.

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
    """r = ⌊k / (n + 1) · R⌋ of the example at place k of the n with its label, by rising loss.

    Args:
      losses: [n]; among equals the earlier example comes first.
      labels: [n] integers, given labels.
      count: R.
    Returns:
      [n] int32 in [0, R); a class with fewer than R examples leaves ranks out.
    """
    ranks = np.empty(len(losses), np.int32)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        ordered = members[np.argsort(losses[members], kind="stable")]
        # In floating point, as in the release: 0.29 · 100 is below 29.
        ranks[ordered] = np.floor(np.arange(len(members)) / (len(members) + 1) * count)
    return ranks

"""Confidence of a network in its predictions, and its loss on labels."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax


def mean_loss(logits: ArrayLike, labels: ArrayLike) -> float:
    """Mean cross entropy -log softmax(z)_y.

    Args:
      logits: [N, K] float.
      labels: [N] int in [0, K).
    Returns:
      at least 0; nan without examples, or when a row has no softmax (NaN or +inf).
    """
    log_p, classes = _log_softmax(logits), np.asarray(labels)
    if not len(log_p):
        return math.nan
    return float(-np.take_along_axis(log_p, classes[:, None], axis=1).mean())


def probabilities(logits: ArrayLike) -> NDArray[np.float64]:
    """Softmax: [N, K] logits → [N, K]; a row without one (NaN or +inf) is nan."""
    return np.exp(_log_softmax(logits))


def normalized_entropy(logits: ArrayLike) -> float:
    """Mean of H(p) / log K: 0 for certainty, 1 for the same probability of all classes.

    Args:
      logits: [N, K] float, K >= 2.
    Returns:
      in [0, 1]; nan as for `mean_loss`.
    """
    log_p = _log_softmax(logits)
    if not len(log_p):
        return math.nan
    p = np.exp(log_p)
    terms = np.where(p == 0, 0.0, p * np.where(p == 0, 0.0, log_p))  # 0 log 0 is 0
    return float(-terms.sum(axis=1).mean() / math.log(log_p.shape[1]))


def mean_max_probability(logits: ArrayLike) -> float:
    """Mean of max_k p_k.

    Args:
      logits: [N, K] float.
    Returns:
      in [1/K, 1]; nan as for `mean_loss`.
    """
    log_p = _log_softmax(logits)
    return float(np.exp(log_p.max(axis=1)).mean()) if len(log_p) else math.nan


def _log_softmax(logits: ArrayLike) -> NDArray[np.float64]:
    wide = np.asarray(logits, np.float64)  # [N, K]
    # Of SciPy's result for +inf only a part is nan, and the mean is to be.
    unusable = (np.isnan(wide) | (wide == np.inf)).any(axis=1, keepdims=True)
    return log_softmax(np.where(unusable, np.nan, wide), axis=1)

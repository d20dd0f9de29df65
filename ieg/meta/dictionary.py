"""FSR's dictionary: the training examples that it trusts most, in the place of clean data."""

import numpy as np
import tensorflow as tf


def updated_scores(scores: tf.Tensor, margins: tf.Tensor, beta: float) -> tf.Tensor:
    """Low scores for examples whose loss falls when the look-ahead serves the dictionary.

    r ← β r - (1 - β) m   for β < 1,        r ← r - β m   for β ≥ 1        FSR, section 3.2

    Args:
      scores: [B] float32, r of the examples of a batch.
      margins: [B] float32, m = loss before the look-ahead minus loss after it.
      beta: β ≥ 0.
    Returns:
      [B] float32.
    """
    if beta >= 1:
        return scores - beta * margins
    return beta * scores - (1 - beta) * margins


def lowest_scores(
    scores: np.ndarray, labels: np.ndarray, indices: np.ndarray, *, capacity: int, num_classes: int
) -> np.ndarray:
    """The examples of each class with the lowest scores, lower index first among equals.

    Args:
      scores: [N] of the whole training split.
      labels: [N] integers in [0, K), given labels.
      indices: [n] examples that may be chosen.
      capacity: of the dictionary, m = capacity // K for each class.
      num_classes: K.
    Returns:
      [K, m] examples; a class with fewer than m repeats its own.
    """
    rows = []
    for k in range(num_classes):
        members = np.sort(indices[labels[indices] == k])
        ordered = members[np.argsort(scores[members], kind="stable")]
        rows.append(np.resize(ordered, capacity // num_classes))
    return np.stack(rows)

"""FSR's dictionary: the training examples that it trusts most, used in place of clean data.

Zhang and Pfister, "Learning Fast Sample Re-weighting Without Reward Data", ICCV 2021 (arXiv
2109.03216).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def updated_scores(scores: tf.Tensor, margins: tf.Tensor, beta: float) -> tf.Tensor:
    """Running scores of examples; low where a look-ahead for the dictionary lowers their loss.

    r ← β r - (1 - β) m   for β < 1,        r ← r - β m   for β ≥ 1

    Source: FSR (see above), section 3.2.

    Args:
      scores: [B] float32, r of the examples of a batch.
      margins: [B] float32, m = loss before the look-ahead minus loss after it.
      beta: β ≥ 0.
    Returns:
      [B] float32.

    >>> scores, margins = tf.constant([1.0, 1.0]), tf.constant([0.5, -0.5])
    >>> print(updated_scores(scores, margins, beta=0.9).numpy().round(3))
    [0.85 0.95]
    >>> print(updated_scores(scores, margins, beta=1.0).numpy())
    [0.5 1.5]
    """
    if beta >= 1:
        return scores - beta * margins
    return beta * scores - (1 - beta) * margins


def lowest_scores(
    scores: np.ndarray, labels: np.ndarray, indices: np.ndarray, *, capacity: int, num_classes: int
) -> np.ndarray:
    """Indices of the examples with the lowest scores in each class, lower index first among equals.

    Args:
      scores: [N] float, of the whole training split.
      labels: [N] integers in [0, K), given labels.
      indices: [n] candidates, at least one of each class.
      capacity: size of the dictionary; each class gets m = capacity // K.
      num_classes: K.
    Returns:
      [K, m] indices; a class with fewer than m candidates repeats them.

    >>> scores, labels = np.array([0.3, 0.1, 0.2, 0.5]), np.array([0, 0, 0, 1])
    >>> print(lowest_scores(scores, labels, np.arange(4), capacity=4, num_classes=2))
    [[1 2]
     [3 3]]
    """
    rows = []
    for k in range(num_classes):
        members = np.sort(indices[labels[indices] == k])
        ordered = members[np.argsort(scores[members], kind="stable")]
        rows.append(np.resize(ordered, capacity // num_classes))
    return np.stack(rows)

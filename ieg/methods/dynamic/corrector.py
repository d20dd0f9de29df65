"""Label corrector: trust in a given label, by its class and the rank of its loss."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ieg.methods.dynamic import perceptron

#: Initial bias of the last layer: σ(3.98) = 0.98, so all labels are trusted at first.
LAST_BIAS = 3.98


def trust_table(weights: Sequence[tf.Tensor], activation: str = "relu") -> tf.Tensor:
    """Trust in a label by loss rank and class.

    g(r, c) = σ(MLP(E_r))_c        Dynamic Loss, the label corrector

    Args:
      weights: φ_L, as from `perceptron.start` with one row per rank.
      activation: activation function of the hidden layers.
    Returns:
      [R, K] in (0, 1), or [R, 1] if all classes share one.
    """
    return tf.sigmoid(perceptron.outputs(weights, activation))


def trust_of(table: tf.Tensor, ranks: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Trust in each given label, s_i = g(r_i, y_i).

    Selected by matrix products, so that every row of the table has a gradient.

    Args:
      table: [R, K] or [R, 1].
      ranks: [B] integers in [0, R).
      labels: [B] integers in [0, K), given labels.
    Returns:
      [B] in (0, 1).

    >>> print(trust_of(tf.constant([[0.9, 0.8], [0.2, 0.1]]), [0, 1], [1, 0]).numpy())
    [0.8 0.2]
    """
    rows = tf.one_hot(ranks, table.shape[0], dtype=table.dtype) @ table
    if table.shape[1] == 1:
        return rows[:, 0]
    return tf.reduce_sum(rows * tf.one_hot(labels, table.shape[1], dtype=table.dtype), axis=1)


def draw_labels(logits: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Draw a label per example from its softmax, the first one whose cumulated p exceeds u.

    Args:
      logits: z [B, K].
      uniform: u [B] in [0, 1).
    Returns:
      [B] int32 in [0, K).

    >>> print(draw_labels(tf.zeros([2, 2]), tf.constant([0.4, 0.6])).numpy())
    [0 1]
    """
    reached = tf.cumsum(tf.nn.softmax(logits), axis=1)[:, :-1] <= uniform[:, tf.newaxis]
    return tf.reduce_sum(tf.cast(reached, tf.int32), axis=1)


def pretraining_loss(corrected: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Loss that teaches the corrector to trust labels which the network has not learned yet.

    -log(y~_y + 1e-8)        as released

    Args:
      corrected: y~ [B, K].
      labels: y [B], given labels.
    Returns:
      [B].
    """
    given = tf.one_hot(labels, corrected.shape[1], dtype=corrected.dtype)
    return -tf.math.log(tf.reduce_sum(corrected * given, axis=1) + 1e-8)

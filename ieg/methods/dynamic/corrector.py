"""The label corrector: how far a given label is trusted, by its class and the rank of its loss."""

from collections.abc import Sequence

import tensorflow as tf

from ieg.methods.dynamic import perceptron

#: Of the last layer: σ(3.98) = 0.98, so that all labels are trusted at first.
LAST_BIAS = 3.98


def trust_table(weights: Sequence[tf.Tensor], activation: str = "relu") -> tf.Tensor:
    """g(r, c) = σ(MLP(E_r))_c        Dynamic Loss, the label corrector

    Args:
      weights: φ_L, of `perceptron.start` with as many rows as ranks.
      activation: of the hidden layers.
    Returns:
      [R, K] in (0, 1), or [R, 1] when all classes share one.
    """
    return tf.sigmoid(perceptron.outputs(weights, activation))


def trust_of(table: tf.Tensor, ranks: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """s_i = g(r_i, y_i), taken out by products so that every row of the table has a gradient.

    Args:
      table: [R, K] or [R, 1].
      ranks: [B] integers in [0, R).
      labels: [B] integers in [0, K), given labels.
    Returns:
      [B] in (0, 1).
    """
    rows = tf.one_hot(ranks, table.shape[0], dtype=table.dtype) @ table
    if table.shape[1] == 1:
        return rows[:, 0]
    return tf.reduce_sum(rows * tf.one_hot(labels, table.shape[1], dtype=table.dtype), axis=1)


def draw_labels(logits: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """One label per example from Categorical(softmax(z)): the first whose sum of p exceeds u.

    Args:
      logits: z [B, K].
      uniform: u [B] in [0, 1).
    Returns:
      [B] int32 in [0, K).
    """
    reached = tf.cumsum(tf.nn.softmax(logits), axis=1)[:, :-1] <= uniform[:, tf.newaxis]
    return tf.reduce_sum(tf.cast(reached, tf.int32), axis=1)


def pretraining_loss(corrected: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """-log(y~_y + 1e-8): teaches the corrector to trust what the network may still learn.

    Args:
      corrected: y~ [B, K].
      labels: y [B], given labels.
    Returns:
      [B].
    """
    given = tf.one_hot(labels, corrected.shape[1], dtype=corrected.dtype)
    return -tf.math.log(tf.reduce_sum(corrected * given, axis=1) + 1e-8)

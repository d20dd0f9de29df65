"""Mixup: convex combinations of pairs of examples and of their labels.

Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018,
arXiv 1710.09412; coefficients as in the IEG release, see `coefficient`.
"""

from __future__ import annotations

import tensorflow as tf

from ieg import replicas


def mix_batch(seed: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
    """Mix the rows of this replica with partners drawn from the global batch.

    Args:
      seed: [2] integers, for `tf.random.stateless_*`, the same on every replica.
      values: [B, ...] float32 each, such as images and their labels; all are mixed alike.
    Returns:
      One [B, ...] for each of `values`.
    """
    size = values[0].shape[0]
    mine = replicas.own_rows(size)
    coefficients, partners = (tf.gather(x, mine) for x in draw(seed, size * replicas.count()))
    return [mix(x, tf.gather(replicas.gather(x), partners), coefficients) for x in values]


def draw(seed: tf.Tensor, size: int, beta: float = 0.5) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw coefficients and partners for a batch.

    Args:
      seed: [2] integers, for `tf.random.stateless_*`.
      size: B.
      beta: β > 0 of `coefficient`; smaller values mix less.
    Returns:
      Coefficients [B] float32 in [0.5, 1], and partners [B] int32, a permutation of the rows.
    """
    seeds = tf.random.split(seed, 2)
    order = tf.argsort(tf.random.stateless_uniform([size], seeds[1]))
    return coefficient(tf.random.stateless_uniform([size], seeds[0]), beta), order


def coefficient(u: tf.Tensor, beta: float = 0.5) -> tf.Tensor:
    """Share that an example keeps of itself: max(m, 1 - m) with m = u^(1/β) / 2.

    With u ~ U(0, 1) this stands in for Beta(β, β) in the IEG release; the share is never below ½.

    Args:
      u: [B] in [0, 1).
      beta: β > 0.
    Returns:
      [B] in [0.5, 1].

    >>> coefficient(tf.constant([0.0, 0.5, 1.0])).numpy().tolist()
    [1.0, 0.875, 0.5]
    """
    m = u ** (1 / beta) / 2
    return tf.maximum(m, 1 - m)


def mix(values: tf.Tensor, others: tf.Tensor, coefficients: tf.Tensor) -> tf.Tensor:
    """Convex combination of rows: c_i values_i + (1 - c_i) others_i.

    Args:
      values, others: [B, ...] float32.
      coefficients: [B] in [0, 1].
    Returns:
      [B, ...].

    >>> mix(tf.constant([[1.0, 0.0]]), tf.constant([[0.0, 1.0]]), tf.constant([0.75])).numpy()
    array([[0.75, 0.25]], dtype=float32)
    """
    share = tf.reshape(coefficients, [-1] + [1] * (len(values.shape) - 1))
    return share * values + (1 - share) * others

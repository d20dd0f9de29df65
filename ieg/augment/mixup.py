"""MixUp: convex combinations of examples and of their labels.

Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, with IEG's coefficients.
"""

import tensorflow as tf

from ieg import replicas


def mix_batch(seed: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
    """MixUp of the global batch: the rows of this replica, each with a partner from anywhere.

    Args:
      seed: [2] integers, of `tf.random.stateless_*`, the same on every replica.
      values: [B, ...] float32 each, such as images and their labels; all are mixed alike.
    Returns:
      [B, ...] each.
    """
    size = values[0].shape[0]
    mine = replicas.own_rows(size)
    coefficients, partners = (tf.gather(x, mine) for x in draw(seed, size * replicas.count()))
    return [mix(x, tf.gather(replicas.gather(x), partners), coefficients) for x in values]


def draw(seed: tf.Tensor, size: int, beta: float = 0.5) -> tuple[tf.Tensor, tf.Tensor]:
    """Coefficients and partners of a batch.

    m = u^(1/β) / 2,  u ~ U(0, 1),  coefficient max(m, 1 - m)        as in the IEG release,
    where it stands in for Beta(β, β); an example always keeps the larger share of itself.

    Args:
      seed: [2] integers, of `tf.random.stateless_*`.
      size: B.
      beta: β > 0; smaller values mix less.
    Returns:
      coefficients [B] float32 in [0.5, 1], and partners [B] int32, a permutation of the rows.
    """
    seeds = tf.random.split(seed, 2)
    order = tf.argsort(tf.random.stateless_uniform([size], seeds[1]))
    return coefficient(tf.random.stateless_uniform([size], seeds[0]), beta), order


def coefficient(u: tf.Tensor, beta: float = 0.5) -> tf.Tensor:
    """max(m, 1 - m) with m = u^(1/β) / 2, for u [B] in [0, 1)."""
    m = u ** (1 / beta) / 2
    return tf.maximum(m, 1 - m)


def mix(values: tf.Tensor, others: tf.Tensor, coefficients: tf.Tensor) -> tf.Tensor:
    """c_i values_i + (1 - c_i) others_i.

    Args:
      values, others: [B, ...] float32.
      coefficients: [B] in [0, 1].
    Returns:
      [B, ...].
    """
    share = tf.reshape(coefficients, [-1] + [1] * (len(values.shape) - 1))
    return share * values + (1 - share) * others

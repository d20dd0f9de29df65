"""Mixed labels: one target from the given and the predicted class.

From the ISIC-2019 experiments that were published as code (`learning-to-reweight-examples` by
Cute77 on GitHub); there is no paper.
"""

from __future__ import annotations

import tensorflow as tf

from ieg.losses.cross_entropy import soft_targets


def mixed_label(labels: tf.Tensor, logits: tf.Tensor, trust: tf.Tensor) -> tf.Tensor:
    """One-hot vectors of given and predicted class, mixed by the trust in the given one.

    q_i = β_i onehot(y_i) + (1 - β_i) onehot(ŷ_i),  ŷ_i = argmax_k z_ik

    Args:
      labels: [B] integers in [0, K), y.
      logits: [B, K] float32, z.
      trust: [B] float32 in [0, 1], β.
    Returns:
      [B, K] float32, rows sum to 1; no gradient runs to the logits.

    >>> logits = tf.math.log([[0.7, 0.2, 0.1]])
    >>> print(mixed_label(tf.constant([1]), logits, tf.constant([0.25])).numpy())
    [[0.75 0.25 0.  ]]
    """
    num_classes = logits.shape[-1]
    predicted = tf.one_hot(tf.argmax(logits, axis=-1), num_classes)
    return soft_targets(tf.one_hot(labels, num_classes), predicted, trust)


def mixed_index(labels: tf.Tensor, logits: tf.Tensor, trust: tf.Tensor) -> tf.Tensor:
    """One-hot vector of a class number between those of the given and the predicted class.

    q_i = onehot(⌊β_i y_i + (1 - β_i) ŷ_i⌋)

    The released code uses it in place of `mixed_label`. The class may be a third one that has
    nothing to do with either (1 and 5 make 3), and even where both agree rounding can give the one
    below.

    Args:
      labels: [B] integers in [0, K), y.
      logits: [B, K] float32, z.
      trust: [B] float32 in [0, 1], β.
    Returns:
      [B, K] float32, rows sum to 1; no gradient runs to the logits.

    >>> logits = tf.math.log([[0.7, 0.2, 0.1]])
    >>> print(mixed_index(tf.constant([2]), logits, tf.constant([0.5])).numpy())
    [[0. 1. 0.]]
    """
    given = tf.cast(labels, tf.float32)
    predicted = tf.cast(tf.argmax(logits, axis=-1), tf.float32)
    between = tf.cast(trust * given + (1 - trust) * predicted, tf.int32)  # rounds down
    return tf.one_hot(between, logits.shape[-1])

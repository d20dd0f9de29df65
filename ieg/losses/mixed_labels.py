"""Given and predicted class mixed into one target, as far as the given one is trusted."""

import tensorflow as tf

from ieg.losses.cross_entropy import soft_targets


def mixed_label(labels: tf.Tensor, logits: tf.Tensor, trust: tf.Tensor) -> tf.Tensor:
    """The target that stands between the given and the predicted class.

    q_i = β_i onehot(y_i) + (1 - β_i) onehot(ŷ_i),  ŷ_i = argmax_k z_ik

    Args:
      labels: [B] integers in [0, K), y.
      logits: [B, K] float32, z.
      trust: [B] float32 in [0, 1], β.
    Returns:
      [B, K] float32, rows sum to 1; nothing of it has a gradient in the logits.
    """
    num_classes = logits.shape[-1]
    predicted = tf.one_hot(tf.argmax(logits, axis=-1), num_classes)
    return soft_targets(tf.one_hot(labels, num_classes), predicted, trust)


def mixed_index(labels: tf.Tensor, logits: tf.Tensor, trust: tf.Tensor) -> tf.Tensor:
    """One class whose number lies between those of the given and the predicted one.

    q_i = onehot(⌊β_i y_i + (1 - β_i) ŷ_i⌋)

    What the released code does in the place of `mixed_label`: the class may be a third one that has
    nothing to do with either (1 and 5 make 3), and even where both agree rounding can give the one
    below.

    Args and returns: those of `mixed_label`.
    """
    given = tf.cast(labels, tf.float32)
    predicted = tf.cast(tf.argmax(logits, axis=-1), tf.float32)
    between = tf.cast(trust * given + (1 - trust) * predicted, tf.int32)  # cuts off what follows
    return tf.one_hot(between, logits.shape[-1])

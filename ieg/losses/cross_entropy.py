"""Cross entropy against soft targets, and the targets."""

import tensorflow as tf

from ieg.losses.registry import LossInput, LossOutput, register


def cross_entropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Cross entropy per example.

    ce(q, z) = -Σ_k q_k log softmax(z)_k

    Args:
      targets: [B, K] float32; rows usually sum to 1.
      logits: [B, K] float32.
    Returns:
      [B] float32.
    """
    return -tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=-1)


def label_smoothing(labels: tf.Tensor, num_classes: int, epsilon: float) -> tf.Tensor:
    """One-hot labels mixed with the uniform distribution.

    q = (1 - ε) onehot(y) + ε / K        Szegedy et al. 2016, section 7

    Args:
      labels: [B] integers in [0, K).
      num_classes: K.
      epsilon: in [0, 1); 0 gives one-hot labels.
    Returns:
      [B, K] float32.
    """
    return (1 - epsilon) * tf.one_hot(labels, num_classes) + epsilon / num_classes


def soft_targets(given: tf.Tensor, other: tf.Tensor, trust: tf.Tensor) -> tf.Tensor:
    """Given labels as far as they are trusted, another guess for the rest.

    q_i = λ_i given_i + (1 - λ_i) other_i        IEG, eq. 3

    Args:
      given, other: [B, K] distributions.
      trust: [B] in [0, 1], or a scalar.
    Returns:
      [B, K].
    """
    share = tf.reshape(tf.broadcast_to(trust, tf.shape(given)[:1]), [-1, 1])
    return share * given + (1 - share) * other


def _smoothed(batch: LossInput, options: object) -> LossOutput:
    num_classes = len(batch.course.class_counts)
    targets = label_smoothing(batch.labels, num_classes, batch.course.label_smoothing)
    return LossOutput(cross_entropy(targets, batch.logits))


register("ce", requires={})(_smoothed)
register("label_smoothing", requires={}, defaults={"label_smoothing": 0.5})(_smoothed)

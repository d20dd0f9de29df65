"""Cross entropy with soft targets, and two kinds of soft targets."""

from __future__ import annotations

import tensorflow as tf

from ieg.losses.registry import LossInput, LossOutput, register


def cross_entropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Cross entropy of softmax predictions with soft targets, per example.

    H(q, softmax(z)) = -Σ_k q_k log softmax(z)_k

    Args:
      targets: [B, K] float32, q; rows usually sum to 1. A gradient runs through them too.
      logits: [B, K] float32, z.
    Returns:
      [B] float32.

    >>> logits = tf.math.log([[0.75, 0.25]])
    >>> print(cross_entropy(tf.constant([[0.0, 1.0]]), logits).numpy().round(3))  # log 4
    [1.386]
    """
    return -tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=-1)


def label_smoothing(labels: tf.Tensor, num_classes: int, epsilon: float) -> tf.Tensor:
    """One-hot labels mixed with the uniform distribution.

    q = (1 - ε) onehot(y) + ε / K

    Source: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception Architecture for
    Computer Vision", CVPR 2016 (arXiv 1512.00567), section 7.

    Args:
      labels: [B] integers in [0, K).
      num_classes: K.
      epsilon: ε in [0, 1); 0 gives one-hot labels.
    Returns:
      [B, K] float32, rows sum to 1.

    >>> print(label_smoothing(tf.constant([2]), 4, 0.2).numpy().round(3))
    [[0.05 0.05 0.85 0.05]]
    """
    return (1 - epsilon) * tf.one_hot(labels, num_classes) + epsilon / num_classes


def soft_targets(given: tf.Tensor, other: tf.Tensor, trust: tf.Tensor) -> tf.Tensor:
    """Given labels mixed with another guess, by the trust in each given label.

    q_i = λ_i given_i + (1 - λ_i) other_i

    Source: Zhang, Zhang, Arık, Lee and Pfister, "Distilling Effective Supervision from Severe
    Label Noise" (IEG), CVPR 2020 (arXiv 1910.00701), eq. 3.

    Args:
      given, other: [B, K] distributions.
      trust: λ, [B] in [0, 1], or a scalar for all.
    Returns:
      [B, K].

    >>> given, other = tf.constant([[1.0, 0.0]] * 2), tf.constant([[0.5, 0.5]] * 2)
    >>> print(soft_targets(given, other, tf.constant([0.25, 0.5])).numpy())
    [[0.625 0.375]
     [0.75  0.25 ]]
    """
    share = tf.reshape(tf.broadcast_to(trust, tf.shape(given)[:1]), [-1, 1])
    return share * given + (1 - share) * other


def _smoothed(batch: LossInput, options: object) -> LossOutput:
    num_classes = len(batch.course.class_counts)
    targets = label_smoothing(batch.labels, num_classes, batch.course.label_smoothing)
    return LossOutput(cross_entropy(targets, batch.logits))


register("ce", smooths_labels=True)(_smoothed)
register("label_smoothing", smooths_labels=True, defaults={"label_smoothing": 0.5})(_smoothed)

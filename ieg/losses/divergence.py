"""Divergence between two predictions."""

from __future__ import annotations

import tensorflow as tf


def kl_divergence(logits_p: tf.Tensor, logits_q: tf.Tensor) -> tf.Tensor:
    """Kullback-Leibler divergence of two softmax predictions, per example.

    KL(p ‖ q) = Σ_k p_k (log p_k - log q_k),  p = softmax(logits_p), q = softmax(logits_q)

    Args:
      logits_p, logits_q: [B, K] float32.
    Returns:
      [B] float32, at least 0; the gradient runs through both.

    0.75 log 1.5 + 0.25 log 0.5:

    >>> print(kl_divergence(tf.math.log([[0.75, 0.25]]), tf.zeros([1, 2])).numpy().round(3))
    [0.131]
    """
    log_p, log_q = tf.nn.log_softmax(logits_p), tf.nn.log_softmax(logits_q)
    return tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=-1)

"""How far one prediction is from another."""

import tensorflow as tf


def kl_divergence(logits_p: tf.Tensor, logits_q: tf.Tensor) -> tf.Tensor:
    """Kullback-Leibler divergence per example.

    KL(p ‖ q) = Σ_k p_k (log p_k - log q_k),  p = softmax(logits_p), q = softmax(logits_q)

    Args:
      logits_p, logits_q: [B, K] float32.
    Returns:
      [B] float32, at least 0; the gradient runs through both.
    """
    log_p, log_q = tf.nn.log_softmax(logits_p), tf.nn.log_softmax(logits_q)
    return tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=-1)

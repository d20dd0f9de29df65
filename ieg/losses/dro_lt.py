"""DRO-LT's loss: features near the centroid of their class, even where that is uncertain.

Samuel and Chechik, "Distributional Robustness Loss for Long-Tail Learning", ICCV 2021 (arXiv
2104.03066), in the form of the released code.
"""

from __future__ import annotations

import tensorflow as tf

_SMALLEST_SQUARE = 1e-12  # the root has no gradient at 0


def dro_lt_class_losses(
    features: tf.Tensor,
    labels: tf.Tensor,
    centroids: tf.Tensor,
    margins: tf.Tensor,
    temperature: float,
) -> tf.Tensor:
    """Distributional robustness loss of each class, over the examples of a batch.

    s_kb = -(‖M_k - z_b‖ + ε_k [y_b = k]) / τ
    L_k = -mean over b with y_b = k of (s_kb - log Σ_b' exp s_kb')

    The softmax runs over the batch, once per centroid. A class with n examples in the batch has at
    least log n. The margin is the radius of the ball in which the true centroid may lie: with
    P_k the share that class k has in its softmax, ∂L_k/∂ε_k = (1 - P_k) / τ ≥ 0. So descent always
    lowers a learned margin, and nothing in the loss keeps it from going below zero.

    Source: DRO-LT (see above), as released.

    Args:
      features: [B, D] of the global batch, not normalized.
      labels: [B] integers in [0, K).
      centroids: [K, D] M; constants, no gradient goes to them.
      margins: [K] ε.
      temperature: τ > 0.
    Returns:
      [K]; 0 for a class without examples in the batch. Takes memory for K B D numbers.

    Each centroid lies on its example and 2 from the other: log(1 + exp(ε - 2)).

    >>> points, labels = tf.constant([[0.0], [2.0]]), tf.constant([0, 1])
    >>> margins = tf.constant([1.0, 0.0])
    >>> print(dro_lt_class_losses(points, labels, points, margins, 1.0).numpy().round(3))
    [0.313 0.127]
    """
    offsets = tf.stop_gradient(centroids)[:, tf.newaxis] - features  # [K, B, D]
    squares = tf.reduce_sum(tf.square(offsets), axis=-1)
    distances = tf.sqrt(tf.maximum(squares, _SMALLEST_SQUARE))  # [K, B]
    own = tf.one_hot(labels, centroids.shape[0], axis=0)  # [K, B]
    scores = -(distances + margins[:, tf.newaxis] * own) / temperature
    kept = tf.reduce_sum(own * tf.nn.log_softmax(scores, axis=1), axis=1)
    return -tf.math.divide_no_nan(kept, tf.reduce_sum(own, axis=1))


def dro_lt_mean(
    losses: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None = None
) -> tf.Tensor:
    """Mean of the class losses of a batch.

    Without weights the mean over the classes of the batch; else Σ_k w_k L_k / Σ_k w_k over all of
    them, so that a class which the batch lacks makes the loss smaller, as released.

    Args:
      losses: [K], from `dro_lt_class_losses`.
      labels: [B] integers in [0, K).
      weights: [K] w, at least 0.
    Returns:
      scalar.

    >>> losses, labels = tf.constant([0.6, 0.4, 0.0]), tf.constant([0, 1])
    >>> print(dro_lt_mean(losses, labels).numpy().round(3))
    0.5
    >>> print(dro_lt_mean(losses, labels, tf.constant([1.0, 1.0, 2.0])).numpy().round(3))
    0.25
    """
    if weights is not None:
        return tf.reduce_sum(weights * losses) / tf.reduce_sum(weights)
    present = tf.reduce_max(tf.one_hot(labels, losses.shape[0], axis=0), axis=1)
    return tf.reduce_sum(losses) / tf.reduce_sum(present)

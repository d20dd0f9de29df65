"""Mean absolute error of a prediction, and the square of it."""

from __future__ import annotations

import tensorflow as tf

from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import label_log_probability


def mae(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean absolute error: half the L1 distance of prediction and label.

    ½ Σ_j |p_j - q_j| = 1 - p_y;  ∂/∂z = p_y (p - q)

    Bounded, and its sum over all labels is constant (K - 1), so uniform label noise at a rate below
    (K - 1) / K leaves the minimum of the risk where it is.

    Source: Ghosh, Kumar and Sastry, "Robust Loss Functions under Label Noise for Deep Neural
    Networks", AAAI 2017 (arXiv 1712.09482).

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
    Returns:
      [B] in [0, 1].

    >>> print(mae(tf.constant([1]), tf.math.log([[0.7, 0.2, 0.1]])).numpy().round(3))
    [0.8]
    """
    return -tf.math.expm1(label_log_probability(labels, logits))


def mse(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Squared error of the label's probability alone, (1 - p_y)².

    ∂/∂z = 2 p_y (1 - p_y) (p - q)

    The square of `mae`. It is not the mean squared error of the whole distribution (Brier score),
    Σ_j (p_j - q_j)², which also depends on the other classes.

    Source: Wang, Kodirov, Hua and Robertson, "Derivative Manipulation for General Example
    Weighting", 2019 (arXiv 1905.11233), where it bears the name MSE.

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
    Returns:
      [B] in [0, 1].

    >>> print(mse(tf.constant([1]), tf.math.log([[0.7, 0.2, 0.1]])).numpy().round(3))
    [0.64]
    """
    return tf.square(mae(labels, logits))


@register("mae")
def _mae(batch: LossInput, options: object) -> LossOutput:
    return LossOutput(mae(batch.labels, batch.logits))


@register("mse")
def _mse(batch: LossInput, options: object) -> LossOutput:
    return LossOutput(mse(batch.labels, batch.logits))

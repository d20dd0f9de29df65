"""Mean absolute and mean squared error of the label's probability."""

import tensorflow as tf

from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import label_log_probability


def mae(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean absolute error between prediction and label, as half the L1 distance.

    ½ Σ_j |p_j - q_j| = 1 - p_y;  ∂/∂z = p_y (p - q)        Ghosh et al. 2017

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
    Returns:
      [B] in [0, 1].
    """
    return -tf.math.expm1(label_log_probability(labels, logits))


def mse(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean squared error of the label's probability.

    (1 - p_y)²;  ∂/∂z = 2 p_y (1 - p_y) (p - q)        arXiv 1905.11233

    Args and range are those of `mae`.
    """
    return tf.square(mae(labels, logits))


@register("mae")
def _mae(batch: LossInput, options: object) -> LossOutput:
    return LossOutput(mae(batch.labels, batch.logits))


@register("mse")
def _mse(batch: LossInput, options: object) -> LossOutput:
    return LossOutput(mse(batch.labels, batch.logits))

"""Focal loss: well-fitted examples count less."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ieg.losses.absolute_error import mae
from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import label_log_probability
from ieg.options import option


@dataclass(frozen=True)
class Options:
    """Options of the focal loss."""

    focal_gamma: float = option(
        1.0,
        "focusing parameter γ: larger values give well-fitted examples less weight; 0: cross "
        "entropy",
        at_least=0,
    )


def focal(labels: tf.Tensor, logits: tf.Tensor, gamma: float = 1.0) -> tf.Tensor:
    """Focal loss: cross entropy times a power of the error.

    -(1 - p_y)^γ log p_y

    Source: Lin, Goyal, Girshick, He and Dollár, "Focal Loss for Dense Object Detection", ICCV 2017
    (arXiv 1708.02002), eq. 4.

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      gamma: γ >= 0.
    Returns:
      [B], at least 0. Class weights multiply it and are not part of p_y.
    Raises:
      ValueError: γ is negative.

    -0.8² log 0.2:

    >>> print(focal(tf.constant([1]), tf.math.log([[0.7, 0.2, 0.1]]), gamma=2).numpy().round(3))
    [1.03]
    """
    if gamma < 0:
        raise ValueError(f"gamma must be at least 0, got {gamma}")
    ce = -label_log_probability(labels, logits)
    # The power has an infinite slope at 0 for γ < 1; cross entropy is 0 there and wins.
    rest = tf.maximum(mae(labels, logits), 1e-12)
    return rest**gamma * ce


@register("focal", Options, weighted_mean=False)
def _chosen(batch: LossInput, options: Options) -> LossOutput:
    return LossOutput(focal(batch.labels, batch.logits, options.focal_gamma))

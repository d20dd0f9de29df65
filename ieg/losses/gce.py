"""Generalised cross entropy, between cross entropy and absolute error."""

from dataclasses import dataclass

import tensorflow as tf

from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import label_log_probability
from ieg.options import option


@dataclass(frozen=True)
class Options:
    """Options of generalised cross entropy."""

    gce_q: float = option(
        0.7, "near 0 it is cross entropy, at 1 mean absolute error", above=0, at_most=1
    )


def gce(labels: tf.Tensor, logits: tf.Tensor, q: float = 0.7) -> tf.Tensor:
    """Generalised cross entropy.

    (1 - p_y^q) / q;  ∂/∂z = p_y^q (p - onehot(y))        Zhang and Sabuncu 2018

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      q: in (0, 1].
    Returns:
      [B] in [0, 1/q].
    Raises:
      ValueError: q is out of range.
    """
    if not 0 < q <= 1:
        raise ValueError(f"q must be in (0, 1], got {q}")
    return -tf.math.expm1(q * label_log_probability(labels, logits)) / q


@register("gce", Options)
def _chosen(batch: LossInput, options: Options) -> LossOutput:
    return LossOutput(gce(batch.labels, batch.logits, options.gce_q))

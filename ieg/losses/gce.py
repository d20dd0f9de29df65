"""Generalized cross entropy, between cross entropy and absolute error."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import label_log_probability
from ieg.options import option


@dataclass(frozen=True)
class Options:
    """Options of generalized cross entropy."""

    gce_q: float = option(
        0.7,
        "exponent q: near 0 the loss is cross entropy, at 1 it is mean absolute error",
        above=0,
        at_most=1,
    )


def gce(labels: tf.Tensor, logits: tf.Tensor, q: float = 0.7) -> tf.Tensor:
    """Generalized cross entropy: the negative Box-Cox transform of the label's probability.

    (1 - p_y^q) / q;  ∂/∂z = p_y^q (p - onehot(y))

    Source: Zhang and Sabuncu, "Generalized Cross Entropy Loss for Training Deep Neural Networks
    with Noisy Labels", NeurIPS 2018 (arXiv 1805.07836).

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      q: in (0, 1]; 1 gives `mae`, the limit 0 cross entropy.
    Returns:
      [B] in [0, 1/q].
    Raises:
      ValueError: q is out of range.

    2 (1 - √0.2):

    >>> print(gce(tf.constant([1]), tf.math.log([[0.7, 0.2, 0.1]]), q=0.5).numpy().round(3))
    [1.106]
    """
    if not 0 < q <= 1:
        raise ValueError(f"q must be in (0, 1], got {q}")
    return -tf.math.expm1(q * label_log_probability(labels, logits)) / q


@register("gce", Options)
def _chosen(batch: LossInput, options: Options) -> LossOutput:
    return LossOutput(gce(batch.labels, batch.logits, options.gce_q))

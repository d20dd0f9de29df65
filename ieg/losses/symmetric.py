"""Symmetric cross entropy: cross entropy plus its reverse, with label and prediction exchanged."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ieg.losses.absolute_error import mae
from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import label_log_probability
from ieg.options import option


@dataclass(frozen=True)
class Options:
    """Options of symmetric cross entropy."""

    sce_forward: float = option(0.1, "weight of cross entropy", at_least=0)
    sce_reverse: float = option(
        4.0,
        "weight of reverse cross entropy times -log 0, which is set to 4",
        at_least=0,
    )


def symmetric_cross_entropy(
    labels: tf.Tensor, logits: tf.Tensor, forward: float = 0.1, reverse: float = 4.0
) -> tf.Tensor:
    """Cross entropy plus reverse cross entropy.

    μ H(q, p) + r (1 - p_y);  ∂/∂z = (μ + r p_y)(p - q)

    The reverse term -Σ_j p_j log q_j is -A (1 - p_y) with A = log 0 set to a negative number; r is
    its weight times -A. (The released code of derivative manipulation has p_y (1 - p_y) in the
    place of p_y, which is the derivative of another loss.)

    Source: Wang, Ma, Chen, Luo, Yi and Bailey, "Symmetric Cross Entropy for Robust Learning with
    Noisy Labels", ICCV 2019 (arXiv 1908.06112).

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      forward: μ >= 0.
      reverse: r >= 0.
    Returns:
      [B], at least 0.

    4 · 0.8 - 0.1 log 0.2:

    >>> logits = tf.math.log([[0.7, 0.2, 0.1]])
    >>> print(symmetric_cross_entropy(tf.constant([1]), logits, 0.1, 4.0).numpy().round(3))
    [3.361]
    """
    return reverse * mae(labels, logits) - forward * label_log_probability(labels, logits)


@register("sce", Options)
def _chosen(batch: LossInput, options: Options) -> LossOutput:
    return LossOutput(
        symmetric_cross_entropy(
            batch.labels, batch.logits, options.sce_forward, options.sce_reverse
        )
    )

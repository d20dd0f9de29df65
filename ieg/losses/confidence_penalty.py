"""Confidence penalty: cross entropy less the entropy of the prediction."""

from __future__ import annotations

import tensorflow as tf

from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import (
    PredictedTargetOptions,
    against,
    check_epsilon,
    one_hot,
    prediction,
)


def confidence_penalty(
    labels: tf.Tensor,
    logits: tf.Tensor,
    epsilon: float,
    *,
    temperature: float = 1.0,
    detach_target: bool = False,
) -> tf.Tensor:
    """Cross entropy less a multiple of the prediction's entropy.

    (1 - ε) H(q, p) - ε H(p) = H(t, p),  t = (1 - ε) onehot(y) - ε softmax(z / T)  (here T = 1)

    With T = 1 and a constant target the gradient is (1 - ε)(p - q), as if there were no penalty. So
    it is in the code released with ProSelfLC's successor, which always detaches the target.

    Source: Pereyra, Tucker, Chorowski, Kaiser and Hinton, "Regularizing Neural Networks by
    Penalizing Confident Output Distributions", ICLR 2017 workshop (arXiv 1701.06548).

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      epsilon: ε in [0, 1].
      temperature: T > 0; below 1 sharpens the prediction.
      detach_target: True to treat the target as a constant.
    Returns:
      [B]; negative values occur.
    Raises:
      ValueError: ε or T is out of range.

    ½ (-log 0.2) - ½ H(p), where H(p) is 0.802:

    >>> logits = tf.math.log([[0.7, 0.2, 0.1]])
    >>> print(confidence_penalty(tf.constant([1]), logits, 0.5).numpy().round(3))
    [0.404]
    """
    check_epsilon(epsilon)
    guess = prediction(logits, temperature)
    target = (1 - epsilon) * one_hot(labels, logits) - epsilon * guess
    return against(target, logits, detach_target=detach_target)


@register("confidence_penalty", PredictedTargetOptions)
def _chosen(batch: LossInput, options: PredictedTargetOptions) -> LossOutput:
    return LossOutput(
        confidence_penalty(
            batch.labels,
            batch.logits,
            options.target_epsilon,
            temperature=options.target_temperature,
            detach_target=options.detach_target,
        )
    )

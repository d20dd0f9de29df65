"""Bootstrapping: the target gives the prediction a fixed share.

Reed, Lee, Anguelov, Szegedy, Erhan and Rabinovich, "Training Deep Neural Networks on Noisy Labels
with Bootstrapping", ICLR 2015 workshop (arXiv 1412.6596). The soft form is registered as
`label_correction`, its name in the ProSelfLC paper and code.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import (
    PredictedTargetOptions,
    TargetOptions,
    against,
    check_epsilon,
    one_hot,
    prediction,
)
from ieg.options import option


@dataclass(frozen=True)
class HardOptions(TargetOptions):
    """Options of hard bootstrapping; 0.2 is the published ε."""

    target_epsilon: float = option(
        0.2,
        "ε of the corrected target, in which the given label has weight 1 - ε",
        at_least=0,
        at_most=1,
    )


def soft_bootstrapping(
    labels: tf.Tensor,
    logits: tf.Tensor,
    epsilon: float,
    *,
    temperature: float = 1.0,
    detach_target: bool = False,
) -> tf.Tensor:
    """Cross entropy with a mixture of given label and prediction.

    H(t, p),  t = (1 - ε) onehot(y) + ε softmax(z / T)

    With T = 1 and a constant target the gradient is (1 - ε)(p - q): cross entropy at a smaller
    learning rate, no more. The code released with ProSelfLC's successor always detaches the target.

    Source: Reed et al. 2015 (see above), soft form. At ε = 1 it is one step of Tanaka, Ikami,
    Yamasaki and Aizawa, "Joint Optimization Framework for Learning with Noisy Labels", CVPR 2018
    (arXiv 1803.11364).

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      epsilon: ε in [0, 1].
      temperature: T > 0; below 1 sharpens the prediction.
      detach_target: True to treat the target as a constant.
    Returns:
      [B], at least 0.
    Raises:
      ValueError: ε or T is out of range.

    The target is 0.35, 0.6, 0.05.

    >>> logits = tf.math.log([[0.7, 0.2, 0.1]])
    >>> print(soft_bootstrapping(tf.constant([1]), logits, 0.5).numpy().round(3))
    [1.206]
    """
    check_epsilon(epsilon)
    guess = prediction(logits, temperature)
    target = (1 - epsilon) * one_hot(labels, logits) + epsilon * guess
    return against(target, logits, detach_target=detach_target)


def hard_bootstrapping(labels: tf.Tensor, logits: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Cross entropy with a mixture of given label and predicted class.

    H(t, p),  t = (1 - ε) onehot(y) + ε onehot(argmax z)

    Source: Reed et al. 2015 (see above), hard form.

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      epsilon: ε in [0, 1].
    Returns:
      [B], at least 0.
    Raises:
      ValueError: ε is out of range.

    -0.8 log 0.2 - 0.2 log 0.7:

    >>> logits = tf.math.log([[0.7, 0.2, 0.1]])
    >>> print(hard_bootstrapping(tf.constant([1]), logits, 0.2).numpy().round(3))
    [1.359]
    """
    check_epsilon(epsilon)
    guess = one_hot(tf.argmax(logits, axis=-1), logits)
    target = (1 - epsilon) * one_hot(labels, logits) + epsilon * guess
    return against(target, logits, detach_target=True)


@register("label_correction", PredictedTargetOptions)
def _soft(batch: LossInput, options: PredictedTargetOptions) -> LossOutput:
    return LossOutput(
        soft_bootstrapping(
            batch.labels,
            batch.logits,
            options.target_epsilon,
            temperature=options.target_temperature,
            detach_target=options.detach_target,
        )
    )


@register("boot_hard", HardOptions)
def _hard(batch: LossInput, options: HardOptions) -> LossOutput:
    return LossOutput(hard_bootstrapping(batch.labels, batch.logits, options.target_epsilon))

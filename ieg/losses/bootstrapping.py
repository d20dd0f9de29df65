"""Label correction (bootstrapping): the target trusts the prediction to a fixed degree."""

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
    """Options of hard bootstrapping; the original keeps 0.2."""

    target_epsilon: float = option(
        0.2, "how much of the given label the target gives up", at_least=0, at_most=1
    )


def soft_bootstrapping(
    labels: tf.Tensor,
    logits: tf.Tensor,
    epsilon: float,
    *,
    temperature: float = 1.0,
    detach_target: bool = False,
) -> tf.Tensor:
    """Soft bootstrapping: cross entropy against a mix of label and prediction.

    H(t, p),  t = (1 - ε) onehot(y) + ε softmax(z / T)

    Reed et al. 2015, soft form; at ε = 1 one step of joint optimisation. With T = 1 and a target
    held constant the gradient is (1 - ε)(p - q): cross entropy with a smaller rate, no more.

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      epsilon: ε in [0, 1].
      temperature: T > 0; below 1 sharpens.
      detach_target: whether no gradient runs through the target.
    Returns:
      [B].
    Raises:
      ValueError: ε or T is out of range.
    """
    check_epsilon(epsilon)
    guess = prediction(logits, temperature)
    target = (1 - epsilon) * one_hot(labels, logits) + epsilon * guess
    return against(target, logits, detach_target=detach_target)


def hard_bootstrapping(labels: tf.Tensor, logits: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Hard bootstrapping: the predicted class takes the place of the prediction.

    H(t, p),  t = (1 - ε) onehot(y) + ε onehot(argmax z)        Reed et al. 2015, hard form

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      epsilon: ε in [0, 1].
    Returns:
      [B].
    Raises:
      ValueError: ε is out of range.
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

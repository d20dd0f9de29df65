"""Parts that losses with corrected targets share: options, predictions, cross entropy."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ieg.losses.cross_entropy import cross_entropy
from ieg.options import option


@dataclass(frozen=True)
class TargetOptions:
    """Options of a target that mixes the given label with something else."""

    target_epsilon: float = option(
        0.5,
        "ε of the corrected target, in which the given label has weight 1 - ε",
        at_least=0,
        at_most=1,
    )


@dataclass(frozen=True)
class PredictedTargetOptions(TargetOptions):
    """Options of a target that mixes the given label with the prediction."""

    target_temperature: float = option(
        1.0, "temperature of the prediction in the target; below 1 sharpens it", above=0
    )
    detach_target: bool = option(
        False, "treat the target as a constant, without a gradient through it"
    )


def one_hot(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """One-hot labels [B, K] in the shape and dtype of the logits."""
    return tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)


def label_log_probability(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Log-probability of the given label, [B] log p_y; finite for finite logits."""
    return -cross_entropy(one_hot(labels, logits), logits)


def prediction(logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Prediction at a temperature, [B, K] softmax(z / T).

    Raises:
      ValueError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    return tf.nn.softmax(logits / temperature)


def check_epsilon(epsilon: float) -> None:
    """Raise ValueError if ε is outside [0, 1]."""
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon must be in [0, 1], got {epsilon}")


def against(target: tf.Tensor, logits: tf.Tensor, *, detach_target: bool) -> tf.Tensor:
    """Cross entropy [B] H(t, p) = -Σ_j t_j log p_j, with or without a gradient through t."""
    return cross_entropy(tf.stop_gradient(target) if detach_target else target, logits)

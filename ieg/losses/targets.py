"""What losses with corrected targets share: the mixed target, its cross entropy, their options."""

from dataclasses import dataclass

import tensorflow as tf

from ieg.losses.cross_entropy import cross_entropy
from ieg.options import option


@dataclass(frozen=True)
class TargetOptions:
    """How the given label becomes a target."""

    target_epsilon: float = option(
        0.5, "how much of the given label the target gives up", at_least=0, at_most=1
    )


@dataclass(frozen=True)
class PredictedTargetOptions(TargetOptions):
    """The same for a target that holds the prediction itself."""

    target_temperature: float = option(
        1.0, "of the prediction that the target holds; below 1 sharpens it", above=0
    )
    detach_target: bool = option(
        False, "treat the target as a constant, rather than let the gradient run through it"
    )


def one_hot(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """[B, K] of the kind of the logits."""
    return tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)


def label_log_probability(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """[B] log p_y, finite for finite logits."""
    return -cross_entropy(one_hot(labels, logits), logits)


def prediction(logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """[B, K] p_T = softmax(z / T).

    Raises:
      ValueError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    return tf.nn.softmax(logits / temperature)


def check_epsilon(epsilon: float) -> None:
    """Raises ValueError when ε is outside [0, 1]."""
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon must be in [0, 1], got {epsilon}")


def against(target: tf.Tensor, logits: tf.Tensor, *, detach_target: bool) -> tf.Tensor:
    """[B] H(t, p) = -Σ_j t_j log p_j, with or without a gradient through t."""
    return cross_entropy(tf.stop_gradient(target) if detach_target else target, logits)

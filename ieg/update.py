"""From a gradient to new weights: decay, clipping and SGD with momentum, as pure functions."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

Tensors = list[tf.Tensor]


class UpdateRule(NamedTuple):
    """Settings of the update from gradients to new weights.

    Attributes:
      momentum: μ in [0, 1).
      clip_norm: largest global norm of the gradient; 0 for no clipping.
      accumulation_steps: batches whose gradients are averaged for one update.
      decay: weight decay coefficient of each trainable variable.
    """

    momentum: float
    clip_norm: float
    accumulation_steps: int
    decay: list[float]


def add_decay(
    gradients: Sequence[tf.Tensor], params: Sequence[tf.Tensor], decay: Sequence[float]
) -> Tensors:
    """g_j + decay_j θ_j, the gradient of the loss with Σ_j decay_j ½‖θ_j‖² added."""
    # Written as a difference: TensorFlow's graph optimizer merges nested sums (this one and the
    # momentum's) in an order that depends on node names, so replicas would drift apart by rounding.
    return [g - (-c) * p for g, p, c in zip(gradients, params, decay, strict=True)]


def clip(gradients: Sequence[tf.Tensor], largest: float) -> tuple[Tensors, tf.Tensor]:
    """Scales all gradients together so that their global L2 norm is at most `largest`.

    Args:
      gradients: tensors of any shapes.
      largest: the bound; 0 leaves the gradients as they are.
    Returns:
      the gradients, and their global norm before clipping (scalar).
    """
    norm = tf.linalg.global_norm(gradients)
    if largest == 0:
        return list(gradients), norm
    clipped, _ = tf.clip_by_global_norm(gradients, largest, use_norm=norm)
    return clipped, norm


def sgd_momentum(
    params: Sequence[tf.Tensor],
    buffers: Sequence[tf.Tensor],
    gradients: Sequence[tf.Tensor],
    *,
    learning_rate: float | tf.Tensor,
    momentum: float,
) -> tuple[Tensors, Tensors]:
    """One step of SGD with (not Nesterov) momentum.

    b ← μ b + g,  θ ← θ - lr b

    The buffer does not contain the learning rate, so that a schedule acts at once and a look-ahead
    can use the buffer as it is.

    Returns:
      new params and new buffers.
    """
    buffers = [momentum * b + g for b, g in zip(buffers, gradients, strict=True)]
    params = [p - learning_rate * b for p, b in zip(params, buffers, strict=True)]
    return params, buffers

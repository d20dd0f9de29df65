"""Update of the network's weights: decay, clipping and SGD with momentum, as pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import tensorflow as tf

Tensors: TypeAlias = "list[tf.Tensor]"


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
    """Gradients of the loss plus weight decay Σ_j decay_j ½‖θ_j‖²: g_j + decay_j θ_j.

    Args:
      gradients: g, one per parameter.
      params: θ.
      decay: coefficient of each parameter, at least 0.

    >>> print(add_decay([tf.constant([1.0])], [tf.constant([10.0])], [0.25])[0].numpy())
    [3.5]
    """
    # Written as a difference: TensorFlow's graph optimizer merges nested sums (this one and the
    # momentum's) in an order that depends on node names, so replicas would drift apart by rounding.
    return [g - (-c) * p for g, p, c in zip(gradients, params, decay, strict=True)]


def clip(gradients: Sequence[tf.Tensor], largest: float) -> tuple[Tensors, tf.Tensor]:
    """Scale all gradients together so that their global L2 norm is at most `largest`.

    Args:
      gradients: tensors of any shapes.
      largest: bound of the norm; 0 leaves the gradients as they are.
    Returns:
      the gradients, and their global norm before clipping (scalar).

    >>> clipped, norm = clip([tf.constant([3.0]), tf.constant([4.0])], largest=1.0)
    >>> print(norm.numpy(), clipped[0].numpy().round(3), clipped[1].numpy().round(3))
    5.0 [0.6] [0.8]
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
    """One step of SGD with momentum (not Nesterov's).

    b ← μ b + g,  θ ← θ - lr b

    The buffer does not contain the learning rate, so that a schedule acts at once and a look-ahead
    can use the buffer as it is.

    Args:
      params: θ.
      buffers: b, one per parameter; zeros at first.
      gradients: g, one per parameter.
      learning_rate: lr > 0.
      momentum: μ in [0, 1).
    Returns:
      new params and new buffers.

    >>> params, buffers = sgd_momentum(
    ...     [tf.constant(1.0)], [tf.constant(2.0)], [tf.constant(0.5)],
    ...     learning_rate=0.1, momentum=0.5,
    ... )
    >>> print(buffers[0].numpy(), params[0].numpy().round(3))
    1.5 0.85
    """
    buffers = [momentum * b + g for b, g in zip(buffers, gradients, strict=True)]
    params = [p - learning_rate * b for p, b in zip(params, buffers, strict=True)]
    return params, buffers

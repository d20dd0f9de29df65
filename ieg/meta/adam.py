"""Adam as a pure function, for parameters that are learned beside the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

Tensors: TypeAlias = "list[tf.Tensor]"


def adam(
    params: Sequence[tf.Tensor],
    gradients: Sequence[tf.Tensor],
    means: Sequence[tf.Tensor],
    squares: Sequence[tf.Tensor],
    updates: tf.Tensor,
    *,
    learning_rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
) -> tuple[Tensors, Tensors, Tensors]:
    """One update of Adam, with ε outside the bias correction.

    m ← β1 m + (1 - β1) g,  v ← β2 v + (1 - β2) g²
    θ ← θ - lr · m / (1 - β1^t) / (√(v / (1 - β2^t)) + ε)

    Keras adds ε before the correction of v, which matters for gradients as small as those of a
    look-ahead.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015 (arXiv
    1412.6980), algorithm 1.

    Args:
      params: θ, float tensors.
      gradients: g, one per parameter.
      means, squares: m and v, one per parameter; zeros at first.
      updates: scalar integer, number of earlier updates, t - 1.
      learning_rate: lr > 0.
      betas: β1, β2 in [0, 1).
      epsilon: ε > 0.
    Returns:
      new params, means and squares.
    Raises:
      ValueError: the lists differ in length.

    The first update moves a parameter by the learning rate:

    >>> zero = [tf.zeros([])]
    >>> params, _, _ = adam(
    ...     [tf.constant(1.0)], [tf.constant(0.5)], zero, zero, tf.constant(0), learning_rate=0.1
    ... )
    >>> print(params[0].numpy().round(3))
    0.9
    """
    beta1, beta2 = betas
    t = tf.cast(updates + 1, tf.float32)
    means = [beta1 * m + (1 - beta1) * g for m, g in zip(means, gradients, strict=True)]
    squares = [beta2 * v + (1 - beta2) * g * g for v, g in zip(squares, gradients, strict=True)]
    first, second = 1 - tf.pow(beta1, t), 1 - tf.pow(beta2, t)
    params = [
        p - learning_rate * (m / first) / (tf.sqrt(v / second) + epsilon)
        for p, m, v in zip(params, means, squares, strict=True)
    ]
    return params, means, squares

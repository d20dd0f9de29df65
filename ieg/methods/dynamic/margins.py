"""Margin generator: one number per class, added to the logits in training."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ieg.methods.dynamic import perceptron

#: Initial bias of the last layer. It is the same for all classes and cancels in the softmax, so
#: training starts almost without margins.
LAST_BIAS = 1.0


def margins(weights: Sequence[tf.Tensor], activation: str = "relu") -> tf.Tensor:
    """Class margins q = MLP(a); the margin of label y against class j is q_j - q_y.

    Args:
      weights: φ_M, as from `perceptron.start` with one row.
      activation: activation function of the hidden layers.
    Returns:
      [K] real numbers.
    """
    return perceptron.outputs(weights, activation)[0]

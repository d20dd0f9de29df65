"""The margin generator: one number per class that is added to all logits while training."""

from collections.abc import Sequence

import tensorflow as tf

from ieg.methods.dynamic import perceptron

#: Of the last layer. What all classes have in common cancels in the softmax: training starts
#: almost without margins.
LAST_BIAS = 1.0


def margins(weights: Sequence[tf.Tensor], activation: str = "relu") -> tf.Tensor:
    """q = MLP(a), any real numbers; the margin of label y against class j is q_j - q_y.

    Args:
      weights: φ_M, of `perceptron.start` with one row.
      activation: of the hidden layers.
    Returns:
      [K].
    """
    return perceptron.outputs(weights, activation)[0]

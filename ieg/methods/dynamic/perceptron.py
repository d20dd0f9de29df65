"""Small perceptron with a learned input, of which corrector and margin generator are made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

#: Names of the weights, in the order of `start` and `outputs`.
NAMES = ("input", "kernel0", "bias0", "kernel1", "bias1", "kernel2", "bias2")

ACTIVATIONS = ("relu", "elu")


def start(
    rows: int, width: int, outputs: int, *, last_bias: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Initial weights: Glorot uniform inputs, Glorot normal kernels, biases 0 except the last.

    Args:
      rows: R, number of learned inputs.
      width: h, units of the input and of both hidden layers.
      outputs: K, number of outputs.
      last_bias: initial bias of every output.
      rng: random numbers.
    Returns:
      float32, in the order of `NAMES`: [R, h], [h, h], [h], [h, h], [h], [h, K], [K].
    """
    bound = np.sqrt(6 / (rows + width))
    weights = [rng.uniform(-bound, bound, (rows, width))]
    for size in (width, width, outputs):
        weights.append(rng.normal(0, np.sqrt(2 / (width + size)), (width, size)))
        weights.append(np.zeros(size))
    weights[-1] += last_bias
    return [w.astype(np.float32) for w in weights]


def outputs(weights: Sequence[tf.Tensor], activation: str = "relu") -> tf.Tensor:
    """Outputs [R, K] of three dense layers on the learned inputs, the last one linear.

    Args:
      weights: as `start` makes them.
      activation: activation function of the hidden layers, one of `ACTIVATIONS`.
    """
    x, kernel0, bias0, kernel1, bias1, kernel2, bias2 = weights
    act = getattr(tf.nn, activation)
    return act(act(x @ kernel0 + bias0) @ kernel1 + bias1) @ kernel2 + bias2

"""A small perceptron whose input is learned too: corrector and margin generator are made of it."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

#: What `start` makes and `outputs` takes, in this order.
NAMES = ("input", "kernel0", "bias0", "kernel1", "bias1", "kernel2", "bias2")

ACTIVATIONS = {"relu": tf.nn.relu, "elu": tf.nn.elu}


def start(
    rows: int, width: int, outputs: int, *, last_bias: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Weights to begin with: Glorot uniform rows, Glorot normal kernels, biases 0 but the last.

    Args:
      rows: R inputs that are learned.
      width: h, of the input and of both hidden layers.
      outputs: K.
      last_bias: where every output starts, but for what the kernels add.
      rng: of the numbers.
    Returns:
      float32 in the order of `NAMES`: [R, h], [h, h], [h], [h, h], [h], [h, K], [K].
    """
    bound = np.sqrt(6 / (rows + width))
    weights = [rng.uniform(-bound, bound, (rows, width))]
    for size in (width, width, outputs):
        weights.append(rng.normal(0, np.sqrt(2 / (width + size)), (width, size)))
        weights.append(np.zeros(size))
    weights[-1] += last_bias
    return [w.astype(np.float32) for w in weights]


def outputs(weights: Sequence[tf.Tensor], activation: str = "relu") -> tf.Tensor:
    """[R, K]: three dense layers on the learned rows, the last one without activation.

    Args:
      weights: as `start` makes them.
      activation: of the hidden layers, one of `ACTIVATIONS`.
    """
    x, kernel0, bias0, kernel1, bias1, kernel2, bias2 = weights
    act = ACTIVATIONS[activation]
    return act(act(x @ kernel0 + bias0) @ kernel1 + bias1) @ kernel2 + bias2

"""Layers that several networks use."""

import random
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Initializers that Keras has no name for. As dictionaries, because each layer then makes an object
# of its own: a shared object would start all layers from the same numbers.

#: Normal with standard deviation sqrt(2 / (k·k·out)).
FAN_OUT_NORMAL = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "untruncated_normal"},
}
#: Normal with variance 1 / (k·k·in), cut at two standard deviations.
FAN_IN_NORMAL = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal"},
}
#: Uniform within ±1 / sqrt(k·k·in), as PyTorch's layers start.
FAN_IN_UNIFORM = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"},
}


def batch_norm(x: Any, momentum: float = 0.9) -> Any:
    """Batch normalization with the settings of the papers: momentum 0.9, epsilon 1e-5."""
    return keras.layers.BatchNormalization(momentum=momentum, epsilon=1e-5)(x)


def batch_norm_relu(x: Any, momentum: float = 0.9) -> Any:
    """Batch normalization, then ReLU."""
    return keras.layers.ReLU()(batch_norm(x, momentum))


def conv(
    x: Any,
    channels: int,
    size: int,
    stride: int = 1,
    *,
    centered: bool = True,
    use_bias: bool = False,
    initializer: Any = "he_normal",
) -> Any:
    """Convolution [B, H, W, C] → [B, ⌈H/stride⌉, ⌈W/stride⌉, channels].

    Args:
      x: [B, H, W, C].
      channels: of the result.
      size: side of the kernel, odd.
      stride: 1 or 2.
      centered: True to pad a strided convolution by (size - 1) / 2 on every side, as PyTorch does;
        False for TensorFlow's 'same', which pads even sides more on the right and the bottom.
      use_bias: True to add a bias.
      initializer: of the kernel, a name or a dictionary of this module.
    """
    padding = "same"
    if stride > 1 and centered:
        x, padding = pad(x, size), "valid"
    return keras.layers.Conv2D(
        channels, size, stride, padding, use_bias=use_bias, kernel_initializer=initializer
    )(x)


def pad(x: Any, size: int) -> Any:
    """Zero padding by (size - 1) / 2 on every side, the reach of a kernel of that size."""
    return keras.layers.ZeroPadding2D((size - 1) // 2)(x) if size > 1 else x


def dropout(x: Any, rate: float) -> Any:
    """Dropout if the rate is above 0, else the identity."""
    return CountedDropout(rate)(x) if rate > 0 else x


class OwnLayer(keras.layers.Layer):
    """Base of layers that Keras lacks; in an exported model, layers of Keras take their place."""

    def standard(self) -> keras.layers.Layer:
        """Layer or model of Keras' own layers that computes the same in inference mode."""
        raise NotImplementedError

    def standard_weights(self) -> list[np.ndarray]:
        """Weights of `standard()`, once this layer is built."""
        raise NotImplementedError


class CountedDropout(OwnLayer):
    """Dropout whose mask is a function of a counter that is saved with the network.

    Keras' own layer keeps its seed out of the checkpoint, so that a resumed run would differ. The
    mask of a row depends on its place in the global batch, not on the replica.

    Args:
      rate: share of the features set to 0, in (0, 1); the others are scaled by 1 / (1 - rate).
      seed: of the masks; None draws one from Python's generator, as Keras' initializers do, so that
        `networks.create` seeds it.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = random.randrange(2**31) if seed is None else seed

    def build(self, input_shape: Any) -> None:
        """Create the counter."""
        self.counter = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="counter"
        )

    def call(self, x: Any, training: bool = False) -> Any:
        """[B, D] → [B, D]; in training mode the counter increases by one."""
        if not training:
            return x
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync if context else 1
        replica = context.replica_id_in_sync_group if context else 0
        rows = tf.shape(x)[0]
        seed = tf.stack([tf.constant(self.seed, tf.int32), tf.convert_to_tensor(self.counter)])
        draws = tf.random.stateless_uniform([rows * replicas, x.shape[1]], seed)
        mine = draws[replica * rows : (replica + 1) * rows]
        self.counter.assign(self.counter + 1)
        return tf.where(mine >= self.rate, x / (1 - self.rate), 0.0)

    def get_config(self) -> dict[str, Any]:
        """Arguments that Keras needs to rebuild the layer."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}

    def standard(self) -> keras.layers.Layer:
        """Identity: nothing is dropped in inference mode."""
        return keras.layers.Identity()

    def standard_weights(self) -> list[np.ndarray]:
        """No weights: the counter counts training steps."""
        return []

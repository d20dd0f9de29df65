"""Layers that several networks use."""

from typing import Any

import keras

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
    from ieg.networks.own_layers.batch_norm import FusedBatchNormalization

    return FusedBatchNormalization(momentum=momentum, epsilon=1e-5)(x)


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
    if rate == 0:
        return x
    from ieg.networks.own_layers.dropout import CountedDropout

    return CountedDropout(rate)(x)

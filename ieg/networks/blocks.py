"""Building blocks of residual networks: stages, shortcuts, residual blocks and heads.

[1] He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
    arXiv 1512.03385.
[2] He, Zhang, Ren and Sun, "Identity Mappings in Deep Residual Networks", ECCV 2016,
    arXiv 1603.05027.
"""

from collections.abc import Callable
from typing import Any

import keras

from ieg.errors import InputError
from ieg.networks.layers import batch_norm, batch_norm_relu, conv, dropout

#: Networks with two stems take the ImageNet stem if no side of the images is shorter than this.
LARGE_SIDE = 64

#: (x [B, H, W, C], channels, stride) → [B, H/stride, W/stride, channels].
Shortcut = Callable[[Any, int, int], Any]


def stage(x: Any, name: str, layers: Callable[..., Any], **arguments: Any) -> Any:
    """Apply `layers(x, **arguments)` as a nested model of that name."""
    inputs = keras.Input(x.shape[1:])
    return keras.Model(inputs, layers(inputs, **arguments), name=name)(x)


def head(
    x: Any,
    num_classes: int,
    dropout_rate: float,
    *,
    initializer: Any = "glorot_uniform",
) -> Any:
    """Global average pooling, dropout and classifier: [B, H, W, C] → logits [B, K]."""
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = dropout(x, dropout_rate)
    return keras.layers.Dense(num_classes, kernel_initializer=initializer)(x)


def require_sides(name: str, input_shape: tuple[int, int, int]) -> None:
    """Refuse images that two 2x2 average poolings would not halve exactly.

    Args:
      name: of the network, for the message.
      input_shape: H, W, C.
    Raises:
      InputError: a side is not a multiple of 4.
    """
    height, width, _ = input_shape
    if height % 4 or width % 4:
        raise InputError(
            f"{name} halves the image twice and needs sides that 4 divides, not {height}x{width}"
        )


def is_large(input_shape: tuple[int, int, int]) -> bool:
    """True if a network with two stems takes the ImageNet stem."""
    return min(input_shape[:2]) >= LARGE_SIDE


def pooled_shortcut(x: Any, channels: int, stride: int) -> Any:
    """Shortcut by average pooling, with zero channels on both sides; no parameters."""
    if stride > 1:
        x = keras.layers.AveragePooling2D(stride)(x)
    return _with_zero_channels(x, channels)


def skipping_shortcut(x: Any, channels: int, stride: int) -> Any:
    """Shortcut by every `stride`-th pixel, with zero channels on both sides: option A of [1]."""
    if stride > 1:
        x = x[:, ::stride, ::stride, :]
    return _with_zero_channels(x, channels)


def projection(x: Any, channels: int, stride: int, *, initializer: Any = "he_normal") -> Any:
    """Shortcut by a 1x1 convolution with batch norm where the shape changes: option B of [1]."""
    if stride == 1 and x.shape[-1] == channels:
        return x
    return batch_norm(conv(x, channels, 1, stride, initializer=initializer))


def basic_block(
    x: Any,
    channels: int,
    stride: int,
    *,
    shortcut: Shortcut,
    initializer: Any = "he_normal",
) -> Any:
    """Basic block of [1]: conv3x3-BN-ReLU-conv3x3-BN, plus the shortcut, then ReLU."""
    y = batch_norm_relu(conv(x, channels, 3, stride, initializer=initializer))
    y = batch_norm(conv(y, channels, 3, initializer=initializer))
    return keras.layers.ReLU()(y + shortcut(x, channels, stride))


def pre_activation_block(
    x: Any, channels: int, stride: int = 1, *, conv3x3: Callable[..., Any]
) -> Any:
    """Pre-activation block of [2]: BN-ReLU-conv3x3-BN-ReLU-conv3x3, plus the pooled shortcut.

    Args:
      x: [B, H, W, C].
      channels: of the result.
      stride: of the first convolution and the shortcut.
      conv3x3: (x, channels, stride) → a 3x3 convolution of x, with stride 1 by default.
    """
    y = conv3x3(batch_norm_relu(x), channels, stride)
    y = conv3x3(batch_norm_relu(y), channels)
    return pooled_shortcut(x, channels, stride) + y


def _with_zero_channels(x: Any, channels: int) -> Any:
    missing = channels - x.shape[-1]
    if not missing:
        return x
    return keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [missing // 2, missing - missing // 2]])

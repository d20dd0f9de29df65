"""What residual networks are put together from: stages, shortcuts, blocks, stems and heads."""

from collections.abc import Callable
from typing import Any

import keras

from ieg.errors import InputError
from ieg.networks.layers import batch_norm, batch_norm_relu, conv, dropout

#: Networks with two stems take the one of ImageNet when no side of the images is shorter.
LARGE_SIDE = 64

#: (x [B, H, W, C], channels, stride) → [B, H/stride, W/stride, channels].
Shortcut = Callable[[Any, int, int], Any]


def stage(x: Any, name: str, layers: Callable[..., Any], **arguments: Any) -> Any:
    """Applies `layers(x, **arguments)` as a nested model of that name."""
    inputs = keras.Input(x.shape[1:])
    return keras.Model(inputs, layers(inputs, **arguments), name=name)(x)


def head(
    x: Any,
    num_classes: int,
    dropout_rate: float,
    *,
    initializer: Any = "glorot_uniform",
) -> Any:
    """Average over positions, dropout, classifier: [B, H, W, C] → logits [B, K]."""
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = dropout(x, dropout_rate)
    return keras.layers.Dense(num_classes, kernel_initializer=initializer)(x)


def require_sides(name: str, input_shape: tuple[int, int, int]) -> None:
    """Refuses images that two average poolings of 2x2 would not halve exactly.

    Raises:
      InputError: a side is not a multiple of 4.
    """
    height, width, _ = input_shape
    if height % 4 or width % 4:
        raise InputError(
            f"{name} halves the image twice and needs sides that 4 divides, not {height}x{width}"
        )


def is_large(input_shape: tuple[int, int, int]) -> bool:
    """Whether a network with two stems takes the one of ImageNet."""
    return min(input_shape[:2]) >= LARGE_SIDE


def pooled_shortcut(x: Any, channels: int, stride: int) -> Any:
    """Average pooling, and zero channels on both sides; no parameters."""
    if stride > 1:
        x = keras.layers.AveragePooling2D(stride)(x)
    return _with_zero_channels(x, channels)


def skipping_shortcut(x: Any, channels: int, stride: int) -> Any:
    """Every `stride`-th pixel, and zero channels on both sides; no parameters.

    He et al. 2016a, option A.
    """
    if stride > 1:
        x = x[:, ::stride, ::stride, :]
    return _with_zero_channels(x, channels)


def projection(x: Any, channels: int, stride: int, *, initializer: Any = "he_normal") -> Any:
    """A 1x1 convolution with batch norm where the shape changes (He et al. 2016a, option B)."""
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
    """conv3x3-BN-ReLU-conv3x3-BN, plus the shortcut, ReLU (He et al. 2016a)."""
    y = batch_norm_relu(conv(x, channels, 3, stride, initializer=initializer))
    y = batch_norm(conv(y, channels, 3, initializer=initializer))
    return keras.layers.ReLU()(y + shortcut(x, channels, stride))


def pre_activation_block(
    x: Any, channels: int, stride: int = 1, *, conv3x3: Callable[..., Any]
) -> Any:
    """BN-ReLU-conv3x3-BN-ReLU-conv3x3, plus the pooled shortcut (He et al. 2016b).

    Args:
      x: [B, H, W, C].
      channels: of the result.
      stride: of the first convolution and the shortcut.
      conv3x3: (x, channels, stride) → a 3x3 convolution of x; without a stride it keeps the size.
    """
    y = conv3x3(batch_norm_relu(x), channels, stride)
    y = conv3x3(batch_norm_relu(y), channels)
    return pooled_shortcut(x, channels, stride) + y


def _with_zero_channels(x: Any, channels: int) -> Any:
    missing = channels - x.shape[-1]
    if not missing:
        return x
    return keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [missing // 2, missing - missing // 2]])

"""ShuffleNet V2 for 32x32 images, as ProSelfLC uses it."""

from __future__ import annotations

from typing import Any

import keras

from ieg.networks import register
from ieg.networks.blocks import head, stage
from ieg.networks.layers import FAN_IN_UNIFORM, batch_norm, batch_norm_relu, conv, pad


@register("shufflenetv2", weight_decay=5e-4)
def shufflenetv2(
    input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float
) -> keras.Model:
    """ShuffleNet V2 1x with a stem for 32x32 images, as ProSelfLC uses it.

    Three stages of 4, 8 and 4 units with 116, 232 and 464 channels, then a 1x1 convolution to 1024
    [1, section 4]. Unlike there, the first convolution has no stride, and no ReLU or pooling after
    it, and every convolution has a bias. 1,268,646 parameters for 10 classes; images of any size.

    [1] Ma, Zhang, Zheng and Sun, "ShuffleNet V2: Practical Guidelines for Efficient CNN
        Architecture Design", ECCV 2018, arXiv 1807.11164.
    """
    image = keras.Input(input_shape)
    x = batch_norm(_conv(image, 24, 3))
    for number, (units, channels) in enumerate(((4, 116), (8, 232), (4, 464)), start=1):
        x = stage(x, f"stage{number}", _units, count=units, channels=channels)
    x = batch_norm_relu(_conv(x, 1024, 1))
    logits = head(x, num_classes, dropout_rate, initializer=FAN_IN_UNIFORM)
    return keras.Model(image, logits, name="shufflenetv2")


def _units(x: Any, *, count: int, channels: int) -> Any:
    half = channels // 2
    left = batch_norm_relu(_conv(batch_norm(_depthwise3x3(x, 2)), half, 1))
    x = _shuffled(left, _branch(x, x.shape[-1], half, 2))
    for _ in range(count - 1):
        x = _shuffled(x[..., :half], _branch(x[..., half:], half, half, 1))
    return x


def _branch(x: Any, inner: int, channels: int, stride: int) -> Any:
    y = batch_norm_relu(_conv(x, inner, 1))
    y = batch_norm(_depthwise3x3(y, stride))
    return batch_norm_relu(_conv(y, channels, 1))


def _shuffled(left: Any, right: Any) -> Any:
    """Concatenate two halves [B, H, W, C/2] with alternating channels: [B, H, W, C]."""
    x = keras.ops.stack([left, right], axis=-1)  # [B, H, W, C/2, 2]
    return keras.layers.Reshape((*left.shape[1:3], 2 * left.shape[3]))(x)


def _conv(x: Any, channels: int, size: int) -> Any:
    return conv(x, channels, size, use_bias=True, initializer=FAN_IN_UNIFORM)


def _depthwise3x3(x: Any, stride: int) -> Any:
    padding = "same"
    if stride > 1:
        x, padding = pad(x, 3), "valid"
    # ±1 / sqrt(fan-in); Keras would count all channels although each output sees one.
    initializer = keras.initializers.RandomUniform(-1 / 3, 1 / 3)
    return keras.layers.DepthwiseConv2D(3, stride, padding, depthwise_initializer=initializer)(x)

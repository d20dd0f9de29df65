"""The 50-layer pre-activation network that IEG and FSR use on WebVision."""

from __future__ import annotations

from typing import Any

import keras

from ieg.networks import layers, register
from ieg.networks.blocks import head, is_large, stage
from ieg.networks.layers import FAN_IN_NORMAL

_UNITS_PER_STAGE = (3, 4, 6, 3)


@register("resnet50", weight_decay=1e-4)
def resnet50(
    input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float
) -> keras.Model:
    """The 50-layer pre-activation network ("v2") that IEG and FSR use on WebVision.

    Four stages of 3, 4, 6 and 3 bottleneck units with 256, 512, 1024 and 2048 channels [1,
    appendix]. Unlike there, the 3x3 convolution has the stride, and batch norm has momentum 0.997.
    If both sides of the images are at least 64, a 7x7 convolution and max pooling quarter them
    first, else the first convolution is 3x3 and keeps the size. 23,520,842 parameters for 10
    classes with the former, 23,513,162 with the latter; images of any size.

    [1] He, Zhang, Ren and Sun, "Identity Mappings in Deep Residual Networks", ECCV 2016,
        arXiv 1603.05027.
    """
    image = keras.Input(input_shape)
    if is_large(input_shape):
        x = keras.layers.MaxPooling2D(3, 2, "same")(_conv(image, 64, 7, 2))
    else:
        x = _conv(image, 64, 3)
    for number, units in enumerate(_UNITS_PER_STAGE, start=1):
        inner, stride = 32 * 2**number, 1 if number == 1 else 2
        x = stage(x, f"stage{number}", _stage_units, units=units, inner=inner, stride=stride)
    logits = head(_batch_norm_relu(x), num_classes, dropout_rate)
    return keras.Model(image, logits, name="resnet50")


def _stage_units(x: Any, *, units: int, inner: int, stride: int) -> Any:
    y = _batch_norm_relu(x)
    x = _conv(y, 4 * inner, 1, stride) + _bottleneck(y, inner, stride)
    for _ in range(units - 1):
        x = x + _bottleneck(_batch_norm_relu(x), inner, 1)
    return x


def _bottleneck(x: Any, inner: int, stride: int) -> Any:
    y = _conv(x, inner, 1)
    y = _conv(_batch_norm_relu(y), inner, 3, stride)
    return _conv(_batch_norm_relu(y), 4 * inner, 1)


def _batch_norm_relu(x: Any) -> Any:
    return layers.batch_norm_relu(x, momentum=0.997)


def _conv(x: Any, channels: int, size: int, stride: int = 1) -> Any:
    return layers.conv(x, channels, size, stride, initializer=FAN_IN_NORMAL)

"""Residual networks with projection shortcuts: 18, 34 and 50 layers, post-activation.

[1] He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
    arXiv 1512.03385.

`resnet18` and `resnet34` are the networks of ProSelfLC: unlike in [1], the first convolution is 3x3
without stride and no pooling follows it, whatever the size of the images.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras

from ieg.networks import register
from ieg.networks.blocks import basic_block, head, is_large, projection, stage
from ieg.networks.layers import (
    FAN_IN_UNIFORM,
    FAN_OUT_NORMAL,
    batch_norm,
    batch_norm_relu,
    conv,
    pad,
)


@register("resnet18", weight_decay=5e-4)
def resnet18(
    input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float
) -> keras.Model:
    """The 18-layer network with 11 M parameters, with a stem for 32x32 images.

    Four stages of two basic blocks with 64, 128, 256 and 512 channels [1, table 1]. 11,173,962
    parameters for 10 classes; images of any size.
    """
    return _basic_network("resnet18", input_shape, num_classes, dropout_rate, (2, 2, 2, 2))


@register("resnet34", weight_decay=5e-4)
def resnet34(
    input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float
) -> keras.Model:
    """The 34-layer network with 21 M parameters, with a stem for 32x32 images.

    Four stages of 3, 4, 6 and 3 basic blocks with 64, 128, 256 and 512 channels [1, table 1].
    21,282,122 parameters for 10 classes; images of any size.
    """
    return _basic_network("resnet34", input_shape, num_classes, dropout_rate, (3, 4, 6, 3))


@register("resnet50_v15", weight_decay=1e-4)
def resnet50_v15(
    input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float
) -> keras.Model:
    """The 50-layer post-activation network ("v1.5") of the ISIC study and of ProSelfLC.

    Four stages of 3, 4, 6 and 3 bottleneck blocks with 256, 512, 1024 and 2048 channels [1, table
    1]. Unlike there, the 3x3 convolution has the stride. If both sides of the images are at least
    64, a 7x7 convolution and max pooling quarter them first, else the first convolution is 3x3 and
    keeps the size, as in ProSelfLC. 23,528,522 parameters for 10 classes with the former,
    23,520,842 with the latter; images of any size.
    """
    image = keras.Input(input_shape)
    if is_large(input_shape):
        x = batch_norm_relu(conv(image, 64, 7, 2, initializer=FAN_OUT_NORMAL))
        # Padding by zeros after a ReLU changes no maximum; 'same' would not be centered.
        x = keras.layers.MaxPooling2D(3, 2)(pad(x, 3))
    else:
        x = batch_norm_relu(conv(image, 64, 3, initializer=FAN_OUT_NORMAL))
    x = _stages(x, (3, 4, 6, 3), _bottleneck_block)
    logits = head(x, num_classes, dropout_rate, initializer=FAN_IN_UNIFORM)
    return keras.Model(image, logits, name="resnet50_v15")


def _basic_network(
    name: str,
    input_shape: tuple[int, int, int],
    num_classes: int,
    dropout_rate: float,
    counts: tuple[int, ...],
) -> keras.Model:
    image = keras.Input(input_shape)
    x = batch_norm_relu(conv(image, 64, 3, initializer=FAN_IN_UNIFORM))
    shortcut = partial(projection, initializer=FAN_IN_UNIFORM)
    block = partial(basic_block, shortcut=shortcut, initializer=FAN_IN_UNIFORM)
    x = _stages(x, counts, block)
    logits = head(x, num_classes, dropout_rate, initializer=FAN_IN_UNIFORM)
    return keras.Model(image, logits, name=name)


def _stages(x: Any, counts: tuple[int, ...], block: Any) -> Any:
    for number, count in enumerate(counts, start=1):
        channels, stride = 32 * 2**number, 1 if number == 1 else 2
        x = stage(
            x, f"stage{number}", _blocks, block=block, count=count, channels=channels, stride=stride
        )
    return x


def _blocks(x: Any, *, block: Any, count: int, channels: int, stride: int) -> Any:
    for number in range(count):
        x = block(x, channels, 1 if number else stride)
    return x


def _bottleneck_block(x: Any, inner: int, stride: int) -> Any:
    y = batch_norm_relu(conv(x, inner, 1, initializer=FAN_OUT_NORMAL))
    y = batch_norm_relu(conv(y, inner, 3, stride, initializer=FAN_OUT_NORMAL))
    y = batch_norm(conv(y, 4 * inner, 1, initializer=FAN_OUT_NORMAL))
    return keras.layers.ReLU()(y + projection(x, 4 * inner, stride, initializer=FAN_OUT_NORMAL))

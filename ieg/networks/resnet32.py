"""The 32-layer residual networks for 32x32 images: of IEG and FSR, and of DRO-LT.

[1] He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
    arXiv 1512.03385.
"""

from __future__ import annotations

from typing import Any

import keras

from ieg.networks import register
from ieg.networks.blocks import (
    Shortcut,
    basic_block,
    head,
    pooled_shortcut,
    require_sides,
    skipping_shortcut,
    stage,
)
from ieg.networks.layers import batch_norm_relu, conv

_BLOCKS_PER_STAGE = 5


@register("resnet32", weight_decay=5e-4)
def resnet32(
    input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float
) -> keras.Model:
    """The 32-layer network of IEG and FSR: post-activation, shortcuts by average pooling.

    Three stages of five basic blocks with 16, 32 and 64 channels, 6n + 2 layers [1, section 4.2].
    Unlike there, a shortcut that halves is 2x2 average pooling with zero channels on both sides.
    464,154 parameters for 10 classes.

    Raises:
      InputError: a side of the images is not a multiple of 4.
    """
    require_sides("resnet32", input_shape)
    return _network("resnet32", input_shape, num_classes, dropout_rate, pooled_shortcut)


@register("resnet32_skip", weight_decay=5e-4)
def resnet32_skip(
    input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float
) -> keras.Model:
    """The 32-layer network of DRO-LT and Dynamic Loss: shortcuts take every second pixel.

    Three stages of five basic blocks with 16, 32 and 64 channels, 6n + 2 layers [1, section 4.2],
    with shortcuts of option A, except that the zero channels lie on both sides. Initial weights
    follow He's normal distribution as in DRO-LT (Dynamic Loss keeps PyTorch's default).
    464,154 parameters for 10 classes; images of any size.
    """
    return _network("resnet32_skip", input_shape, num_classes, dropout_rate, skipping_shortcut)


def _network(
    name: str,
    input_shape: tuple[int, int, int],
    num_classes: int,
    dropout_rate: float,
    shortcut: Shortcut,
) -> keras.Model:
    image = keras.Input(input_shape)
    x = batch_norm_relu(conv(image, 16, 3))
    for number, channels in enumerate((16, 32, 64), start=1):
        stride = 1 if number == 1 else 2
        x = stage(x, f"stage{number}", _blocks, channels=channels, stride=stride, shortcut=shortcut)
    logits = head(x, num_classes, dropout_rate, initializer="he_normal")
    return keras.Model(image, logits, name=name)


def _blocks(x: Any, *, channels: int, stride: int, shortcut: Shortcut) -> Any:
    for number in range(_BLOCKS_PER_STAGE):
        x = basic_block(x, channels, 1 if number else stride, shortcut=shortcut)
    return x

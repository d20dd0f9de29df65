"""Residual networks of 32, 44 and 56 layers for 32x32 images: IEG, FSR, DRO-LT and ProSelfLC.

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
    return _network("resnet32", 5, input_shape, num_classes, dropout_rate, pooled_shortcut)


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
    return _network("resnet32_skip", 5, input_shape, num_classes, dropout_rate, skipping_shortcut)


@register("resnet44", weight_decay=5e-4)
def resnet44(
    input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float
) -> keras.Model:
    """The 44-layer network of the CIFAR-100 tables of ProSelfLC, DM and IMAE.

    resnet32_skip with seven blocks a stage. 658,586 parameters for 10 classes.
    """
    return _network("resnet44", 7, input_shape, num_classes, dropout_rate, skipping_shortcut)


@register("resnet56", weight_decay=5e-4)
def resnet56(
    input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float
) -> keras.Model:
    """The 56-layer network of the CIFAR-10 tables of DM and IMAE.

    resnet32_skip with nine blocks a stage. 853,018 parameters for 10 classes.
    """
    return _network("resnet56", 9, input_shape, num_classes, dropout_rate, skipping_shortcut)


def _network(
    name: str,
    blocks: int,
    input_shape: tuple[int, int, int],
    num_classes: int,
    dropout_rate: float,
    shortcut: Shortcut,
) -> keras.Model:
    image = keras.Input(input_shape)
    x = batch_norm_relu(conv(image, 16, 3))
    for number, channels in enumerate((16, 32, 64), start=1):
        stride = 1 if number == 1 else 2
        options = {"channels": channels, "stride": stride, "shortcut": shortcut}
        x = stage(x, f"stage{number}", _blocks, count=blocks, **options)
    logits = head(x, num_classes, dropout_rate, initializer="he_normal")
    return keras.Model(image, logits, name=name)


def _blocks(x: Any, *, count: int, channels: int, stride: int, shortcut: Shortcut) -> Any:
    for number in range(count):
        x = basic_block(x, channels, 1 if number else stride, shortcut=shortcut)
    return x

"""Small convolutional networks for a CPU: digits of 8x8 pixels, pictures of 28x28 or 32x32."""

from __future__ import annotations

from typing import Any

import keras

from ieg.networks import register
from ieg.networks.blocks import head, stage
from ieg.networks.layers import batch_norm_relu, conv


@register("cnn", weight_decay=2e-3)
def cnn(input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float) -> keras.Model:
    """Three 3x3 convolutions (32, 64 and 128 channels), each with batch norm and ReLU.

    The second stage halves the resolution; the classifier follows global average pooling.
    94,186 parameters for 10 classes and one channel; images of any size.
    """
    image = keras.Input(input_shape)
    x = stage(image, "stage1", _layer, channels=32, stride=1)
    x = stage(x, "stage2", _layer, channels=64, stride=2)
    x = stage(x, "stage3", _layer, channels=128, stride=1)
    return keras.Model(image, head(x, num_classes, dropout_rate), name="cnn")


@register("cnn4", weight_decay=1e-4)
def cnn4(
    input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float
) -> keras.Model:
    """Four 3x3 convolutions (32, 64, 192 and 384 channels), each with batch norm and ReLU.

    All but the first halve the resolution, so that most channels are where there are few pixels.
    The classifier follows global average pooling. 798,634 parameters for 10 classes and three
    channels; images of any size.
    """
    image = keras.Input(input_shape)
    x = stage(image, "stage1", _layer, channels=32, stride=1)
    x = stage(x, "stage2", _layer, channels=64, stride=2)
    x = stage(x, "stage3", _layer, channels=192, stride=2)
    x = stage(x, "stage4", _layer, channels=384, stride=2)
    return keras.Model(image, head(x, num_classes, dropout_rate), name="cnn4")


def _layer(x: Any, *, channels: int, stride: int) -> Any:
    return batch_norm_relu(conv(x, channels, 3, stride, centered=False))

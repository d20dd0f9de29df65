"""A small convolutional network for the 8x8 digits, and for trying things out."""

import keras

from ieg.networks import register
from ieg.networks.layers import batch_norm, dropout


@register("cnn", weight_decay=5e-4)
def cnn(input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float) -> keras.Model:
    """Three 3x3 convolutions (32, 64 and 128 channels), each with batch norm and ReLU.

    The second stage halves the resolution; the classifier sees the average over positions.
    """
    image = keras.Input(input_shape)
    x = _stage(image, 32, stride=1, name="stage1")
    x = _stage(x, 64, stride=2, name="stage2")
    x = _stage(x, 128, stride=1, name="stage3")
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = dropout(x, dropout_rate)
    return keras.Model(image, keras.layers.Dense(num_classes)(x), name="cnn")


def _stage(x: keras.KerasTensor, channels: int, *, stride: int, name: str) -> keras.KerasTensor:
    inputs = keras.Input(x.shape[1:])
    y = keras.layers.Conv2D(
        channels, 3, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(inputs)
    y = keras.layers.ReLU()(batch_norm(y))
    return keras.Model(inputs, y, name=name)(x)

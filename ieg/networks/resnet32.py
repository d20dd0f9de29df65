"""The 32-layer residual network for 32x32 images that IEG and FSR use."""

import keras

from ieg.errors import InputError
from ieg.networks import register
from ieg.networks.layers import batch_norm, dropout

_BLOCKS_PER_STAGE = 5


@register("resnet32", weight_decay=5e-4)
def resnet32(
    input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float
) -> keras.Model:
    """Three stages of five basic blocks with 16, 32 and 64 channels, 6n + 2 layers.

    He et al. 2016a, section 4.2, with the parameter-free shortcut of the IEG release: 2x2 average
    pooling and zero channels on both sides. Stride-2 convolutions are padded by one on every side.

    Raises:
      InputError: a side of the images is not a multiple of 4.
    """
    height, width, _ = input_shape
    if height % 4 or width % 4:
        raise InputError(
            f"resnet32 halves the image twice and needs sides that 4 divides, not {height}x{width}"
        )
    image = keras.Input(input_shape)
    x = keras.layers.ReLU()(batch_norm(_conv3x3(image, 16, stride=1)))
    for stage, channels in enumerate((16, 32, 64), start=1):
        x = _stage(x, channels, stride=1 if stage == 1 else 2, name=f"stage{stage}")
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = dropout(x, dropout_rate)
    classifier = keras.layers.Dense(num_classes, kernel_initializer="he_normal")
    return keras.Model(image, classifier(x), name="resnet32")


def _stage(x: keras.KerasTensor, channels: int, *, stride: int, name: str) -> keras.KerasTensor:
    inputs = keras.Input(x.shape[1:])
    y = _block(inputs, channels, stride)
    for _ in range(_BLOCKS_PER_STAGE - 1):
        y = _block(y, channels, 1)
    return keras.Model(inputs, y, name=name)(x)


def _block(x: keras.KerasTensor, channels: int, stride: int) -> keras.KerasTensor:
    y = keras.layers.ReLU()(batch_norm(_conv3x3(x, channels, stride)))
    y = batch_norm(_conv3x3(y, channels, stride=1))
    return keras.layers.ReLU()(y + _shortcut(x, channels, stride))


def _conv3x3(x: keras.KerasTensor, channels: int, stride: int) -> keras.KerasTensor:
    padding = "same"
    if stride > 1:  # 'same' would pad on the right and the bottom only
        x, padding = keras.layers.ZeroPadding2D(1)(x), "valid"
    return keras.layers.Conv2D(
        channels, 3, stride, padding, use_bias=False, kernel_initializer="he_normal"
    )(x)


def _shortcut(x: keras.KerasTensor, channels: int, stride: int) -> keras.KerasTensor:
    if stride > 1:
        x = keras.layers.AveragePooling2D(stride)(x)
    missing = channels - x.shape[-1]
    if missing:
        x = keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [missing // 2, missing - missing // 2]])
    return x

"""The 29-layer bottleneck network for 32x32 images that IEG uses on CIFAR-10."""

from __future__ import annotations

from typing import Any

import keras

from ieg.networks import register
from ieg.networks.blocks import head, stage
from ieg.networks.layers import batch_norm, batch_norm_relu, conv

_UNITS_PER_STAGE = 3


def kernels_doubled(model: keras.Model, coefficient: float) -> list[float]:
    """Decay of the kernels of convolutions and classifier alone: wd · ‖W‖², without the ½."""
    return [2 * coefficient if len(v.shape) > 1 else 0.0 for v in model.trainable_variables]


@register("resnet29", weight_decay=1e-4, train_decay=kernels_doubled)
def resnet29(
    input_shape: tuple[int, int, int], num_classes: int, *, dropout_rate: float
) -> keras.Model:
    """The 29-layer bottleneck network that IEG uses on CIFAR-10, pre-activation.

    Three stages of three bottleneck units with 64, 128 and 256 channels, 9n + 2 layers [1, section
    3]. Unlike there, a unit's first 1x1 convolution has no ReLU in front (the very first unit no
    batch norm either) and has the stride; the width doubles from 64 while the 3x3 convolutions have
    16, 64 and 128 channels; and the training loss decays kernels only, twice as much. 840,730
    parameters for 10 classes; images of any size.

    [1] He, Zhang, Ren and Sun, "Identity Mappings in Deep Residual Networks", ECCV 2016,
        arXiv 1603.05027.
    """
    image = keras.Input(input_shape)
    x = batch_norm_relu(_conv(image, 16, 3))
    for number, (inner, channels) in enumerate(((16, 64), (64, 128), (128, 256)), start=1):
        x = stage(x, f"stage{number}", _units, inner=inner, channels=channels, is_first=number == 1)
    logits = head(batch_norm_relu(x), num_classes, dropout_rate)
    return keras.Model(image, logits, name="resnet29")


def _units(x: Any, *, inner: int, channels: int, is_first: bool) -> Any:
    stride = 1 if is_first else 2
    # The stem already ends with batch norm and ReLU.
    start = x if is_first else batch_norm(x)
    x = _bottleneck(start, inner, channels, stride) + _conv(x, channels, 1, stride)
    for _ in range(_UNITS_PER_STAGE - 1):
        x = x + _bottleneck(batch_norm(x), inner, channels, 1)
    return x


def _bottleneck(x: Any, inner: int, channels: int, stride: int) -> Any:
    y = _conv(x, inner, 1, stride)
    y = _conv(batch_norm_relu(y), inner, 3)
    return _conv(batch_norm_relu(y), channels, 1)


def _conv(x: Any, channels: int, size: int, stride: int = 1) -> Any:
    return conv(x, channels, size, stride, initializer="glorot_normal")

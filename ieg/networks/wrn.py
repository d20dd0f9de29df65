"""The wide residual network of IEG and FSR."""

from __future__ import annotations

from typing import Any

import keras

from ieg.networks import register
from ieg.networks.blocks import (
    head,
    pooled_shortcut,
    pre_activation_block,
    require_sides,
    stage,
)
from ieg.networks.layers import FAN_OUT_NORMAL, batch_norm_relu, conv

_BLOCKS_PER_STAGE = 4


@register("wrn28-10", weight_decay=5e-4)
def wrn28_10(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    dropout_rate: float,
    width: int = 160,
) -> keras.Model:
    """The wide network of IEG and FSR: pre-activation, with additional shortcuts.

    Three stages of four basic blocks with 160, 320 and 640 channels, 6n + 4 layers [1, section 2].
    Unlike there, no shortcut has weights (average pooling, zero channels on both sides); additional
    ones lead from the start to the end of each stage and from the first convolution to the end of
    the last stage; the very first block's shortcut starts after its batch norm and ReLU; and
    strided convolutions are padded on the right and the bottom, as TensorFlow does. 36,220,634
    parameters for 10 classes.

    [1] Zagoruyko and Komodakis, "Wide Residual Networks", BMVC 2016, arXiv 1605.07146.

    Args:
      input_shape: H, W, C.
      num_classes: K.
      dropout_rate: in front of the classifier.
      width: channels of the first stage, at least 16.
    Raises:
      InputError: a side of the images is not a multiple of 4.
    """
    require_sides("wrn28-10", input_shape)
    image = keras.Input(input_shape)
    first = x = _conv3x3(image, 16)
    for number, channels in enumerate((width, 2 * width, 4 * width), start=1):
        x = stage(x, f"stage{number}", _blocks, channels=channels, is_first=number == 1)
    x = batch_norm_relu(x + pooled_shortcut(first, 4 * width, 4))
    # Uniform within ±1 / sqrt(K).
    classifier = keras.initializers.VarianceScaling(1 / 3, "fan_out", "uniform")
    logits = head(x, num_classes, dropout_rate, initializer=classifier)
    return keras.Model(image, logits, name="wrn28-10")


def _blocks(x: Any, *, channels: int, is_first: bool) -> Any:
    start, stride = x, 1 if is_first else 2
    if is_first:
        x = batch_norm_relu(x)
        y = _conv3x3(batch_norm_relu(_conv3x3(x, channels)), channels)
        x = pooled_shortcut(x, channels, stride) + y
    else:
        x = pre_activation_block(x, channels, stride, conv3x3=_conv3x3)
    for _ in range(_BLOCKS_PER_STAGE - 1):
        x = pre_activation_block(x, channels, conv3x3=_conv3x3)
    return x + pooled_shortcut(start, channels, stride)


def _conv3x3(x: Any, channels: int, stride: int = 1) -> Any:
    return conv(x, channels, 3, stride, centered=False, initializer=FAN_OUT_NORMAL)

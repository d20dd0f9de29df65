"""The operations of AutoAugment and RandAugment by name, applied to each image as it drew them.

Images are bytes with a validity mask. Pixels that a geometric operation moves in from outside are
black and invalid, those of a Cutout square gray and invalid. Operations without transparency in the
published code (AutoContrast, Equalize, Invert, Solarize, SolarizeAdd, Posterize) turn invalid
pixels into ordinary ones of that color; the others keep them invalid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from ieg.augment import color, crop, geometry


class Canvas(NamedTuple):
    """Images between operations: pixels [n, H, W, C] uint8, valid [n, H, W, 1] uint8 (1 or 0)."""

    pixels: tf.Tensor
    valid: tf.Tensor


class Step(NamedTuple):
    """Arguments of an operation, one row per image.

    Attributes:
      argument: [n] float32, the amount.
      place: [n, 2] in [0, 1), position in height and width, for Cutout.
      fill: gray value of pixels from outside, which are valid then; None for invalid black.
    """

    argument: tf.Tensor
    place: tf.Tensor
    fill: int | None


Operation = Callable[[Canvas, Step], Canvas]

# Color of the Cutout square: the mean of CIFAR-10's images; with one channel, the luma of that.
_CUTOUT = {3: (125, 122, 113), 1: (122,)}


def apply(canvas: Canvas, names: Sequence[str], operation: tf.Tensor, step: Step) -> Canvas:
    """Apply to each image the operation that it drew; operations nobody drew cost nothing.

    Args:
      canvas: B images.
      names: operations to choose from, keys of OPERATIONS.
      operation: [B] int32, index into `names`.
      step: arguments for the B images.
    Returns:
      B images; row i depends on row i of the arguments alone.
    """
    size = canvas.pixels.shape[0]
    rows = tf.dynamic_partition(tf.range(tf.size(operation)), operation, len(names))
    parts = []
    for name, chosen in zip(names, rows, strict=True):
        part = Canvas(*(tf.gather(images, chosen) for images in canvas))
        argument, place = tf.gather(step.argument, chosen), tf.gather(step.place, chosen)
        parts.append(OPERATIONS[name](part, Step(argument, place, step.fill)))
    together = Canvas(*(tf.dynamic_stitch(rows, images) for images in zip(*parts, strict=True)))
    return Canvas(*(tf.ensure_shape(x, [size, *x.shape[1:]]) for x in together))


def _moving(matrices: Callable[[tf.Tensor, int, int], tf.Tensor]) -> Operation:
    def move(canvas: Canvas, step: Step) -> Canvas:
        height, width = canvas.pixels.shape[1:3]
        chosen = matrices(step.argument, height, width)
        if step.fill is not None:
            return Canvas(geometry.transform(canvas.pixels, chosen, fill=step.fill), canvas.valid)
        return Canvas(*(geometry.transform(images, chosen) for images in canvas))

    return move


def _blending(recolor: color.ColorOperation) -> Operation:
    return lambda canvas, step: Canvas(recolor(canvas.pixels, step.argument), canvas.valid)


def _covering(recolor: color.ColorOperation) -> Operation:
    return lambda canvas, step: Canvas(
        recolor(canvas.pixels, step.argument), tf.ones_like(canvas.valid)
    )


def _cutout(canvas: Canvas, step: Step) -> Canvas:
    """Gray square with a share of the shorter side, rounded down."""
    height, width, channels = canvas.pixels.shape[1:]
    size = tf.cast(step.argument * min(height, width), tf.int32)
    outside = tf.cast(crop.outside_square(step.place, size, height, width), tf.uint8)
    square = tf.constant(_CUTOUT[channels], tf.uint8) * (1 - outside)
    return Canvas(canvas.pixels * outside + square, canvas.valid * outside)


OPERATIONS: dict[str, Operation] = {
    "Identity": lambda canvas, step: canvas,
    "ShearX": _moving(geometry.shear_x),
    "ShearY": _moving(geometry.shear_y),
    "TranslateX": _moving(geometry.translate_x),
    "TranslateY": _moving(geometry.translate_y),
    "Rotate": _moving(geometry.rotate),
    "AutoContrast": _covering(color.autocontrast),
    "Equalize": _covering(color.equalize),
    "Invert": _covering(color.invert),
    "Solarize": _covering(color.solarize),
    "SolarizeAdd": _covering(color.solarize_add),
    "Posterize": _covering(color.posterize),
    "Contrast": _blending(color.contrast),
    "Color": _blending(color.color),
    "Brightness": _blending(color.brightness),
    "Sharpness": _blending(color.sharpness),
    "Cutout": _cutout,
}

"""The operations of AutoAugment and RandAugment by name, each image through the one that it drew.

Images are bytes with a mark for each pixel whether it is valid. Pixels that a geometric operation
moves in from outside are black and invalid, those of a Cutout square are grey and invalid.
Operations that know no transparency in the published code (AutoContrast, Equalize, Invert,
Solarize, Posterize) make them valid, that is ordinary pixels of that colour; others keep them.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from ieg.augment import colour, crop, geometry


class Canvas(NamedTuple):
    """Images under way: pixels [n, H, W, C] uint8, valid [n, H, W, 1] uint8 (1 or 0)."""

    pixels: tf.Tensor
    valid: tf.Tensor


class Step(NamedTuple):
    """What an operation is given: argument [n] float32, place [n, 2] uniform in [0, 1).

    `fill` is the grey value of what comes from outside, valid then; None for invalid black.
    """

    argument: tf.Tensor
    place: tf.Tensor
    fill: int | None


Operation = Callable[[Canvas, Step], Canvas]

# Colour of the Cutout square: the mean of CIFAR-10's images, and of one channel its luma.
_CUTOUT = {3: (125, 122, 113), 1: (122,)}


def apply(canvas: Canvas, names: Sequence[str], operation: tf.Tensor, step: Step) -> Canvas:
    """Every image through its own operation; the cost is that of the operations that were drawn.

    Args:
      canvas: B images.
      names: of the operations, keys of OPERATIONS.
      operation: [B] int32, index into them.
      step: for B images.
    Returns:
      B images, each of which depends on its own row of the arguments alone.
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


def _blending(colouring: colour.Colouring) -> Operation:
    return lambda canvas, step: Canvas(colouring(canvas.pixels, step.argument), canvas.valid)


def _covering(colouring: colour.Colouring) -> Operation:
    return lambda canvas, step: Canvas(
        colouring(canvas.pixels, step.argument), tf.ones_like(canvas.valid)
    )


def _cutout(canvas: Canvas, step: Step) -> Canvas:
    """Grey square of a share of the shorter side, rounded down."""
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
    "AutoContrast": _covering(colour.autocontrast),
    "Equalize": _covering(colour.equalize),
    "Invert": _covering(colour.invert),
    "Solarize": _covering(colour.solarize),
    "SolarizeAdd": _covering(colour.solarize_add),
    "Posterize": _covering(colour.posterize),
    "Contrast": _blending(colour.contrast),
    "Color": _blending(colour.color),
    "Brightness": _blending(colour.brightness),
    "Sharpness": _blending(colour.sharpness),
    "Cutout": _cutout,
}

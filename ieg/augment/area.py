"""Areas of photographs: a random one for training, the middle square for evaluation."""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

from ieg.augment import geometry

#: Uniform numbers that one `random_area` takes: area, aspect, place in height and in width.
DRAWS = 4
_LARGEST_ASPECT = 4 / 3


class Middle(NamedTuple):
    """The square in the middle of an image that evaluation sees.

    Attributes:
      part: its side, as a part of the image's shorter side, in (0, 1].
      kernel: of the interpolation that brings it to the size of the network's input, "bilinear" or
        "bicubic"; it averages where it shrinks.
    """

    part: float
    kernel: str


#: For networks that were trained on random areas, which look larger than the whole.
MIDDLE = Middle(224 / 256, "bilinear")
#: For pretrained networks: all of it, interpolated as EfficientNet was in its evaluation. CIFAR-10
#: has likelier held-out labels so, enlarged from 32 pixels, than by bilinear interpolation.
WHOLE = Middle(1.0, "bicubic")


class TrainingArea(NamedTuple):
    """Random rotation of a photograph, then a random area of it, for training.

    Attributes:
      smallest: smallest area, as a share of the photograph, in (0, 1].
      rotation: largest angle in degrees, at least 0; each photograph is turned either way.
    """

    smallest: float = 0.08
    rotation: float = 0.0

    @property
    def draws(self) -> int:
        """Uniform numbers for one photograph: four, and a fifth with rotation."""
        return DRAWS + (self.rotation > 0)


def turned(image: tf.Tensor, draw: tf.Tensor, rotation: float) -> tf.Tensor:
    """Rotate a photograph about its center by an angle uniform in ±`rotation` degrees.

    Each pixel takes the color of the nearest one; pixels from outside are black.

    Args:
      image: [height, width, C], any size.
      draw: scalar, uniform in [0, 1).
      rotation: degrees.
    Returns:
      An image of the same shape.
    """
    sides = tf.cast(tf.shape(image), tf.float32)
    angle = tf.reshape(rotation * (2 * draw - 1), [1])
    matrix = geometry.rotate(angle, sides[0], sides[1])
    return geometry.transform(image[tf.newaxis], matrix)[0]


def random_area(
    draws: tf.Tensor, height: tf.Tensor, width: tf.Tensor, smallest: float = 0.08
) -> tf.Tensor:
    """A random box with `smallest` to 1 of the image's area and an aspect of 3:4 to 4:3.

    Area and place are uniform, the aspect is uniform in its logarithm. A side longer than the
    image's is cut to that, instead of drawing again.

    With `smallest` 0.08: Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and
    Rabinovich, "Going Deeper with Convolutions", CVPR 2015, arXiv 1409.4842, section 6.

    Args:
      draws: uniform in [0, 1); the first four are used.
      height, width: scalar int32, of the image.
      smallest: smallest area of the box, as a share of the image's, in (0, 1].
    Returns:
      [4] int32: top, left, height, width; at least one pixel.

    >>> random_area([0.0, 0.5, 0.0, 0.0], 100, 200).numpy().tolist()  # a square of 8 %
    [0, 0, 40, 40]
    """
    sides = tf.stack([height, width])
    full = tf.cast(sides, tf.float32)
    area = (smallest + (1 - smallest) * draws[0]) * full[0] * full[1]
    aspect = tf.exp(math.log(_LARGEST_ASPECT) * (2 * draws[1] - 1))  # width : height
    wanted = tf.sqrt(tf.stack([area / aspect, area * aspect]))
    size = tf.clip_by_value(tf.cast(tf.round(wanted), tf.int32), 1, sides)
    free = tf.cast(sides - size + 1, tf.float32)
    return tf.concat([tf.cast(tf.floor(draws[2:DRAWS] * free), tf.int32), size], axis=0)


def middle(height: tf.Tensor, width: tf.Tensor, part: float = MIDDLE.part) -> tf.Tensor:
    """The square in the middle, by default with 7/8 of the shorter side: 224 of 256 pixels.

    Args:
      height, width: scalar int32, of the image.
      part: of the shorter side that the square has, in (0, 1].
    Returns:
      [4] int32: top, left, height, width; at least one pixel.
    """
    sides = tf.stack([height, width])
    side = tf.cast(tf.reduce_min(sides), tf.float32) * part
    size = tf.maximum(tf.cast(tf.round(side), tf.int32), 1)
    return tf.concat([(sides - size) // 2, [size, size]], axis=0)


def resized(image: tf.Tensor, box: tf.Tensor, side: int, kernel: str = MIDDLE.kernel) -> tf.Tensor:
    """A box of an image, brought to a size by interpolation that averages where it shrinks.

    Args:
      image: [height, width, C], pixels in 0 .. 255 of any dtype.
      box: [4] int32: top, left, height, width.
      side: height and width of the result in pixels.
      kernel: "bilinear" or "bicubic"; what the latter overshoots is cut off.
    Returns:
      [side, side, C] float32 in 0 .. 255.
    """
    channels = image.shape[2]
    part = tf.slice(image, [box[0], box[1], 0], [box[2], box[3], channels])
    pixels = tf.image.resize(part, [side, side], kernel, antialias=True)
    pixels = tf.ensure_shape(pixels, [side, side, channels])
    return tf.clip_by_value(pixels, 0, 255) if kernel == "bicubic" else pixels

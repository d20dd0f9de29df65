"""Which part of a photograph is looked at: a random area in training, the middle in tests."""

import math
from typing import NamedTuple

import tensorflow as tf

from ieg.augment import geometry

#: Uniform numbers that `random_area` uses up: area, aspect, and place in height and width.
DRAWS = 4
_LARGEST_ASPECT = 4 / 3
#: Part of the shorter side that tests look at.
MIDDLE = 224 / 256


class TrainingArea(NamedTuple):
    """What training sees of a photograph: it is turned, then a random area of it is taken.

    Attributes:
      smallest: in (0, 1], share of the photograph that the area has at least.
      rotation: degrees, at least 0; each photograph is turned by at most that, either way.
    """

    smallest: float = 0.08
    rotation: float = 0.0

    @property
    def draws(self) -> int:
        """Uniform numbers that one photograph uses up."""
        return DRAWS + (self.rotation > 0)


def turned(image: tf.Tensor, draw: tf.Tensor, rotation: float) -> tf.Tensor:
    """A photograph turned about its middle, uniformly in ±`rotation` degrees.

    It keeps its size and takes the nearest pixel's colour; what moves in from outside is black.

    Args:
      image: [height, width, C], any size.
      draw: scalar, uniform in [0, 1).
      rotation: degrees.
    """
    sides = tf.cast(tf.shape(image), tf.float32)
    angle = tf.reshape(rotation * (2 * draw - 1), [1])
    matrix = geometry.rotate(angle, sides[0], sides[1])
    return geometry.transform(image[tf.newaxis], matrix)[0]


def random_area(
    draws: tf.Tensor, height: tf.Tensor, width: tf.Tensor, smallest: float = 0.08
) -> tf.Tensor:
    """A box of `smallest` to 1 of the area with sides of 3:4 to 4:3.

    With 0.08 it is that of Szegedy et al. 2015, section 6.

    The area is uniform, the aspect uniform in its logarithm, the place uniform. A side that would
    be longer than the image's is cut to that, so no box is drawn a second time.

    Args:
      draws: uniform in [0, 1), of which the first four are used.
      height, width: scalar int32 of the image.
      smallest: in (0, 1], share of the image's area that the box has at least.
    Returns:
      [4] int32: top, left, height, width; at least one pixel.
    """
    sides = tf.stack([height, width])
    full = tf.cast(sides, tf.float32)
    area = (smallest + (1 - smallest) * draws[0]) * full[0] * full[1]
    aspect = tf.exp(math.log(_LARGEST_ASPECT) * (2 * draws[1] - 1))  # width : height
    wanted = tf.sqrt(tf.stack([area / aspect, area * aspect]))
    size = tf.clip_by_value(tf.cast(tf.round(wanted), tf.int32), 1, sides)
    free = tf.cast(sides - size + 1, tf.float32)
    return tf.concat([tf.cast(tf.floor(draws[2:DRAWS] * free), tf.int32), size], axis=0)


def middle(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """The square in the middle with 7/8 of the shorter side: 224 of 256 pixels.

    Args and result are those of `random_area`.
    """
    sides = tf.stack([height, width])
    side = tf.cast(tf.reduce_min(sides), tf.float32) * MIDDLE
    size = tf.maximum(tf.cast(tf.round(side), tf.int32), 1)
    return tf.concat([(sides - size) // 2, [size, size]], axis=0)

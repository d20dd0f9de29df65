"""Which part of a photograph is looked at: a random area in training, the middle in tests."""

import math

import tensorflow as tf

#: Uniform numbers that `random_area` uses up: area, aspect, and place in height and width.
DRAWS = 4
_SMALLEST_AREA = 0.08
_LARGEST_ASPECT = 4 / 3
_MIDDLE = 224 / 256


def random_area(draws: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """A box of 8 to 100 % of the area with sides of 3:4 to 4:3 (Szegedy et al. 2015, section 6).

    The area is uniform, the aspect uniform in its logarithm, the place uniform. A side that would
    be longer than the image's is cut to that, so no box is drawn a second time.

    Args:
      draws: [4] uniform in [0, 1).
      height, width: scalar int32 of the image.
    Returns:
      [4] int32: top, left, height, width; at least one pixel.
    """
    sides = tf.stack([height, width])
    full = tf.cast(sides, tf.float32)
    area = (_SMALLEST_AREA + (1 - _SMALLEST_AREA) * draws[0]) * full[0] * full[1]
    aspect = tf.exp(math.log(_LARGEST_ASPECT) * (2 * draws[1] - 1))  # width : height
    wanted = tf.sqrt(tf.stack([area / aspect, area * aspect]))
    size = tf.clip_by_value(tf.cast(tf.round(wanted), tf.int32), 1, sides)
    free = tf.cast(sides - size + 1, tf.float32)
    return tf.concat([tf.cast(tf.floor(draws[2:] * free), tf.int32), size], axis=0)


def middle(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """The square in the middle with 7/8 of the shorter side: 224 of 256 pixels.

    Args and result are those of `random_area`.
    """
    sides = tf.stack([height, width])
    side = tf.cast(tf.reduce_min(sides), tf.float32) * _MIDDLE
    size = tf.maximum(tf.cast(tf.round(side), tf.int32), 1)
    return tf.concat([(sides - size) // 2, [size, size]], axis=0)

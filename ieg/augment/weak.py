"""Weak augmentation: a random shift and, where mirrored images make sense, a random flip."""

from typing import NamedTuple

import tensorflow as tf


class WeakAugmentation(NamedTuple):
    """How far images are shifted and whether they are mirrored.

    Attributes:
      pad: pixels of black added on every side before a crop of the original size.
      flip: whether half of the images are mirrored left to right.
    """

    pad: int
    flip: bool


#: Uniform numbers that `augment` uses up for one image.
DRAWS_PER_IMAGE = 3


def augment(images: tf.Tensor, draws: tf.Tensor, weak: WeakAugmentation) -> tf.Tensor:
    """Shifts each image by up to `pad` pixels and mirrors every second one.

    Args:
      images: [B, H, W, C], any dtype; pixels moved in from outside are 0.
      draws: [B, 3] uniform in [0, 1): vertical shift, horizontal shift, flip.
      weak: how far, and whether to flip.
    Returns:
      [B, H, W, C] of the same dtype.
    """
    height, width = images.shape[1], images.shape[2]
    pad = weak.pad
    shift = tf.cast(tf.floor(draws[:, :2] * (2 * pad + 1)), tf.int32)  # [B, 2] in 0..2·pad
    rows = shift[:, :1] + tf.range(height)  # [B, H]
    columns = shift[:, 1:] + tf.range(width)  # [B, W]
    if weak.flip:
        columns = tf.where(draws[:, 2:] < 0.5, tf.reverse(columns, axis=[1]), columns)
    padded = tf.pad(images, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
    cropped = tf.gather(padded, rows, axis=1, batch_dims=1)  # [B, H, W + 2·pad, C]
    return tf.gather(cropped, columns, axis=2, batch_dims=1)  # [B, H, W, C]


def scale(images: tf.Tensor) -> tf.Tensor:
    """uint8 in [0, 255] → float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) * (2 / 255) - 1

"""Shifted crops with mirroring, and Cutout squares."""

from __future__ import annotations

import tensorflow as tf


def crop(images: tf.Tensor, offsets: tf.Tensor, mirrored: tf.Tensor, *, pad: int) -> tf.Tensor:
    """Pad with zeros, crop to the original size, then mirror some images left to right.

    Args:
      images: [B, H, W, C], any dtype.
      offsets: [B, 2] int32 in 0 .. 2·pad, top and left of the crop in the padded image; (pad, pad)
        does not shift.
      mirrored: [B] bool.
      pad: zeros added on every side.
    Returns:
      [B, H, W, C] of the same dtype.
    """
    height, width = images.shape[1], images.shape[2]
    rows = offsets[:, :1] + tf.range(height)  # [B, H]
    columns = offsets[:, 1:] + tf.range(width)  # [B, W]
    columns = tf.where(mirrored[:, tf.newaxis], tf.reverse(columns, axis=[1]), columns)
    padded = tf.pad(images, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
    cropped = tf.gather(padded, rows, axis=1, batch_dims=1)  # [B, H, W + 2·pad, C]
    return tf.gather(cropped, columns, axis=2, batch_dims=1)  # [B, H, W, C]


def outside_square(place: tf.Tensor, size: tf.Tensor | int, height: int, width: int) -> tf.Tensor:
    """Mask of the pixels outside a square about a random pixel (Cutout).

    Around row r the square covers rows r - size//2 .. r - size//2 + size - 1, and columns alike.
    It is cut off at the edge of the image.

    DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
    2017, arXiv 1708.04552.

    Args:
      place: [n, 2] in [0, 1), position of the central pixel in height and width.
      size: side in pixels, [n] int32 or one for all.
      height, width: H and W of the images.
    Returns:
      [n, H, W, 1] bool, False in the square.

    >>> outside_square(tf.constant([[0.0, 0.5]]), 2, 2, 4)[0, ..., 0].numpy().astype(int).tolist()
    [[1, 0, 0, 1], [1, 1, 1, 1]]
    """
    sides = tf.constant([height, width], tf.float32)
    first = tf.cast(tf.floor(place * sides), tf.int32) - tf.reshape(size // 2, [-1, 1])  # [n, 2]
    behind = first + tf.reshape(size, [-1, 1])
    row, column = tf.range(height), tf.range(width)
    in_rows = (row >= first[:, :1]) & (row < behind[:, :1])  # [n, H]
    in_columns = (column >= first[:, 1:]) & (column < behind[:, 1:])  # [n, W]
    inside = in_rows[:, :, tf.newaxis] & in_columns[:, tf.newaxis, :]
    return ~inside[..., tf.newaxis]

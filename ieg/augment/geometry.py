"""Shear, translation and rotation of batches of images, by one projective transform per image.

A matrix is an 8-vector (a0 .. a7): output pixel (x, y) takes its color from the input at

    ((a0 x + a1 y + a2) / k, (a3 x + a4 y + a5) / k),    k = a6 x + a7 y + 1

with x counted from the left, y from the top, and (0, 0) the center of the top left pixel. The
functions below that return matrices follow the imaging library PIL, which shears about the corner
of the image, half a pixel away from that center. They map amounts [n] to [n, 8] float32.
"""

from __future__ import annotations

import math

import tensorflow as tf


def transform(images: tf.Tensor, matrices: tf.Tensor, *, fill: float = 0) -> tf.Tensor:
    """Transform each image by its own matrix; pixels take the color of the nearest one.

    Args:
      images: [n, H, W, C] uint8, int32 or float.
      matrices: [n, 8], or [1, 8] for all.
      fill: value of pixels that lie outside the input.
    Returns:
      [n, H, W, C] of the same dtype.
    """
    known = tf.TensorShape(images.shape[1:3]).is_fully_defined()
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=matrices,
        output_shape=list(images.shape[1:3]) if known else tf.shape(images)[1:3],
        fill_value=tf.cast(fill, tf.float32),
        interpolation="NEAREST",
        fill_mode="CONSTANT",
    )


def shear_x(amount: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Shear along x: row y moves by -amount·y pixels, so (x, y) shows (x + amount·y, y)."""
    del height, width
    return _matrices(1, amount, amount / 2, 0, 1, 0)


def shear_y(amount: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Shear along y: column x moves by -amount·x pixels, so (x, y) shows (x, y + amount·x)."""
    del height, width
    return _matrices(1, 0, 0, amount, 1, amount / 2)


def translate_x(share: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Translation to the left by a share of the width: (x, y) shows (x + share·W, y)."""
    del height
    return _matrices(1, 0, share * width, 0, 1, 0)


def translate_y(share: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Translation upward by a share of the height: (x, y) shows (x, y + share·H)."""
    del width
    return _matrices(1, 0, 0, 0, 1, share * height)


def rotate(degrees: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
    """Counterclockwise rotation about the center ((W - 1) / 2, (H - 1) / 2).

    Args:
      degrees: [n].
      height, width: of the images, integers or scalar floats.
    Returns:
      [n, 8] float32.

    >>> image = tf.reshape(tf.range(1, 10), [1, 3, 3, 1])
    >>> transform(image, rotate(tf.constant([90.0]), 3, 3))[0, ..., 0].numpy().tolist()
    [[3, 6, 9], [2, 5, 8], [1, 4, 7]]
    """
    angle = degrees * (math.pi / 180)
    cos, sin = tf.cos(angle), tf.sin(angle)
    x, y = (width - 1) / 2, (height - 1) / 2
    return _matrices(cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos)


def _matrices(*affine: tf.Tensor | float) -> tf.Tensor:
    """[n, 8] from a0 .. a5, each [n] or the same number for all; at least one is [n]."""
    like = next(entry for entry in affine if isinstance(entry, tf.Tensor))
    columns = [tf.zeros_like(like) + entry for entry in (*affine, 0, 0)]
    # In steps of 2^-16, as PIL computes. It decides ties: row 12 moves by 0.12 · 12.5 = 1.5 pixels.
    return tf.round(tf.stack(columns, axis=1) * 2**16) / 2**16

"""Color operations on batches of bytes, by the formulas of the imaging library PIL.

Each function takes images [n, H, W, C] uint8 and an amount per image [n] float32 (ignored by those
that need none), and returns images of the same shape and dtype. Histograms and extremes are per
image and channel, gray values per image: row i of the result depends on row i alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf

#: (images [n, H, W, C] uint8, amount [n] float32) → images.
ColorOperation: TypeAlias = "Callable[[tf.Tensor, tf.Tensor], tf.Tensor]"


def invert(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """255 - v; the amount is ignored."""
    return 255 - images


def solarize(images: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """255 - v where v ≥ threshold; thresholds in 0 .. 256."""
    bright = tf.cast(images, tf.float32) >= _per_image(threshold)
    return tf.bitwise.bitwise_xor(images, 255 * tf.cast(bright, tf.uint8))


def solarize_add(images: tf.Tensor, addition: tf.Tensor) -> tf.Tensor:
    """min(v + addition, 255) where v < 128; additions are at least 0."""
    values = tf.cast(images, tf.float32)
    return _bytes(values + _per_image(addition) * tf.cast(values < 128, tf.float32))


def posterize(images: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Keep the highest bits of 8: v - v mod 2^(8 - bits); bits in 0 .. 8."""
    step = tf.cast(2 ** (8 - tf.cast(bits, tf.int32)), tf.int32)
    mask = tf.cast(256 - step, tf.uint8)
    return tf.bitwise.bitwise_and(images, _per_image(mask))


def autocontrast(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Stretch each channel to 0 .. 255: ⌊(v - min) · 255 / (max - min)⌋.

    A channel with a single value stays as it is. The amount is ignored.
    """
    # In float64 and in this order, as the library does: another rounding moves a whole byte.
    values = tf.cast(images, tf.float64)
    lowest = tf.reduce_min(values, axis=[1, 2], keepdims=True)
    highest = tf.reduce_max(values, axis=[1, 2], keepdims=True)
    flat = tf.cast(highest == lowest, tf.float64)
    scale = 255 / (highest - lowest + 255 * flat)
    offset = -lowest * scale * (1 - flat)
    return _bytes(values * scale + offset)


def equalize(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Equalize the histogram of each channel.

    v ↦ min((step // 2 + number of pixels below v) // step, 255)
    step = (pixels - pixels of the highest value) // 255

    A channel with step 0 stays as it is. The amount is ignored.
    """
    size, channels = tf.shape(images)[0], images.shape[3]
    # [n, 1, 1, C]: where the 256 entries of each image and channel begin in a flat table.
    begin = 256 * tf.reshape(tf.range(size * channels), [size, 1, 1, channels])
    entry = tf.cast(images, tf.int32) + begin
    count = tf.raw_ops.DenseBincount(
        input=tf.reshape(entry, [-1]),
        size=256 * size * channels,
        weights=tf.zeros([0], tf.int32),
        binary_output=False,
    )
    count = tf.reshape(count, [size * channels, 256])
    below = tf.cumsum(count, axis=1, exclusive=True)
    below_highest = tf.reduce_max(tf.where(count > 0, below, 0), axis=1, keepdims=True)
    step = below_highest // 255
    spread = tf.minimum((step // 2 + below) // tf.maximum(step, 1), 255)
    table = tf.cast(tf.where(step == 0, tf.range(256), spread), tf.uint8)
    return tf.gather(tf.reshape(table, [-1]), entry)


def brightness(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with black: factor 0 is black, 1 the image, above 1 brighter."""
    return _bytes(tf.cast(images, tf.float32) * _per_image(factor))


def contrast(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with the image's mean gray value, rounded: factor 0 is plain gray, 1 the image."""
    mean = tf.reduce_mean(_gray(images), axis=[1, 2, 3], keepdims=True)
    return _blend(tf.floor(mean + 0.5), images, factor)


def color(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with the image in gray: factor 0 is gray, 1 the image, above 1 more saturated."""
    return _blend(_gray(images), images, factor)


def sharpness(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with a smoothed image: factor 0 is smooth, 1 the image, above 1 sharper.

    Smoothing is a rounded 3x3 mean with weight 5 in the middle and 1 around; edge pixels stay.
    """
    values = tf.cast(images, tf.float32)
    column = values[:, :-2] + values[:, 1:-1] + values[:, 2:]
    box = column[:, :, :-2] + column[:, :, 1:-1] + column[:, :, 2:]
    middle = values[:, 1:-1, 1:-1]
    change = tf.floor((box + 4 * middle) / 13 + 0.5) - middle
    smooth = values + tf.pad(change, [[0, 0], [1, 1], [1, 1], [0, 0]])
    return _blend(smooth, images, factor)


def _gray(images: tf.Tensor) -> tf.Tensor:
    """Luma (ITU-R 601) of three channels, a single channel as it is: [n, H, W, 1] float32."""
    if images.shape[3] == 1:
        return tf.cast(images, tf.float32)
    red, green, blue = tf.unstack(tf.cast(images, tf.int32), axis=3)
    luma = (19595 * red + 38470 * green + 7471 * blue + 2**15) // 2**16
    return tf.cast(luma, tf.float32)[..., tf.newaxis]


def _blend(from_: tf.Tensor, images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """from + factor · (image - from); a factor above 1 extrapolates."""
    return _bytes(from_ + _per_image(factor) * (tf.cast(images, tf.float32) - from_))


def _bytes(values: tf.Tensor) -> tf.Tensor:
    """Clipped to 0 .. 255 and rounded down."""
    return tf.cast(tf.clip_by_value(values, 0, 255), tf.uint8)


def _per_image(amount: tf.Tensor) -> tf.Tensor:
    """[n] → [n, 1, 1, 1]."""
    return tf.reshape(amount, [-1, 1, 1, 1])

"""Colour operations on batches of bytes, by the formulas of the imaging library PIL.

Every function takes images [n, H, W, C] uint8 and one amount per image, [n] float32, and returns
images of the same shape and type; those without an amount ignore it. Statistics are of one image,
and of one channel but for grey values: row i of the result depends on row i alone.
"""

from collections.abc import Callable

import tensorflow as tf

Colouring = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def invert(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """255 - v."""
    return 255 - images


def solarize(images: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """255 - v where v ≥ threshold, in 0 .. 256."""
    bright = tf.cast(images, tf.float32) >= _per_image(threshold)
    return tf.bitwise.bitwise_xor(images, 255 * tf.cast(bright, tf.uint8))


def solarize_add(images: tf.Tensor, addition: tf.Tensor) -> tf.Tensor:
    """min(v + addition, 255) where v < 128; an addition is at least 0."""
    values = tf.cast(images, tf.float32)
    return _bytes(values + _per_image(addition) * tf.cast(values < 128, tf.float32))


def posterize(images: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Keeps the highest bits of 8: v - v mod 2^(8 - bits), bits in 0 .. 8."""
    step = tf.cast(2 ** (8 - tf.cast(bits, tf.int32)), tf.int32)
    mask = tf.cast(256 - step, tf.uint8)
    return tf.bitwise.bitwise_and(images, _per_image(mask))


def autocontrast(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Stretches each channel: ⌊(v - min) · 255 / (max - min)⌋; a channel of one value stays."""
    # In float64 and in this order, as the library does: another rounding moves a whole byte.
    values = tf.cast(images, tf.float64)
    lowest = tf.reduce_min(values, axis=[1, 2], keepdims=True)
    highest = tf.reduce_max(values, axis=[1, 2], keepdims=True)
    flat = tf.cast(highest == lowest, tf.float64)
    scale = 255 / (highest - lowest + 255 * flat)
    offset = -lowest * scale * (1 - flat)
    return _bytes(values * scale + offset)


def equalize(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Spreads each channel's values so that all bytes occur about equally often.

    v ↦ min((step // 2 + number of pixels below v) // step, 255)
    step = (pixels - pixels of the highest value) // 255; a channel with step 0 stays
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
    """Blend with black; factor 0 is black, 1 the image, more is brighter."""
    return _bytes(tf.cast(images, tf.float32) * _per_image(factor))


def contrast(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with the image's mean grey value, rounded; factor 0 is plain grey, 1 the image."""
    mean = tf.reduce_mean(_grey(images), axis=[1, 2, 3], keepdims=True)
    return _blend(tf.floor(mean + 0.5), images, factor)


def color(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with the image in grey; factor 0 has no colours, 1 is the image, more is more vivid."""
    return _blend(_grey(images), images, factor)


def sharpness(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend with a smoothed image; factor 0 is smooth, 1 the image, more is sharper.

    Smooth is the 3x3 mean with weight 5 in the middle and 1 around, rounded; edge pixels stay.
    """
    values = tf.cast(images, tf.float32)
    column = values[:, :-2] + values[:, 1:-1] + values[:, 2:]
    box = column[:, :, :-2] + column[:, :, 1:-1] + column[:, :, 2:]
    middle = values[:, 1:-1, 1:-1]
    change = tf.floor((box + 4 * middle) / 13 + 0.5) - middle
    smooth = values + tf.pad(change, [[0, 0], [1, 1], [1, 1], [0, 0]])
    return _blend(smooth, images, factor)


def _grey(images: tf.Tensor) -> tf.Tensor:
    """[n, H, W, 1] float32, whole numbers: luma (ITU-R 601) of three channels; of one, itself."""
    if images.shape[3] == 1:
        return tf.cast(images, tf.float32)
    red, green, blue = tf.unstack(tf.cast(images, tf.int32), axis=3)
    luma = (19595 * red + 38470 * green + 7471 * blue + 2**15) // 2**16
    return tf.cast(luma, tf.float32)[..., tf.newaxis]


def _blend(from_: tf.Tensor, images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """from + factor · (image - from); a factor above 1 goes beyond the image."""
    return _bytes(from_ + _per_image(factor) * (tf.cast(images, tf.float32) - from_))


def _bytes(values: tf.Tensor) -> tf.Tensor:
    """Clipped to 0 .. 255 and rounded down."""
    return tf.cast(tf.clip_by_value(values, 0, 255), tf.uint8)


def _per_image(amount: tf.Tensor) -> tf.Tensor:
    """[n] → [n, 1, 1, 1]."""
    return tf.reshape(amount, [-1, 1, 1, 1])

"""Weak augmentation (random shift, flip and rotation), and scaling of pixels to network inputs."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from ieg.augment import geometry
from ieg.augment.crop import crop


class WeakAugmentation(NamedTuple):
    """Weak augmentation and input scale of a data set.

    Attributes:
      pad: black pixels added on every side before a crop of the original size.
      flip: True to mirror half of the images left to right.
      rotation: largest angle in degrees, at least 0; each image is turned either way.
      mean: mean of each channel in [0, 1], subtracted from pixels in [0, 1]; None scales pixels to
        [-1, 1] instead.
      deviation: standard deviation of each channel, above 0, by which the difference is divided;
        None for 1.
    """

    pad: int
    flip: bool
    rotation: float = 0.0
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None


#: No augmentation; pixels in [-1, 1].
PLAIN = WeakAugmentation(pad=0, flip=False)


def draws_per_image(weak: WeakAugmentation) -> int:
    """Uniform numbers that `augment` takes for one image: three, and a fourth with rotation."""
    return 4 if weak.rotation > 0 else 3


def augment(images: tf.Tensor, draws: tf.Tensor, weak: WeakAugmentation) -> tf.Tensor:
    """Shift each image by up to `pad` pixels, mirror it with probability ½, then rotate it.

    The angle is uniform in ±`rotation` degrees; each pixel takes the color of the nearest one, as
    in the ProSelfLC recipe (±15°).

    Args:
      images: [B, H, W, C] uint8 or float32; pixels moved in from outside are 0.
      draws: [B, draws_per_image(weak)] uniform in [0, 1): vertical shift, horizontal shift, flip,
        and with rotation its angle.
      weak: pad, flip and rotation.
    Returns:
      [B, H, W, C] of the same dtype.
    """
    offsets = tf.cast(tf.floor(draws[:, :2] * (2 * weak.pad + 1)), tf.int32)
    mirrored = draws[:, 2] < (0.5 if weak.flip else 0.0)
    shifted = crop(images, offsets, mirrored, pad=weak.pad)
    if not weak.rotation > 0:
        return shifted
    height, width = images.shape[1], images.shape[2]
    angles = weak.rotation * (2 * draws[:, 3] - 1)
    return geometry.transform(shifted, geometry.rotate(angles, height, width))


def scale(images: tf.Tensor) -> tf.Tensor:
    """Scale uint8 in [0, 255] to float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) * (2 / 255) - 1


def normalize(images: tf.Tensor, weak: WeakAugmentation | None) -> tf.Tensor:
    """Subtract the mean and divide by the standard deviation of each channel, if they are given.

    Args:
      images: [B, H, W, C] float32 pixels in [-1, 1]; anything else without a `weak`.
      weak: of the data set; None if examples are no images.
    Returns:
      Network inputs: (x - `mean`) / `deviation` with x in [0, 1], or `images` as they are.

    >>> weak = WeakAugmentation(0, False, mean=(0.5,), deviation=(0.25,))
    >>> normalize(tf.constant([[[[-1.0], [1.0]]]]), weak).numpy().ravel().tolist()  # black, white
    [-2.0, 2.0]
    """
    if weak is None or weak.mean is None:
        return images
    centered = (images + 1) / 2 - tf.constant(weak.mean)
    return centered if weak.deviation is None else centered / tf.constant(weak.deviation)


def network_input(values: tf.Tensor, weak: WeakAugmentation | None) -> tf.Tensor:
    """Convert stored examples to network inputs, without augmentation.

    Args:
      values: [B, H, W, C] pixels in 0 .. 255; anything else without a `weak`.
      weak: of the data set; None if examples are no images.
    """
    return values if weak is None else normalize(scale(values), weak)


def to_pixels(images: tf.Tensor, weak: WeakAugmentation) -> tf.Tensor:
    """Convert network inputs back to pixels, uint8 in [0, 255]."""
    if weak.deviation is not None:
        images *= tf.constant(weak.deviation)
    if weak.mean is not None:
        images = (images + tf.constant(weak.mean)) * 2 - 1
    return tf.cast(tf.round((images + 1) * 127.5), tf.uint8)

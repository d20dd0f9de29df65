"""Weak augmentation: a random shift and, where they make sense, a random flip and rotation.

And how pixels become the numbers that a network sees.
"""

from typing import NamedTuple

import tensorflow as tf

from ieg.augment import geometry
from ieg.augment.crop import crop


class WeakAugmentation(NamedTuple):
    """How far images are shifted and turned, and whether they are mirrored.

    Attributes:
      pad: pixels of black added on every side before a crop of the original size.
      flip: whether half of the images are mirrored left to right.
      rotation: degrees, at least 0; each image is turned by at most that, either way.
      mean: of each colour in [0, 1]: networks see the difference from it; None for [-1, 1].
    """

    pad: int
    flip: bool
    rotation: float = 0.0
    mean: tuple[float, ...] | None = None


#: Images as they are, in [-1, 1].
PLAIN = WeakAugmentation(pad=0, flip=False)


def draws_per_image(weak: WeakAugmentation) -> int:
    """Uniform numbers that `augment` uses up for one image: 3, and one more for a rotation."""
    return 4 if weak.rotation > 0 else 3


def augment(images: tf.Tensor, draws: tf.Tensor, weak: WeakAugmentation) -> tf.Tensor:
    """Shifts each image by up to `pad` pixels, mirrors every second one, then turns it.

    The rotation is uniform in ±`rotation` degrees about the centre, with the nearest pixel's
    colour, as in the ProSelfLC recipe (±15°).

    Args:
      images: [B, H, W, C] uint8 or float32; pixels moved in from outside are 0.
      draws: [B, draws_per_image(weak)] uniform in [0, 1): vertical shift, horizontal shift, flip,
        and with a rotation its angle.
      weak: how far, and whether to flip.
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
    """uint8 in [0, 255] → float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) * (2 / 255) - 1


def centre(images: tf.Tensor, weak: WeakAugmentation | None) -> tf.Tensor:
    """float32 in [-1, 1] → what the network sees: the same, or x - `mean` with x in [0, 1].

    Without a `weak` the values are no pixels and are left alone.
    """
    if weak is None or weak.mean is None:
        return images
    return (images + 1) / 2 - tf.constant(weak.mean)


def network_input(values: tf.Tensor, weak: WeakAugmentation | None) -> tf.Tensor:
    """What the network sees of examples as they are stored.

    Args:
      values: [B, H, W, C] pixels in 0 .. 255; anything else without a `weak`.
      weak: of the data set.
    """
    return values if weak is None else centre(scale(values), weak)


def to_pixels(images: tf.Tensor, weak: WeakAugmentation) -> tf.Tensor:
    """What the network sees → uint8 in [0, 255], to be looked at."""
    if weak.mean is not None:
        images = (images + tf.constant(weak.mean)) * 2 - 1
    return tf.cast(tf.round((images + 1) * 127.5), tf.uint8)

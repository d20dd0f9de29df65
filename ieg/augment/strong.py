"""Strong augmentation of a batch: AutoAugment or RandAugment, crop and flip, and Cutout.

Everything is a TensorFlow operation on the batch, with random numbers as arguments: no Python runs
while images are made. The random numbers decide how many images take an operation, so shapes are
dynamic: this is for CPUs and for `tf.data`, not for XLA.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from ieg.augment import crop, operations, policies
from ieg.augment.operations import Canvas, Step
from ieg.augment.weak import scale
from ieg.errors import InputError


class StrongAugmentation(NamedTuple):
    """Augmentation that follows the weak one, in the order of the attributes unless `crop_first`.

    Attributes:
      policy: two operations of "cifar10" (AutoAugment with 95 sub-policies), "cifar10_25" (with the
        better known 25), "imagenet" (AutoAugment v0) or "randaug" (RandAugment); or "none".
        Amounts published in pixels, of 32 or for "imagenet" of 224, are scaled to the side of the
        images.
      per_batch: True if the global batch shares one sub-policy (RandAugment: the same two
        operations and levels), False if each image draws its own. Applying an operation, its sign
        and its place are drawn per image either way.
      pad: gray pixels added on every side before a crop of the original size.
      flip: True to mirror half of the images left to right.
      cutout: side in pixels of a square that is made gray; 0 for none.
      crop_first: True to crop and mirror before the policy, with black pixels at the edges.
    """

    policy: str
    per_batch: bool
    pad: int
    flip: bool
    cutout: int
    crop_first: bool = False


class Draws(NamedTuple):
    """Uniform numbers in [0, 1) for B images.

    Attributes:
      sub_policy: [B] selects a sub-policy; equal rows with per_batch.
      applied, sign: [B, 2] for the first and the second operation.
      place: [B, 2, 2] position in height and width of the first and the second operation.
      offset: [B, 2] top and left of the crop.
      flip: [B].
      cutout: [B, 2] position in height and width of the square's center.
    """

    sub_policy: tf.Tensor
    applied: tf.Tensor
    sign: tf.Tensor
    place: tf.Tensor
    offset: tf.Tensor
    flip: tf.Tensor
    cutout: tf.Tensor


def check(strong: StrongAugmentation, image_shape: tuple[int, int, int]) -> None:
    """Check that images of this shape can be augmented that way.

    Args:
      strong: the augmentation.
      image_shape: height, width, channels.
    Raises:
      InputError: they cannot; the message says what would be right.
    """
    height, width, channels = image_shape
    side = min(height, width)
    policy, pad, cutout = strong.policy, strong.pad, strong.cutout
    known = ("none", *policies.NAMES)
    if policy not in known:
        raise InputError(f"unknown policy {policy!r}; there are: {', '.join(known)}")
    if policy not in ("none", "randaug") and channels != 3:
        raise InputError(
            f"AutoAugment needs images with 3 color channels, and these have {channels}; take "
            "`aug_type=randaug`, which then leaves out its color operation"
        )
    if policy == "randaug" and channels not in (1, 3):
        raise InputError(
            f"RandAugment needs images with 1 or 3 channels, and these have {channels}; take "
            "`aug_type=default`"
        )
    if policy != "none" and side < 2:
        raise InputError(
            f"images of {height}x{width} are too thin for operations on neighboring pixels; take "
            "`aug_type=default`"
        )
    if not 0 <= pad < side:
        raise InputError(
            f"strong augmentation cannot pad images of {height}x{width} by {pad} before the crop; "
            f"0 to {side - 1} pixels are possible"
        )
    if not 0 <= cutout <= side:
        raise InputError(
            f"strong augmentation cannot cut a square of {cutout} pixels out of images of "
            f"{height}x{width}; 0 to {side} are possible"
        )


def draw(seed: tf.Tensor, batch_size: int, strong: StrongAugmentation) -> Draws:
    """Random numbers for a global batch.

    Args:
      seed: [2] int32.
      batch_size: B of the global batch; a replica takes its own rows.
      strong: its `per_batch` decides if the images share a sub-policy.
    """
    sizes = [[], [2], [2], [2, 2], [2], [], [2]]  # of one image, in the order of Draws
    counts = [tf.TensorShape(size).num_elements() for size in sizes]
    numbers = tf.random.stateless_uniform([batch_size, sum(counts)], seed)
    columns = tf.split(numbers, counts, axis=1)
    draws = Draws(
        *(tf.reshape(x, [batch_size, *size]) for x, size in zip(columns, sizes, strict=True))
    )
    if strong.per_batch:
        draws = draws._replace(sub_policy=tf.repeat(draws.sub_policy[:1], batch_size))
    return draws


def augment(images: tf.Tensor, draws: Draws, strong: StrongAugmentation) -> tf.Tensor:
    """Strong view of weakly augmented images.

    Pixels from outside the image, or cut out of it, are 0: mid-gray; those of a first crop are -1.

    Args:
      images: [B, H, W, C] float32 in [-1, 1].
      draws: for these B images; row i of the result depends on row i of the arguments alone.
      strong: an augmentation that has passed `check` for these images.
    Returns:
      [B, H, W, C] float32 in [-1, 1].
    """
    height, width, channels = images.shape[1:]
    if strong.crop_first:
        images = _cropped(images + 1, draws, strong) - 1
    if strong.policy != "none":
        images = _through_policy(images, draws, policies.get(strong.policy, channels))
    if not strong.crop_first:
        images = _cropped(images, draws, strong)
    if strong.cutout:
        outside = crop.outside_square(draws.cutout, strong.cutout, height, width)
        images *= tf.cast(outside, tf.float32)
    return images


def _cropped(images: tf.Tensor, draws: Draws, strong: StrongAugmentation) -> tf.Tensor:
    """Shifted and mirrored images; pixels from outside are 0."""
    # The offset 2·pad is never drawn, as in the published code.
    offsets = tf.cast(draws.offset * (2 * strong.pad), tf.int32)
    mirrored = draws.flip < (0.5 if strong.flip else 0.0)
    return crop.crop(images, offsets, mirrored, pad=strong.pad)


def to_bytes(images: tf.Tensor) -> tf.Tensor:
    """Convert float32 in [-1, 1] to uint8, rounded down: a scaled byte may come back one lower."""
    return tf.cast((images * 0.5 + 0.5) * 255, tf.uint8)


def _through_policy(images: tf.Tensor, draws: Draws, policy: policies.Policy) -> tf.Tensor:
    operation, argument = policies.choose(policy, draws.sub_policy, draws.applied, draws.sign)
    pixels = to_bytes(images)
    canvas = Canvas(pixels, tf.ones_like(pixels[..., :1]))
    for i in range(2):
        step = Step(argument[:, i], draws.place[:, i], policy.fill)
        canvas = operations.apply(canvas, policy.operations, operation[:, i], step)
    return scale(canvas.pixels) * tf.cast(canvas.valid, tf.float32)

"""Strong augmentation: AutoAugment or RandAugment, then crop, flip and cutout, of a whole batch.

Everything is a TensorFlow operation on the batch with random numbers that are given: no Python runs
while images are made. Groups of images have sizes that only the drawn numbers tell, so this is for
CPUs and for `tf.data`, not for XLA.
"""

from typing import NamedTuple

import tensorflow as tf

from ieg.augment import crop, operations, policies
from ieg.augment.operations import Canvas, Step
from ieg.augment.weak import scale
from ieg.errors import InputError


class StrongAugmentation(NamedTuple):
    """What happens to an image after weak augmentation, in this order.

    Attributes:
      policy: two operations of "cifar10" (AutoAugment with 95 sub-policies), "cifar10_25" (with the
        better known 25), "imagenet" (AutoAugment v0) or "randaug" (RandAugment); or "none".
        Amounts that were written in pixels for images of 32, or 224 for "imagenet", are scaled to
        the side of the images at hand.
      per_batch: whether the global batch shares one sub-policy (RandAugment: the same two
        operations and levels), or each image draws its own. Whether an operation is applied, its
        sign and its place are each image's own.
      pad: grey pixels added on every side before a crop of the original size.
      flip: whether half of the images are mirrored left to right.
      cutout: side in pixels of a square that is made grey; 0 for none.
    """

    policy: str
    per_batch: bool
    pad: int
    flip: bool
    cutout: int


class Draws(NamedTuple):
    """Uniform numbers in [0, 1) for B images.

    Attributes:
      sub_policy: [B] which sub-policy; rows are equal with per_batch.
      applied, sign: [B, 2] for the first and the second operation.
      place: [B, 2, 2] where in height and width an operation is that needs a place.
      offset: [B, 2] top and left of the crop.
      flip: [B].
      cutout: [B, 2] where in height and width the centre of the square is.
    """

    sub_policy: tf.Tensor
    applied: tf.Tensor
    sign: tf.Tensor
    place: tf.Tensor
    offset: tf.Tensor
    flip: tf.Tensor
    cutout: tf.Tensor


def check(strong: StrongAugmentation, image_shape: tuple[int, int, int]) -> None:
    """Whether images (height, width, channels) can be augmented that way.

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
            f"AutoAugment needs images with 3 colour channels, and these have {channels}; use "
            "--aug_type=randaug, which does without its colour operation then"
        )
    if policy == "randaug" and channels not in (1, 3):
        raise InputError(
            f"RandAugment needs images with 1 or 3 channels, and these have {channels}; use "
            "--aug_type=default"
        )
    if policy != "none" and side < 2:
        raise InputError(
            f"images of {height}x{width} are too thin for operations on their pixels' neighbours; "
            "use --aug_type=default"
        )
    if not 0 <= pad < side:
        raise InputError(
            f"strong augmentation cannot pad images of {height}x{width} by {pad} before the crop; "
            f"0 to {side - 1} pixels leave something of them"
        )
    if not 0 <= cutout <= side:
        raise InputError(
            f"strong augmentation cannot cut a square of {cutout} pixels out of images of "
            f"{height}x{width}; 0 to {side} fit"
        )


def draw(seed: tf.Tensor, batch_size: int, strong: StrongAugmentation) -> Draws:
    """The random numbers of a global batch.

    Args:
      seed: [2] int32.
      batch_size: B of the global batch; a replica takes its own rows.
      strong: whether the images share a sub-policy.
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
    """The strong view of weakly augmented images.

    Pixels that come from outside, or that are cut out, are 0: mid-grey.

    Args:
      images: [B, H, W, C] float32 in [-1, 1].
      draws: for these B images; row i of the result depends on row i of the arguments alone.
      strong: what to do, which `check` has found possible.
    Returns:
      [B, H, W, C] float32 in [-1, 1].
    """
    height, width, channels = images.shape[1:]
    if strong.policy != "none":
        images = _through_policy(images, draws, policies.get(strong.policy, channels))
    # The offset 2·pad is never drawn, as in the published code.
    offsets = tf.cast(draws.offset * (2 * strong.pad), tf.int32)
    mirrored = draws.flip < (0.5 if strong.flip else 0.0)
    images = crop.crop(images, offsets, mirrored, pad=strong.pad)
    if strong.cutout:
        outside = crop.outside_square(draws.cutout, strong.cutout, height, width)
        images *= tf.cast(outside, tf.float32)
    return images


def to_bytes(images: tf.Tensor) -> tf.Tensor:
    """float32 in [-1, 1] → uint8, rounded down: of a byte that was scaled it may be one less."""
    return tf.cast((images * 0.5 + 0.5) * 255, tf.uint8)


def _through_policy(images: tf.Tensor, draws: Draws, policy: policies.Policy) -> tf.Tensor:
    operation, argument = policies.choose(policy, draws.sub_policy, draws.applied, draws.sign)
    pixels = to_bytes(images)
    canvas = Canvas(pixels, tf.ones_like(pixels[..., :1]))
    for i in range(2):
        step = Step(argument[:, i], draws.place[:, i], policy.fill)
        canvas = operations.apply(canvas, policy.operations, operation[:, i], step)
    return scale(canvas.pixels) * tf.cast(canvas.valid, tf.float32)

"""Views of an image that a backbone sees: the one of evaluation, weak ones and strong ones.

A view is a function of the image's content, the seed and its number, whatever else is computed and
in whatever order. So a view that is kept stays right while a data set grows or is sorted anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ieg import keys
from ieg.augment import area, strong, weak
from ieg.augment.strong import StrongAugmentation

#: Sizes of the fields of `strong.Draws` for one image.
_STRONG_SIZES = ((), (2,), (2,), (2, 2), (2,), (), (2,))
_STRONG_COUNTS = tuple(int(np.prod(size)) for size in _STRONG_SIZES)
_FLIP = area.DRAWS
#: Uniform numbers in [0, 1) that one view uses up: area, flip, strong augmentation.
DRAWS = area.DRAWS + 1 + sum(_STRONG_COUNTS)


@dataclass(frozen=True)
class Views:
    """Views that are kept of each image, in this order: one of evaluation, weak ones, strong ones.

    Evaluation sees the largest square in the middle: a backbone is not trained further on random
    areas, which look larger than the whole. A weak view is a random area of the image, half of them
    mirrored. A strong view is a weak one through two operations of RandAugment, a shift and cutout,
    in the proportions of CIFAR.

    Attributes:
      weak, strong: how many.
      seed: of the random views.
      smallest: in (0, 1], share of the image that a random area has at least.
      flip: False where a mirrored image shows something else, such as a digit.
    """

    weak: int = 0
    strong: int = 0
    seed: int = 0
    smallest: float = 0.4
    flip: bool = True

    def __len__(self) -> int:
        return 1 + self.weak + self.strong

    def definitions(self, side: int) -> list[str]:
        """A line for each view that says all that its pixels depend on, besides the image.

        Views of equal lines are equal, so features are found again by them. A change of what a
        view computes must change its line.

        Args:
          side: of the backbone's input in pixels.
        """
        size = f"{area.WHOLE.kernel} to {side}"
        random = f"seed {self.seed}, area from {self.smallest:g}, flip {self.flip}, {size}"
        return [
            f"largest square in the middle, {size}",
            *(f"weak {n}, {random}" for n in range(1, self.weak + 1)),
            *(f"strong {n}, {random}, randaug" for n in range(1, self.strong + 1)),
        ]

    def draws(self, key: bytes, view: int) -> np.ndarray:
        """[DRAWS] uniform numbers in [0, 1), float32, of one view of the image with that key."""
        kind, number = self.kind(view), view if view <= self.weak else view - self.weak
        seed = keys.words(self.seed, f"{kind} view {number} of features", 4)
        words = np.frombuffer(hashlib.sha256(seed.tobytes() + key).digest(), "<u4")
        return np.random.default_rng(words).random(DRAWS, np.float32)

    def kind(self, view: int) -> str:
        """The kind of a view: "middle", "weak" or "strong"."""
        if view == 0:
            return "middle"
        return "weak" if view <= self.weak else "strong"


def middle_view(image: tf.Tensor, side: int) -> tf.Tensor:
    """The largest square in the middle, [side, side, 3] float32 in 0 .. 255.

    Args:
      image: [height, width, 3], pixels in 0 .. 255 of any dtype.
      side: in pixels.
    """
    sides = tf.shape(image)
    box = area.middle(sides[0], sides[1], area.WHOLE.part)
    return area.resized(image, box, side, area.WHOLE.kernel)


def weak_view(image: tf.Tensor, draws: tf.Tensor, views: Views, side: int) -> tf.Tensor:
    """A random area, mirrored or not; arguments and result like those of `middle_view`.

    Args:
      draws: [DRAWS] of the view.
      views: how it is made.
    """
    box = area.random_area(draws, tf.shape(image)[0], tf.shape(image)[1], views.smallest)
    pixels = area.resized(image, box, side, area.WHOLE.kernel)
    mirrored = draws[_FLIP] < (0.5 if views.flip else 0.0)
    return tf.cond(mirrored, lambda: tf.reverse(pixels, [1]), lambda: pixels)


def strong_views(pixels: tf.Tensor, draws: tf.Tensor, views: Views, side: int) -> tf.Tensor:
    """Strong views of weak ones, [n, side, side, 3] float32 in 0 .. 255.

    Args:
      pixels: [n, side, side, 3] float32 in 0 .. 255.
      draws: [n, DRAWS].
      views: how they are made.
      side: in pixels.
    """
    recipe = StrongAugmentation(
        "randaug", per_batch=False, pad=side // 8, flip=views.flip, cutout=side // 2
    )
    columns = tf.split(draws[:, _FLIP + 1 :], _STRONG_COUNTS, axis=1)
    parts = zip(columns, _STRONG_SIZES, strict=True)
    numbers = strong.Draws(*(tf.reshape(x, [-1, *size]) for x, size in parts))
    return (strong.augment(weak.scale(pixels), numbers, recipe) + 1) * 127.5

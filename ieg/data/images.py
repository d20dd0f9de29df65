"""Images gathered by index: pixels in memory, or files that are decoded when a batch needs them.

Both have the `shape` and `len` of an array [N, H, W, C] and are indexed by an array of indices. A
`Loader` reads their pixels.

Other examples are arrays in memory that networks see as they are: tokens [N, L] int32 and features
[N, D] float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import tensorflow as tf


class Loader(Protocol):
    """Reader of the pixels of N images of one shape, by index, in the graph.

    Attributes:
      draws_per_image: uniform numbers per image for `training_view`.
    """

    draws_per_image: int

    def training_view(self, index: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """Pixels in 0 .. 255 before weak augmentation, [B, H, W, C] uint8 or float32.

        Args:
          index: [B] int32.
          draws: [B, draws_per_image] uniform in [0, 1).
        """

    def test_batches(self, index: np.ndarray) -> Iterator[Any]:
        """Yield unaugmented pixels in 0 .. 255, [B, H, W, C], for each row of `index` [n, B]."""

    def examine(self, index: np.ndarray, error: tf.errors.OpError) -> None:
        """Find the images that made the pipeline fail, and mark them as damaged.

        Args:
          index: images that were being read.
          error: error of the pipeline.
        Raises:
          OpError: no image is to blame.
          TrainingStopped: too many images are damaged by now.
        """

    def damaged(self) -> np.ndarray | None:
        """[N] bool, images found to be unreadable so far; None for none."""


class FeatureLoader(Loader, Protocol):
    """Loader of features of views that are kept, the strong ones too.

    Attributes:
      strong_draws_per_image: uniform numbers that `strong_view` uses up for one image.
    """

    strong_draws_per_image: int

    def strong_view(self, index: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """Features of a strong view, [B, D] float32.

        Args:
          index: [B] int32.
          draws: [B, strong_draws_per_image] uniform in [0, 1).
        """


class Stored(Protocol):
    """Images that are read when needed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """N, H, W, C; N, D of features."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: np.ndarray, /) -> Stored:
        """Images with these indices, in this order."""

    def loader(self) -> Loader:
        """Loader of their pixels."""


#: Pixels [N, H, W, C] uint8, images that are read when needed, tokens or features.
Images = np.ndarray | Stored


def loader(images: Images) -> Loader:
    """Loader of the pixels of images."""
    return InMemory(images) if isinstance(images, np.ndarray) else images.loader()


def kind(images: Images) -> str:
    """Kind of examples: "images", "tokens" or "features".

    >>> kind(np.zeros([5, 8, 8, 1], np.uint8)), kind(np.zeros([5, 20], np.int32))
    ('images', 'tokens')
    """
    if len(images.shape) == 4:
        return "images"
    whole = isinstance(images, np.ndarray) and images.dtype.kind in "iu"
    return "tokens" if whole else "features"


def readable(images: Images) -> np.ndarray:
    """[N] bool, all images except those found to be damaged."""
    damaged = loader(images).damaged()
    return np.ones(len(images), bool) if damaged is None else ~damaged


class InMemory:
    """Loader of pixels in memory: nothing is drawn, and nothing can be damaged.

    Args:
      images: [N, H, W, C] uint8, or tokens or features.
    """

    draws_per_image = 0

    def __init__(self, images: np.ndarray) -> None:
        self._images = images
        self._tensor: tf.Tensor | None = None

    def training_view(self, index: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """[B, H, W, C] uint8; there are no draws."""
        if self._tensor is None:
            with tf.init_scope():
                self._tensor = tf.constant(self._images)
        return tf.gather(self._tensor, index)

    def test_batches(self, index: np.ndarray) -> Iterator[np.ndarray]:
        """[B, H, W, C] uint8 for each row of `index`."""
        return (self._images[row] for row in index)

    def examine(self, index: np.ndarray, error: tf.errors.OpError) -> None:
        """Raise the error: images in memory cannot be to blame."""
        raise error

    def damaged(self) -> None:
        """None."""

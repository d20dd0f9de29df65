"""Images that are gathered by index: pixels in memory, or files that are decoded when needed.

Both behave like an array [N, H, W, C] as far as `shape`, `len` and indexing by an array of indices
go, so that splits are cut alike. `loader` gives what reads pixels.

Examples of other kinds are arrays in memory too, which networks see as they are: tokens [N, L]
int32 and features [N, D] float32.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import tensorflow as tf


class Loader(Protocol):
    """N images of one shape, whose pixels are gathered by index in the graph.

    Attributes:
      draws_per_image: uniform numbers that `training_view` uses up for one image.
    """

    draws_per_image: int

    def training_view(self, index: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """Pixels in 0 .. 255, [B, H, W, C] uint8 or float32, before weak augmentation.

        Args:
          index: [B] int32.
          draws: [B, draws_per_image] uniform in [0, 1).
        """

    def test_batches(self, index: np.ndarray) -> Iterator[Any]:
        """Pixels in 0 .. 255 of each row of `index` [n, B], unaugmented: n times [B, H, W, C]."""

    def examine(self, index: np.ndarray, error: tf.errors.OpError) -> None:
        """Finds out which of these images made the pipeline fail, and never reads them again.

        Raises:
          OpError: none of them did.
          TrainingStopped: too many have by now.
        """

    def damaged(self) -> np.ndarray | None:
        """[N] bool, images that were found to be unreadable so far; None for none."""


class Stored(Protocol):
    """Images that are not in memory."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """N, H, W, C."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: np.ndarray, /) -> "Stored":
        """The images with these indices, in this order."""

    def loader(self) -> Loader:
        """What reads their pixels."""


#: [N, H, W, C] uint8, or images that are not in memory; tokens or features, see above.
Images = np.ndarray | Stored


def loader(images: Images) -> Loader:
    """What reads the pixels of images."""
    return InMemory(images) if isinstance(images, np.ndarray) else images.loader()


def kind(images: Images) -> str:
    """What they are: "images", "tokens" or "features"."""
    if len(images.shape) == 4:
        return "images"
    whole = isinstance(images, np.ndarray) and images.dtype.kind in "iu"
    return "tokens" if whole else "features"


def readable(images: Images) -> np.ndarray:
    """[N] bool, all images but those that were found to be damaged."""
    damaged = loader(images).damaged()
    return np.ones(len(images), bool) if damaged is None else ~damaged


class InMemory:
    """Pixels that are there already: nothing is drawn, and nothing can be damaged.

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
        """Images in memory are no reason to fail."""
        raise error

    def damaged(self) -> None:
        """None."""

"""Cached views of images in the place of their pixels, as `ieg.data.images.Stored` has them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from ieg import mapped
from ieg.features.standardization import Standardization
from ieg.features.views import Views


class CachedImages:
    """N images as vectors of features; a batch in training gets one of the cached weak views.

    Args:
      table: [N, V, D] float16, as `FeatureStore.read` gives it.
      views: the V views.
      damaged: [N] bool, images that could not be read and are zeros in the table; None for none.
      rows: [n] those that count, of N, in this order; None for all.
      standardization: through which they are seen; None: features as they are.
    """

    def __init__(
        self,
        table: np.ndarray,
        views: Views,
        damaged: np.ndarray | None = None,
        rows: np.ndarray | None = None,
        standardization: Standardization | None = None,
    ) -> None:
        self.table = table
        self.views = views
        self.damaged = damaged
        self.rows = np.arange(len(table)) if rows is None else rows
        self.standardization = standardization

    @property
    def shape(self) -> tuple[int, int]:
        """n, D."""
        return len(self.rows), self.table.shape[2]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, indices: np.ndarray, /) -> CachedImages:
        rows = self.rows[indices]
        return CachedImages(self.table, self.views, self.damaged, rows, self.standardization)

    def standardized(self, by: Standardization) -> CachedImages:
        """The same, seen through a standardization."""
        return CachedImages(self.table, self.views, self.damaged, self.rows, by)

    def plain(self) -> np.ndarray:
        """[n, D] float32, the view of evaluation of every image; many are mapped, as float16."""
        if len(self.rows) * self.table.shape[2] <= mapped.CELLS:
            return self._plain(self.rows)
        whole = mapped.zeros(self.shape, np.float16)
        for some in mapped.blocks(*self.shape):
            whole[some] = self._plain(self.rows[some])
        return whole

    def _plain(self, rows: np.ndarray) -> np.ndarray:
        values = self.table[rows, 0].astype(np.float32)
        return values if self.standardization is None else np.array(self.standardization(values))

    def loader(self) -> CachedLoader:
        """Gathers their features."""
        return CachedLoader(self)


class CachedLoader:
    """Picks views by index; see `ieg.data.images.Loader`.

    Attributes:
      draws_per_image: 1 where there are several weak views to choose from.
      strong_draws_per_image: the same for strong ones.
    """

    def __init__(self, images: CachedImages) -> None:
        self._images = images
        self._table: tf.Tensor | None = None
        self.draws_per_image = int(images.views.weak > 1)
        self.strong_draws_per_image = int(images.views.strong > 1)

    def training_view(self, index: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """[B, D] float32, a weak view of each image; the view of evaluation where none is kept.

        Args:
          index: [B] int32.
          draws: [B, draws_per_image] uniform in [0, 1).
        """
        weak = self._images.views.weak
        return self._pick(index, draws, min(weak, 1), weak)

    def strong_view(self, index: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """[B, D] float32, a strong view of each image.

        Args:
          index: [B] int32.
          draws: [B, strong_draws_per_image] uniform in [0, 1).
        """
        views = self._images.views
        if not views.strong:
            raise ValueError("no strong view is kept")
        return self._pick(index, draws, 1 + views.weak, views.strong)

    def test_batches(self, index: np.ndarray) -> Iterator[np.ndarray]:
        """[B, D] float32 for each row of `index`, the view of evaluation."""
        return (self._images[row].plain() for row in index)

    def examine(self, index: np.ndarray, error: tf.errors.OpError) -> None:
        """Features in a table are no reason to fail."""
        raise error

    def damaged(self) -> np.ndarray | None:
        """[n] bool, images whose features are missing; None for none."""
        damaged = self._images.damaged
        return None if damaged is None else damaged[self._images.rows]

    def _pick(self, index: tf.Tensor, draws: tf.Tensor, first: int, count: int) -> tf.Tensor:
        """One of `count` views from the `first` one on, for each image."""
        view = tf.fill(tf.shape(index), first)
        if count > 1:
            view += tf.cast(draws[:, 0] * count, tf.int32)
        values = tf.cast(self._gathered(index, view), tf.float32)
        standardize = self._images.standardization
        return values if standardize is None else standardize(values)

    def _gathered(self, index: tf.Tensor, view: tf.Tensor) -> tf.Tensor:
        """[B, D] float16, one view of each image; a mapped table stays in its file."""
        images = self._images
        if mapped.is_mapped(images.table):
            values = tf.numpy_function(
                lambda i, v: images.table[images.rows[i], v],
                [index, view],
                tf.float16,
                # A stateful node would keep deterministic pipelines from reading in parallel.
                stateful=False,
            )
            return tf.ensure_shape(values, [index.shape[0], images.shape[1]])
        if self._table is None:
            with tf.init_scope():
                self._table = tf.constant(images.table)
                self._rows = tf.constant(images.rows, tf.int32)
        return tf.gather_nd(self._table, tf.stack([tf.gather(self._rows, index), view], axis=1))

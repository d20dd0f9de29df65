"""Orders of examples as functions of the step: nothing to save, nothing to restore."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ieg import keys


def shuffle(
    position: tf.Tensor, epoch: tf.Tensor, size: tf.Tensor | int, seed: int, purpose: str
) -> tf.Tensor:
    """Shuffle of an epoch: a bijection of 0 .. size - 1, computed entry by entry.

    Args:
      position: [B] int32 in 0 .. size - 1.
      epoch: number of the shuffle, integer scalar or [B].
      size: scalar or [B].
      seed, purpose: as for `keys.words`.
    Returns:
      [B] int32, new places of `position`.

    >>> places = shuffle(tf.range(5), tf.constant(0), 5, 0, "example")
    >>> sorted(places.numpy().tolist())
    [0, 1, 2, 3, 4]
    """
    words = keys.words(seed, purpose, 2)
    epochs = tf.broadcast_to(tf.cast(epoch, tf.uint32), tf.shape(position))
    fixed = tf.broadcast_to(tf.constant(words, tf.uint32), [tf.size(position), 2])
    # The raw op, since the public wrapper pads batched seeds wrongly.
    return tf.raw_ops.RandomIndexShuffle(
        index=position,
        seed=tf.concat([epochs[:, tf.newaxis], fixed], axis=1),
        max_index=tf.cast(size, tf.int32) - 1,
        rounds=4,
    )


class ClassLists:
    """Examples by class; each class visits its own in shuffled passes.

    Args:
      indices: [n] examples.
      labels: [n] their given labels.
      seed: of the passes.

    Attributes:
      sizes: [K'] int64 sizes of the K' classes that have examples.
    """

    def __init__(self, indices: np.ndarray, labels: np.ndarray, seed: int) -> None:
        _, self.sizes = np.unique(labels, return_counts=True)
        self._table = tf.constant(indices[np.argsort(labels, kind="stable")], tf.int32)
        self._sizes = tf.constant(self.sizes, tf.int32)
        self._starts = tf.constant(np.cumsum(self.sizes) - self.sizes, tf.int32)
        self._seed = seed

    def take(self, chosen: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """The next examples of given classes, [B] int32.

        Args:
          chosen: [B] int32 in 0 .. K' - 1, classes counted without empty ones.
          number: [B] int64, number of examples that the class has given since the first step.
        """
        size = tf.gather(self._sizes, chosen)
        long = tf.cast(size, tf.int64)
        # One shuffle per class and pass: the two together take the place of the epoch.
        turn = (number // long) * len(self.sizes) + tf.cast(chosen, tf.int64)
        rank = tf.cast(number % long, tf.int32)
        within = shuffle(rank, turn, size, self._seed, "order in class")
        return tf.gather(self._table, tf.gather(self._starts, chosen) + within)


def class_by_class(table: tf.Tensor, step: tf.Tensor, size: int, seed: int) -> tf.Tensor:
    """Examples of a step from a table with a row per class, [P] int32; the rows take turns.

    Each row is visited in a new order every round. So a batch is balanced to within one example,
    and repeats examples of a small row.

    Args:
      table: [R, m] int32 examples, one row per class or a single row.
      step: scalar int64.
      size: P.
      seed: of the order.
    """
    num_classes, per_class = table.shape
    position = step * size + tf.range(size, dtype=tf.int64)
    label, visit = position % num_classes, position // num_classes
    rank = tf.cast(visit % per_class, tf.int32)
    # One shuffle per class and round: the two together take the place of the epoch.
    turn = (visit // per_class) * num_classes + label
    column = shuffle(rank, turn, per_class, seed, "probe order")
    return tf.gather_nd(table, tf.stack([tf.cast(label, tf.int32), column], axis=1))

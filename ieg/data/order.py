"""Which examples a step sees, as functions of the step: nothing to save, nothing to restore."""

import math

import numpy as np
import tensorflow as tf

from ieg import keys
from ieg.errors import InputError


def shuffle(
    position: tf.Tensor, epoch: tf.Tensor, size: tf.Tensor | int, seed: int, purpose: str
) -> tf.Tensor:
    """[B] int32: where `position` [B] in 0 .. size - 1 goes in the shuffle of that epoch.

    The shuffle is a bijection of 0 .. size - 1 computed entry by entry.

    Args:
      position: [B] int32.
      epoch: integer, scalar or [B]; another one is another shuffle.
      size: scalar or [B].
      seed, purpose: as for `keys.words`.
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


class Shuffled:
    """Every example once per epoch, in an order of its own; what does not fill a batch is left out.

    Args:
      indices: [n] examples.
      batch_size: global batch B.
      seed: of the order.
    """

    def __init__(self, indices: np.ndarray, batch_size: int, seed: int) -> None:
        self._table = tf.constant(indices, tf.int32)
        self._batch_size = batch_size
        self._steps_per_epoch = len(indices) // batch_size
        self._seed = seed

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """[B] examples of the global batch of a step (scalar int64)."""
        epoch = step // self._steps_per_epoch
        first = (step % self._steps_per_epoch) * self._batch_size
        position = tf.cast(first, tf.int32) + tf.range(self._batch_size)
        size = int(self._table.shape[0])
        return tf.gather(self._table, shuffle(position, epoch, size, self._seed, "shuffle"))


class Balanced:
    """A batch of C distinct classes with B / C examples each: ProSelfLC's sampler.

    Classes come in shuffled rounds, and a class goes through its examples in shuffled passes, so
    examples of small classes come more often. What a class has given so far follows from the step:
    within a block of K / gcd(C, K) steps the classes of step t are the places t C .. t C + C - 1,
    modulo K, of one order of all classes, and each block has another order.

    Args:
      indices: [n] examples.
      labels: [n] the given label of each, integers in [0, K).
      batch_size: global batch B.
      classes_per_batch: C.
      seed: of the order.
    Raises:
      InputError: B is no multiple of C, or fewer than C classes have examples.
    """

    def __init__(
        self,
        indices: np.ndarray,
        labels: np.ndarray,
        *,
        batch_size: int,
        classes_per_batch: int,
        seed: int,
    ) -> None:
        if batch_size % classes_per_batch:
            raise InputError(
                f"--classes_per_batch={classes_per_batch} must divide the global batch of "
                f"{batch_size}"
            )
        classes, sizes = np.unique(labels, return_counts=True)
        if len(classes) < classes_per_batch:
            raise InputError(
                f"--classes_per_batch={classes_per_batch}: only {len(classes)} classes have "
                "examples"
            )
        self._table = tf.constant(indices[np.argsort(labels, kind="stable")], tf.int32)
        self._sizes = tf.constant(sizes, tf.int32)  # [K], classes without examples left out
        self._starts = tf.constant(np.cumsum(sizes) - sizes, tf.int32)
        self._num_classes = len(classes)
        self._classes_per_batch = classes_per_batch
        self._per_class = batch_size // classes_per_batch
        self._seed = seed

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """[B] examples of the global batch of a step (scalar int64), class by class."""
        chosen, visit = self._classes(step)
        chosen = tf.repeat(chosen, self._per_class)  # [B]
        number = tf.repeat(visit, self._per_class) * self._per_class
        number += tf.tile(tf.range(self._per_class, dtype=tf.int64), [self._classes_per_batch])
        size = tf.gather(self._sizes, chosen)
        long = tf.cast(size, tf.int64)
        # One shuffle per class and pass: the two together take the place of the epoch.
        turn = (number // long) * self._num_classes + tf.cast(chosen, tf.int64)
        rank = tf.cast(number % long, tf.int32)
        within = shuffle(rank, turn, size, self._seed, "order in class")
        return tf.gather(self._table, tf.gather(self._starts, chosen) + within)

    def _classes(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[C] int32 distinct classes, and [C] int64 how often each was chosen before."""
        common = math.gcd(self._classes_per_batch, self._num_classes)
        block_steps, rounds = self._num_classes // common, self._classes_per_batch // common
        block, within = step // block_steps, step % block_steps
        place = within * self._classes_per_batch
        place += tf.range(self._classes_per_batch, dtype=tf.int64)
        position = tf.cast(place % self._num_classes, tf.int32)
        chosen = shuffle(position, block, self._num_classes, self._seed, "class order")
        return chosen, block * rounds + place // self._num_classes


def class_by_class(table: tf.Tensor, step: tf.Tensor, size: int, seed: int) -> tf.Tensor:
    """[P] examples of a step, in an order in which the classes alternate.

    Each class goes through its own examples in a new order every round, so a batch is balanced to
    within one example and may repeat the few that there are.

    Args:
      table: [K, m] int32, examples of each class.
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

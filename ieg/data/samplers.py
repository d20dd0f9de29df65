"""How a global batch is put together: which examples each step trains on.

A sampler is a function of the step: step (scalar int64) → [B] int32 examples of the global batch.
"""

import math
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from ieg import keys
from ieg.data.order import ClassLists, shuffle
from ieg.errors import InputError

#: Values of `--sampler`.
NAMES = ("shuffle", "balanced", "class_aware", "resample")

#: β of the effective number of examples, as in the LDAM-DRW code.
RESAMPLING_BETA = 0.9999


class Sampling(NamedTuple):
    """Which sampler, and its number.

    Attributes:
      sampler: one of `NAMES`.
      classes_per_batch: of "balanced".
      images_in_a_row: of "class_aware".
    """

    sampler: str = "shuffle"
    classes_per_batch: int = 0
    images_in_a_row: int = 0


SHUFFLE = Sampling()


class Sampler(Protocol):
    """Examples of each step.

    Attributes:
      steps_per_epoch: steps in what counts as one pass.
    """

    steps_per_epoch: int

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """[B] int32 examples of the global batch of a step (scalar int64)."""


def create(
    sampling: Sampling, indices: np.ndarray, labels: np.ndarray, *, batch_size: int, seed: int
) -> Sampler:
    """The sampler of a run.

    Args:
      sampling: which one.
      indices: [n] examples.
      labels: [n] the given label of each, integers in [0, K).
      batch_size: global batch B.
      seed: of the order.
    Raises:
      InputError: classes, images and batch do not fit together.
    """
    if sampling.sampler == "shuffle":
        return Shuffled(indices, batch_size, seed)
    if sampling.sampler == "resample":
        return Resampled(indices, labels, batch_size=batch_size, seed=seed)
    if sampling.sampler == "class_aware":
        return ClassAware(
            indices,
            labels,
            batch_size=batch_size,
            images_in_a_row=sampling.images_in_a_row,
            seed=seed,
        )
    return Balanced(
        indices,
        labels,
        batch_size=batch_size,
        classes_per_batch=sampling.classes_per_batch,
        seed=seed,
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
        self.steps_per_epoch = len(indices) // batch_size
        self._seed = seed

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """[B] examples of the global batch of a step (scalar int64)."""
        epoch = step // self.steps_per_epoch
        first = (step % self.steps_per_epoch) * self._batch_size
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
        self._lists = ClassLists(indices, labels, seed)
        self._num_classes = len(self._lists.sizes)  # those without examples left out
        if self._num_classes < classes_per_batch:
            raise InputError(
                f"--classes_per_batch={classes_per_batch}: only {self._num_classes} classes have "
                "examples"
            )
        self.steps_per_epoch = len(indices) // batch_size
        self._classes_per_batch = classes_per_batch
        self._per_class = batch_size // classes_per_batch
        self._seed = seed

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """[B] examples of the global batch of a step (scalar int64), class by class."""
        chosen, visit = self._classes(step)
        chosen = tf.repeat(chosen, self._per_class)  # [B]
        number = tf.repeat(visit, self._per_class) * self._per_class
        number += tf.tile(tf.range(self._per_class, dtype=tf.int64), [self._classes_per_batch])
        return self._lists.take(chosen, number)

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


class ClassAware:
    """All classes equally often, each time with n examples in a row: DRO-LT's sampler.

    Classes come in shuffled rounds. Each gives the next n examples of its own list, which is
    shuffled anew whenever it is used up: a class with fewer than n repeats examples within a row.
    Rows and rounds run on over batches and epochs. With K classes that have examples, the largest
    with m of them, an epoch is ⌊m K / B⌋ steps: as many images as if every class were as large.

    Args:
      indices: [n] examples.
      labels: [n] the given label of each, integers in [0, K).
      batch_size: global batch B.
      images_in_a_row: n, at least 1.
      seed: of the order.
    """

    def __init__(
        self,
        indices: np.ndarray,
        labels: np.ndarray,
        *,
        batch_size: int,
        images_in_a_row: int,
        seed: int,
    ) -> None:
        self._lists = ClassLists(indices, labels, seed)
        self._num_classes = len(self._lists.sizes)
        self.steps_per_epoch = int(self._lists.sizes.max()) * self._num_classes // batch_size
        self._batch_size = batch_size
        self._in_a_row = images_in_a_row
        self._seed = seed

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """[B] examples of the global batch of a step (scalar int64)."""
        place = step * self._batch_size + tf.range(self._batch_size, dtype=tf.int64)
        row, within = place // self._in_a_row, place % self._in_a_row
        turn, position = row // self._num_classes, tf.cast(row % self._num_classes, tf.int32)
        chosen = shuffle(position, turn, self._num_classes, self._seed, "class order")
        # Each round takes one row of every class, so that the round tells what came before.
        return self._lists.take(chosen, turn * self._in_a_row + within)


class Resampled:
    """Examples drawn with replacement, those of small classes more often: `train_rule` Resample.

    An example of a class with m examples has weight (1 - β) / (1 - β^m), one over the effective
    number of examples (Cui et al. 2019), with β = 0.9999. As many are drawn in an epoch as there
    are examples.

    Args:
      indices: [n] examples.
      labels: [n] the given label of each, integers in [0, K).
      batch_size: global batch B.
      seed: of the draws.
    """

    def __init__(
        self, indices: np.ndarray, labels: np.ndarray, *, batch_size: int, seed: int
    ) -> None:
        self._table = tf.constant(indices, tf.int32)
        counts = np.bincount(labels)[labels]  # [n]
        ends = np.cumsum((1 - RESAMPLING_BETA) / (1 - RESAMPLING_BETA**counts))
        self._ends = tf.constant(ends / ends[-1])  # [n] float64, where each one's share ends
        self.steps_per_epoch = len(indices) // batch_size
        self._batch_size = batch_size
        self._seed = seed

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """[B] examples of the global batch of a step (scalar int64)."""
        seed = keys.stateless_seed(self._seed, "resample", step)
        draws = tf.random.stateless_uniform([self._batch_size], seed, dtype=tf.float64)
        return tf.gather(self._table, tf.searchsorted(self._ends, draws, side="right"))

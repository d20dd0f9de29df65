"""Samplers: the examples of each global batch as a function of the step.

References:
  X. Wang, Y. Hua, E. Kodirov, D. A. Clifton, N. M. Robertson, "ProSelfLC: Progressive Self Label
  Correction for Training Robust Deep Neural Networks", CVPR 2021, arXiv 2005.03788: balanced.
  D. Samuel, G. Chechik, "Distributional Robustness Loss for Long-tail Learning", ICCV 2021,
  arXiv 2104.03066: class_aware.
  K. Cao, C. Wei, A. Gaidon, N. Arechiga, T. Ma, "Learning Imbalanced Datasets with
  Label-Distribution-Aware Margin Loss", NeurIPS 2019, arXiv 1906.07413: resample.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from ieg import keys
from ieg.data.order import ClassLists, shuffle
from ieg.errors import InputError

#: Values of the option `sampler`.
NAMES = ("shuffle", "balanced", "class_aware", "resample")

#: β of the effective number of examples, as in the LDAM-DRW code.
RESAMPLING_BETA = 0.9999


class Sampling(NamedTuple):
    """Choice of a sampler.

    Attributes:
      sampler: one of `NAMES`.
      classes_per_batch: number of classes in a batch, for "balanced".
      images_in_a_row: images of a class before the next class, for "class_aware".
    """

    sampler: str = "shuffle"
    classes_per_batch: int = 0
    images_in_a_row: int = 0


SHUFFLE = Sampling()


class Sampler(Protocol):
    """A function of the step that gives the examples of its global batch.

    Attributes:
      steps_per_epoch: steps that count as one pass over the data.
    """

    steps_per_epoch: int

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Examples of the global batch of a step (scalar int64), [B] int32."""


def create(
    sampling: Sampling, indices: np.ndarray, labels: np.ndarray, *, batch_size: int, seed: int
) -> Sampler:
    """Make the sampler of a run.

    Args:
      sampling: choice of the sampler.
      indices: [n] examples.
      labels: [n] their given labels, integers in [0, K).
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
    """Every example once per epoch, in a new order; examples that fill no batch are left out.

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
        """Examples of the global batch of a step (scalar int64), [B] int32."""
        epoch = step // self.steps_per_epoch
        first = (step % self.steps_per_epoch) * self._batch_size
        position = tf.cast(first, tf.int32) + tf.range(self._batch_size)
        size = int(self._table.shape[0])
        return tf.gather(self._table, shuffle(position, epoch, size, self._seed, "shuffle"))


class Balanced:
    """Batches of C distinct classes with B / C examples each: ProSelfLC's sampler.

    Classes come in shuffled rounds, and a class visits its examples in shuffled passes, so examples
    of small classes come more often. The visits of a class so far follow from the step: within a
    block of K / gcd(C, K) steps the classes of step t are the places t C .. t C + C - 1, modulo K,
    of one order of all classes, and each block has another order.

    Args:
      indices: [n] examples.
      labels: [n] their given labels, integers in [0, K).
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
                f"must divide the global batch of {batch_size}",
                option="classes_per_batch",
                value=classes_per_batch,
            )
        self._lists = ClassLists(indices, labels, seed)
        self._num_classes = len(self._lists.sizes)  # without empty ones
        if self._num_classes < classes_per_batch:
            raise InputError(
                f"only {self._num_classes} classes have examples",
                option="classes_per_batch",
                value=classes_per_batch,
            )
        self.steps_per_epoch = len(indices) // batch_size
        self._classes_per_batch = classes_per_batch
        self._per_class = batch_size // classes_per_batch
        self._seed = seed

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Examples of the global batch of a step (scalar int64), class by class, [B] int32."""
        chosen, visit = self._classes(step)
        chosen = tf.repeat(chosen, self._per_class)  # [B]
        number = tf.repeat(visit, self._per_class) * self._per_class
        number += tf.tile(tf.range(self._per_class, dtype=tf.int64), [self._classes_per_batch])
        return self._lists.take(chosen, number)

    def _classes(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[C] int32 distinct classes, and [C] int64 numbers of their earlier visits."""
        common = math.gcd(self._classes_per_batch, self._num_classes)
        block_steps, rounds = self._num_classes // common, self._classes_per_batch // common
        block, within = step // block_steps, step % block_steps
        place = within * self._classes_per_batch
        place += tf.range(self._classes_per_batch, dtype=tf.int64)
        position = tf.cast(place % self._num_classes, tf.int32)
        chosen = shuffle(position, block, self._num_classes, self._seed, "class order")
        return chosen, block * rounds + place // self._num_classes


class ClassAware:
    """All classes equally often, with n examples in a row each time: DRO-LT's sampler.

    Classes come in shuffled rounds. Each gives the next n examples of its list, which is shuffled
    anew whenever it is used up; a class with fewer than n repeats examples within a row. Rows and
    rounds run on over batches and epochs. With K classes that have examples, m in the largest, an
    epoch is ⌊m K / B⌋ steps, as if every class were as large as that one.

    Args:
      indices: [n] examples.
      labels: [n] their given labels, integers in [0, K).
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
        """Examples of the global batch of a step (scalar int64), [B] int32."""
        place = step * self._batch_size + tf.range(self._batch_size, dtype=tf.int64)
        row, within = place // self._in_a_row, place % self._in_a_row
        turn, position = row // self._num_classes, tf.cast(row % self._num_classes, tf.int32)
        chosen = shuffle(position, turn, self._num_classes, self._seed, "class order")
        # Each round takes one row of every class, so the round tells the earlier visits.
        return self._lists.take(chosen, turn * self._in_a_row + within)


class Resampled:
    """Examples drawn with replacement, small classes more often: `train_rule` Resample of LDAM-DRW.

    An example of a class with m examples has weight (1 - β) / (1 - β^m), the inverse effective
    number of examples (Cui et al. 2019), with β = 0.9999. An epoch draws as many as there are
    examples.

    Args:
      indices: [n] examples.
      labels: [n] their given labels, integers in [0, K).
      batch_size: global batch B.
      seed: of the draws.
    """

    def __init__(
        self, indices: np.ndarray, labels: np.ndarray, *, batch_size: int, seed: int
    ) -> None:
        self._table = tf.constant(indices, tf.int32)
        counts = np.bincount(labels)[labels]  # [n]
        ends = np.cumsum((1 - RESAMPLING_BETA) / (1 - RESAMPLING_BETA**counts))
        self._ends = tf.constant(ends / ends[-1])  # [n] float64, ends of their shares
        self.steps_per_epoch = len(indices) // batch_size
        self._batch_size = batch_size
        self._seed = seed

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Examples of the global batch of a step (scalar int64), [B] int32."""
        seed = keys.stateless_seed(self._seed, "resample", step)
        draws = tf.random.stateless_uniform([self._batch_size], seed, dtype=tf.float64)
        return tf.gather(self._table, tf.searchsorted(self._ends, draws, side="right"))

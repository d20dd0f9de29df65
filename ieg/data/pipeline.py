"""Step number → batch: the input pipeline as a pure function of the step and of index tables.

Epoch e visits the training table in the order of a shuffle that is itself a function of (seed, e),
so a run that starts at step s sees exactly the batches that a run from 0 sees from s on, and
nothing of the pipeline needs saving. An epoch has floor(n / B) steps; which examples are left over
differs from epoch to epoch.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ieg import keys
from ieg.augment import weak as weak_views
from ieg.data.dataset import Dataset
from ieg.errors import InputError


class Probe(NamedTuple):
    """Clean examples: image [P, H, W, C] float32 in [-1, 1], label [P] int32."""

    image: tf.Tensor
    label: tf.Tensor


class Batch(NamedTuple):
    """One replica's part of a training batch; B is the batch size per replica.

    Attributes:
      index: [B] int32 into the whole training split.
      image: [B, H, W, C] float32 in [-1, 1], weakly augmented.
      label: [B] int32, the given label.
      true_label: [B] int32, for monitoring only.
      probe: clean examples, as many as B; None for a method that needs none.
    """

    index: tf.Tensor
    image: tf.Tensor
    label: tf.Tensor
    true_label: tf.Tensor
    probe: Probe | None


class Pipeline:
    """Batches of one data set.

    Args:
      dataset: what to train on.
      batch_size: global batch B, shared by the replicas.
      seed: of the shuffles and of the augmentation.
      with_probe: whether batches carry probe examples.
    Raises:
      InputError: the batch is larger than the training data.
    """

    def __init__(self, dataset: Dataset, *, batch_size: int, seed: int, with_probe: bool) -> None:
        size = len(dataset.train_indices)
        if batch_size > size:
            raise InputError(
                f"a global batch of {batch_size} is larger than the {size} images to "
                "train on; choose a smaller --batch_size"
            )
        self.batch_size = batch_size
        self.steps_per_epoch = size // batch_size
        self._seed = seed
        self._weak = dataset.weak
        self._images = tf.constant(dataset.train.images)
        self._given = tf.constant(dataset.given_labels, tf.int32)
        self._true = tf.constant(dataset.train.labels, tf.int32)
        self._table = tf.constant(dataset.train_indices, tf.int32)
        self._probe = None
        if with_probe:
            self._probe = tf.constant(dataset.probe_indices, tf.int32)

    def train_indices(self, step: tf.Tensor) -> tf.Tensor:
        """[B] examples of the global batch of a step (scalar int64)."""
        epoch = step // self.steps_per_epoch
        first = (step % self.steps_per_epoch) * self.batch_size
        position = tf.cast(first, tf.int32) + tf.range(self.batch_size)
        size = int(self._table.shape[0])
        return tf.gather(self._table, _shuffle(position, epoch, size, self._seed, "shuffle"))

    def probe_indices(self, step: tf.Tensor) -> tf.Tensor:
        """[B] probe examples of a step, in an order in which the classes alternate.

        Each class goes through its own examples in a new order every round, so a batch is balanced
        to within one example and may repeat the few that there are.
        """
        assert self._probe is not None  # asked for with_probe
        num_classes, per_class = self._probe.shape
        position = step * self.batch_size + tf.range(self.batch_size, dtype=tf.int64)
        label, visit = position % num_classes, position // num_classes
        rank = tf.cast(visit % per_class, tf.int32)
        # One shuffle per class and round: the two together take the place of the epoch.
        turn = (visit // per_class) * num_classes + label
        column = _shuffle(rank, turn, per_class, self._seed, "probe order")
        return tf.gather_nd(self._probe, tf.stack([tf.cast(label, tf.int32), column], axis=1))

    def batch(self, step: tf.Tensor, first: int, size: int) -> Batch:
        """Rows first .. first + size - 1 of the global batch of a step (scalar int64).

        Augmentation depends on the row of the global batch, not on the replica that it lands on.
        """
        index = self.train_indices(step)[first : first + size]
        probe = None
        if self._probe is not None:
            chosen = self.probe_indices(step)[first : first + size]
            probe = Probe(
                self._weak_view(chosen, step, first, "probe view"), tf.gather(self._true, chosen)
            )
        return Batch(
            index=index,
            image=self._weak_view(index, step, first, "weak view"),
            label=tf.gather(self._given, index),
            true_label=tf.gather(self._true, index),
            probe=probe,
        )

    def _weak_view(self, index: tf.Tensor, step: tf.Tensor, first: int, purpose: str) -> tf.Tensor:
        shape = [self.batch_size, weak_views.DRAWS_PER_IMAGE]
        draws = tf.random.stateless_uniform(shape, keys.stateless_seed(self._seed, purpose, step))
        mine = draws[first : first + index.shape[0]]
        images = tf.gather(self._images, index)
        return weak_views.scale(weak_views.augment(images, mine, self._weak))

    def batches(
        self, strategy: tf.distribute.Strategy, start: int, stop: int
    ) -> tf.distribute.DistributedDataset:
        """The batches of steps start .. stop - 1, one part for each replica.

        Raises:
          InputError: the replicas cannot share the batch evenly.
        """
        replicas = strategy.num_replicas_in_sync
        if self.batch_size % replicas:
            raise InputError(
                f"{replicas} replicas cannot share a global batch of {self.batch_size} evenly"
            )
        size = self.batch_size // replicas

        def dataset(context: tf.distribute.InputContext) -> tf.data.Dataset:
            here = replicas // context.num_input_pipelines
            first_replica = context.input_pipeline_id * here
            parts = []
            for replica in range(first_replica, first_replica + here):
                steps = tf.data.Dataset.range(start, stop)
                parts.append(
                    steps.map(
                        lambda step, row=replica * size: self.batch(step, row, size),
                        num_parallel_calls=2,
                        deterministic=True,
                    )
                )
            turns = tf.data.Dataset.range(here).repeat(stop - start)
            together = tf.data.Dataset.choose_from_datasets(parts, turns)
            return together.prefetch(2 * here)

        return strategy.distribute_datasets_from_function(dataset)


def _shuffle(
    position: tf.Tensor, epoch: tf.Tensor, size: int, seed: int, purpose: str
) -> tf.Tensor:
    """[B] int32: where `position` [B] in 0 .. size - 1 goes in the shuffle of that epoch.

    `epoch` is a scalar or [B]. The shuffle is a bijection of 0 .. size - 1 computed entry by entry.
    """
    words = keys.words(seed, purpose, 2)
    epochs = tf.broadcast_to(tf.cast(epoch, tf.uint32), tf.shape(position))
    fixed = tf.broadcast_to(tf.constant(words, tf.uint32), [tf.size(position), 2])
    # The raw op, since the public wrapper pads batched seeds wrongly.
    return tf.raw_ops.RandomIndexShuffle(
        index=position,
        seed=tf.concat([epochs[:, tf.newaxis], fixed], axis=1),
        max_index=tf.constant(size - 1, tf.int32),
        rounds=4,
    )


def sweep(
    images: np.ndarray,
    strategy: tf.distribute.Strategy,
    predict: Callable[[Any], Any],
    *,
    batch_size: int,
) -> np.ndarray:
    """Outputs of a network for every image exactly once, unaugmented, on any number of replicas.

    The last batch is padded with black images, whose outputs are cut off again.

    Args:
      images: [N, H, W, C] uint8.
      strategy: whose replicas share the work.
      predict: batch of all replicas, each [B, H, W, C] float32 in [-1, 1] → outputs of all
        replicas, each [B, ...]; a `tf.function` keeps its traces from sweep to sweep.
      batch_size: per replica.
    Returns:
      [N, ...] in the order of `images`.
    """
    replicas = strategy.num_replicas_in_sync
    size = batch_size * replicas
    padded = np.pad(images, [(0, -len(images) % size)] + [(0, 0)] * (images.ndim - 1))
    outputs = []
    for start in range(0, len(padded), size):
        parts = padded[start : start + size].reshape(replicas, batch_size, *images.shape[1:])

        def value(context: Any, parts: np.ndarray = parts) -> tf.Tensor:
            return weak_views.scale(tf.constant(parts[context.replica_id_in_sync_group]))

        batch = strategy.experimental_distribute_values_from_function(value)
        outputs.append(np.asarray(strategy.gather(predict(batch), axis=0)))
    return np.concatenate(outputs)[: len(images)]

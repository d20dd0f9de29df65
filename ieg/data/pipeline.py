"""Step number → batch: the input pipeline as a pure function of the step and of index tables.

A run that starts at step s sees exactly the batches that a run from 0 sees from s on, and nothing
of the pipeline needs saving. How many steps an epoch has is up to the sampler.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ieg import keys, replicas
from ieg.augment import strong as strong_views
from ieg.augment import weak as weak_views
from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.data import images as stored
from ieg.data import order, samplers
from ieg.data.dataset import Dataset
from ieg.data.images import Images
from ieg.data.samplers import Sampling
from ieg.errors import InputError, TrainingStopped


class Probe(NamedTuple):
    """Examples to be right about: image [P, ...] like that of a `Batch`, label [P] int32."""

    image: tf.Tensor
    label: tf.Tensor


class Batch(NamedTuple):
    """One replica's part of a training batch; B is the batch size per replica.

    Attributes:
      index: [B] int32 into the whole training split.
      image: [B, H, W, C] float32 in [-1, 1] (less the mean colour for a data set that has one),
        weakly augmented, or as it is where a method wants that. Of examples that are no pictures
        [B, L] int32 tokens or [B, D] float32 features, as they are.
      label: [B] int32, the given label.
      true_label: [B] int32, for monitoring only; -1 where unknown.
      probe: clean examples, as many as the run asks for, or those that a method has planned; None
        for a method that needs none.
      strong_image: the same images strongly augmented, like `image`; None likewise.
    """

    index: tf.Tensor
    image: tf.Tensor
    label: tf.Tensor
    true_label: tf.Tensor
    probe: Probe | None
    strong_image: tf.Tensor | None = None


class EpochPlan(NamedTuple):
    """What the S steps of one epoch see where a method chooses itself; None leaves it to the run.

    Attributes:
      train: [S, B] training examples of each step's global batch.
      probe: [S, P] training examples that come as `Batch.probe`, with their given labels; each
        replica gets P / replicas.
    """

    train: np.ndarray | None = None
    probe: np.ndarray | None = None


class Pipeline:
    """Batches of one data set.

    Args:
      dataset: what to train on.
      batch_size: global batch B, shared by the replicas.
      seed: of the order and of the augmentation.
      probe_size: held out probe examples in each global batch; 0 for none.
      strong: how the strong view is made; None for batches without one.
      strong_probe: whether probe images come in that view too.
      sampling: how a batch is put together.
    Raises:
      InputError: the batch is larger than the training data, or does not fit classes or images.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        batch_size: int,
        seed: int,
        probe_size: int = 0,
        strong: StrongAugmentation | None = None,
        strong_probe: bool = False,
        sampling: Sampling = samplers.SHUFFLE,
    ) -> None:
        size = len(dataset.train_indices)
        if batch_size > size:
            raise InputError(
                f"a global batch of {batch_size} is larger than the {size} images to "
                "train on; choose a smaller --batch_size"
            )
        if strong is not None:
            strong_views.check(strong, dataset.train.images.shape[1:])
        self.batch_size = batch_size
        self._seed = seed
        self._weak = dataset.weak
        self._strong = strong
        self._strong_probe = strong_probe
        self._loader = stored.loader(dataset.train.images)
        self._given = tf.constant(dataset.given_labels, tf.int32)
        self._true = tf.constant(dataset.true_labels, tf.int32)
        indices = dataset.train_indices
        #: step (scalar int64) → [B] examples of its global batch.
        self.train_indices = samplers.create(
            sampling, indices, dataset.given_labels[indices], batch_size=batch_size, seed=seed
        )
        self.steps_per_epoch = self.train_indices.steps_per_epoch
        self._probe_size = probe_size
        self._probe_table = None
        if probe_size:
            self._probe_table = tf.constant(dataset.probe_indices, tf.int32)
        self._dataset = dataset
        self._stand_ins: tf.Tensor | None = None

    def batch(
        self,
        step: tf.Tensor,
        replica: int,
        replicas: int,
        plan: EpochPlan | None = None,
        *,
        with_probe: bool = True,
    ) -> Batch:
        """One replica's part of the global batch of a step (scalar int64).

        Augmentation depends on the row of the global batch, not on the replica that it lands on.

        Args:
          step: 0-based.
          replica: which part, 0 .. replicas - 1.
          replicas: how many replicas share the batch.
          plan: of the epoch that the step belongs to, when a method has made one.
          with_probe: whether it carries probe examples, if there are any.
        """
        plan = plan or EpochPlan()
        index = _part(self._readable(self._train_rows(step, plan)), replica, replicas)
        chosen, probe = self._probe_rows(step, plan) if with_probe else None, None
        if chosen is not None:
            chosen = _part(self._readable(chosen), replica, replicas)
            images = self._weak_view(chosen, step, "probe view", replica, replicas)
            if self._strong_probe:
                images = self._strong_view(images, step, "strong probe view", replica, replicas)
            images = weak_views.center(images, self._weak)
            probe = Probe(images, tf.gather(self._given, chosen))
        image = self._weak_view(index, step, "weak view", replica, replicas)
        strong = self._strong_view(image, step, "strong view", replica, replicas)
        return Batch(
            index=index,
            image=weak_views.center(image, self._weak),
            label=tf.gather(self._given, index),
            true_label=tf.gather(self._true, index),
            probe=probe,
            strong_image=None if strong is None else weak_views.center(strong, self._weak),
        )

    def _train_rows(self, step: tf.Tensor, plan: EpochPlan) -> tf.Tensor:
        """[B] training examples of a step's global batch."""
        planned = self._planned(plan.train, step)
        return self.train_indices(step) if planned is None else planned

    def _probe_rows(self, step: tf.Tensor, plan: EpochPlan) -> tf.Tensor | None:
        """[P] probe examples of a step's global batch; None for none."""
        planned = self._planned(plan.probe, step)
        if planned is not None or self._probe_table is None:
            return planned
        return order.class_by_class(self._probe_table, step, self._probe_size, self._seed)

    def _planned(self, rows: np.ndarray | None, step: tf.Tensor) -> tf.Tensor | None:
        """The row of a step in a plan's table [S, ...]; None without a table."""
        if rows is None:
            return None
        return tf.gather(tf.constant(rows, tf.int32), step % self.steps_per_epoch)

    def _readable(self, index: tf.Tensor) -> tf.Tensor:
        """The same examples, but for those that others stand in for."""
        return index if self._stand_ins is None else tf.gather(self._stand_ins, index)

    def _weak_view(
        self, index: tf.Tensor, step: tf.Tensor, purpose: str, replica: int, replicas: int
    ) -> tf.Tensor:
        """[B, H, W, C] float32 in [-1, 1]; of examples that are no pictures what is stored."""
        if self._weak is None:
            return self._loader.training_view(index, tf.zeros([index.shape[0], 0]))
        counts = [weak_views.draws_per_image(self._weak), self._loader.draws_per_image]
        shape = [index.shape[0] * replicas, sum(counts)]
        draws = tf.random.stateless_uniform(shape, keys.stateless_seed(self._seed, purpose, step))
        weak, loading = tf.split(_part(draws, replica, replicas), counts, axis=1)
        images = self._loader.training_view(index, loading)
        return weak_views.scale(weak_views.augment(images, weak, self._weak))

    def _strong_view(
        self, images: tf.Tensor, step: tf.Tensor, purpose: str, replica: int, replicas: int
    ) -> tf.Tensor | None:
        if self._strong is None:
            return None
        seed = keys.stateless_seed(self._seed, purpose, step)
        draws = strong_views.draw(seed, images.shape[0] * replicas, self._strong)
        mine = tf.nest.map_structure(lambda x: _part(x, replica, replicas), draws)
        return strong_views.augment(images, mine, self._strong)

    def batches(
        self,
        strategy: tf.distribute.Strategy,
        start: int,
        stop: int,
        plan: EpochPlan | None = None,
        *,
        with_probe: bool = True,
        block: int = 0,
    ) -> Iterator[Any]:
        """The batches of steps start .. stop - 1, one part for each replica.

        In the place of an image file that cannot be decoded stands the next example with the same
        given label, in the order of the data set. So a batch depends on the step and on what the
        files hold, however the run came there.

        Args:
          strategy: whose replicas share the batch.
          start, stop: which steps.
          plan: of the one epoch that they belong to, when a method has made one.
          with_probe: whether the batches carry probe examples, if the pipeline has any.
          block: as many batches come at once, stacked along a new first axis, with zeros in the
            place of those after the last; 0: each comes alone.
        Raises:
          InputError: the replicas cannot share the batch evenly.
          TrainingStopped: while iterating; too many files are damaged, or all of a class.
        """
        replicas = strategy.num_replicas_in_sync
        if self.batch_size % replicas:
            raise InputError(
                f"{replicas} replicas cannot share a global batch of {self.batch_size} evenly"
            )
        return self._readable_batches(strategy, start, stop, plan or EpochPlan(), with_probe, block)

    def _readable_batches(
        self,
        strategy: tf.distribute.Strategy,
        start: int,
        stop: int,
        plan: EpochPlan,
        with_probe: bool,
        block: int,
    ) -> Iterator[Any]:
        """Begins anew at the step at which an image turns out to be damaged."""
        size = block or 1
        while start < stop:
            known = self._count_damaged()
            self._stand_ins = self._find_stand_ins()
            try:
                for batch in self._distributed(strategy, start, stop, plan, with_probe, block):
                    yield batch
                    start += size
            except tf.errors.OpError as error:
                # An evaluation or another worker may have found it since these batches began.
                if self._count_damaged() == known:
                    steps = range(start, min(start + size, stop))
                    examples = [self._examples(step, plan, with_probe) for step in steps]
                    self._loader.examine(np.concatenate(examples), error)

    def _distributed(
        self,
        strategy: tf.distribute.Strategy,
        start: int,
        stop: int,
        plan: EpochPlan,
        with_probe: bool,
        block: int,
    ) -> tf.distribute.DistributedDataset:
        replicas, size = strategy.num_replicas_in_sync, block or 1
        # Decoding files takes as many threads as there are; memory takes no time.
        calls = tf.data.AUTOTUNE if self._loader.draws_per_image else 2

        def dataset(context: tf.distribute.InputContext) -> tf.data.Dataset:
            here = replicas // context.num_input_pipelines
            first_replica = context.input_pipeline_id * here
            parts = []
            for replica in range(first_replica, first_replica + here):
                batches = tf.data.Dataset.range(start, stop).map(
                    lambda step, replica=replica: self.batch(
                        step, replica, replicas, plan, with_probe=with_probe
                    ),
                    num_parallel_calls=calls,
                    deterministic=True,
                )
                parts.append(_stacked(batches, block, stop - start) if block else batches)
            turns = tf.data.Dataset.range(here).repeat(math.ceil((stop - start) / size))
            together = tf.data.Dataset.choose_from_datasets(parts, turns)
            return together.prefetch(here if size > 1 else 2 * here)

        return strategy.distribute_datasets_from_function(dataset)

    def _examples(self, step: int, plan: EpochPlan, with_probe: bool) -> np.ndarray:
        """All examples of the global batch of a step."""
        number = tf.constant(step, tf.int64)
        parts = [self._train_rows(number, plan)]
        probe = self._probe_rows(number, plan) if with_probe else None
        if probe is not None:
            parts.append(probe)
        return np.concatenate([self._readable(part) for part in parts])

    def _count_damaged(self) -> int:
        """Training images that are known to be unreadable by now."""
        damaged = self._loader.damaged()
        return 0 if damaged is None else int(np.sum(damaged))

    def _find_stand_ins(self) -> tf.Tensor | None:
        """[N] int32: each example itself, or who stands in for it; None when all are readable."""
        damaged = self._loader.damaged()
        if damaged is None:
            return None
        is_probe = np.zeros(len(damaged), bool)
        if self._dataset.probe_indices is not None:
            is_probe[self._dataset.probe_indices] = True
        in_use = is_probe.copy()
        in_use[self._dataset.train_indices] = True
        given = self._dataset.given_labels
        stand_ins = np.arange(len(damaged))
        for i in np.flatnonzero(damaged & in_use):
            same = (given == given[i]) & (is_probe == is_probe[i])
            others = np.flatnonzero(same & in_use & ~damaged)
            if not len(others):
                raise TrainingStopped(
                    f"no readable image is left of class {self._dataset.class_names[given[i]]}"
                )
            stand_ins[i] = others[np.searchsorted(others, i) % len(others)]
        return tf.constant(stand_ins, tf.int32)


def _stacked(batches: tf.data.Dataset, size: int, count: int) -> tf.data.Dataset:
    """`size` batches in one element; all elements have one shape, so that steps are traced once."""
    if count % size == 0:
        return batches.batch(size, drop_remainder=True)

    def filled(rows: tf.Tensor | None) -> tf.Tensor | None:
        if rows is None:
            return None
        missing = tf.zeros([size - tf.shape(rows)[0], *rows.shape[1:]], rows.dtype)
        return tf.ensure_shape(tf.concat([rows, missing], axis=0), [size, *rows.shape[1:]])

    return batches.batch(size).map(lambda block: tf.nest.map_structure(filled, block))


def _part(rows: tf.Tensor, replica: int, replicas: int) -> tf.Tensor:
    """The rows of one replica: as many for each, in order."""
    size = rows.shape[0] // replicas
    return rows[replica * size : (replica + 1) * size]


def sweep(
    images: Images,
    strategy: tf.distribute.Strategy,
    predict: Callable[[Any], Any],
    *,
    batch_size: int,
    weak: WeakAugmentation | None = weak_views.PLAIN,
) -> np.ndarray:
    """Outputs of a network for every image exactly once, unaugmented, on any number of replicas.

    The last batch is filled up with the first image, whose further outputs are cut off again. Every
    worker reads the whole of each batch, so that all learn of the same damaged files, and only the
    network's work is shared out.

    Args:
      images: N images of one shape [H, W, C], or other examples.
      strategy: whose replicas share the work.
      predict: batch of all replicas, each like `Batch.image` → outputs of all replicas, each
        [B, ...]; a `tf.function` keeps its traces from sweep to sweep.
      batch_size: per replica.
      weak: of the data set, which says what networks see of pixels; None for no pictures.
    Returns:
      [N, ...] in the order of `images`.
    """
    number = strategy.num_replicas_in_sync
    size = batch_size * number
    index = np.pad(np.arange(len(images)), (0, -len(images) % size))
    outputs = []
    for pixels in stored.loader(images).test_batches(index.reshape(-1, size)):

        def value(context: Any, pixels: Any = pixels) -> tf.Tensor:
            part = _part(pixels, context.replica_id_in_sync_group, number)
            return weak_views.network_input(tf.convert_to_tensor(part), weak)

        batch = strategy.experimental_distribute_values_from_function(value)
        outputs.append(replicas.collect(strategy, predict(batch)))
    return np.concatenate(outputs)[: len(images)]

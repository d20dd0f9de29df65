"""Input pipeline: batches as a pure function of the step and of index tables.

A run that starts at step s sees exactly the batches that a run from 0 sees from s on, and nothing
of the pipeline needs saving. The sampler decides on the number of steps in an epoch.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, cast

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
from ieg.data.images import FeatureLoader, Images
from ieg.data.samplers import Sampling
from ieg.errors import InputError, TrainingStopped


class Probe(NamedTuple):
    """Probe examples of a batch: image [P, ...] like that of a `Batch`, label [P] int32."""

    image: tf.Tensor
    label: tf.Tensor


class Batch(NamedTuple):
    """One replica's part of a training batch; B is the batch size per replica.

    Attributes:
      index: [B] int32 into the whole training split.
      image: [B, H, W, C] float32 in [-1, 1], or normalized by mean and standard deviation where
        they are given; weakly augmented, or plain for a method that wants that. Other examples come
        unchanged, as [B, L] int32 tokens or [B, D] float32 features.
      label: [B] int32, given labels.
      true_label: [B] int32, -1 where unknown. For monitoring, and for an upper bound that trains on
        true labels and says so (`mixup_variant=upper_bound`); a method that competes never looks at
        them.
      probe: probe examples, from the probe set or as a method has planned; None without any.
      strong_image: the same images strongly augmented, like `image`, or None.
    """

    index: tf.Tensor
    image: tf.Tensor
    label: tf.Tensor
    true_label: tf.Tensor
    probe: Probe | None
    strong_image: tf.Tensor | None = None


class EpochPlan(NamedTuple):
    """Examples of each of the S steps of an epoch, if the method selects them; otherwise None.

    Attributes:
      train: [S, B] training examples of each global batch.
      probe: [S, P] examples that come as `Batch.probe` with their given labels. Each replica gets
        P / replicas.
    """

    train: np.ndarray | None = None
    probe: np.ndarray | None = None


class _Form(NamedTuple):
    """Content and stacking of the batches of an epoch, see `Pipeline.batches`."""

    plan: EpochPlan
    with_probe: bool
    block: int


class Pipeline:
    """Batches of one data set.

    Args:
      dataset: training examples and their labels.
      batch_size: global batch B, shared by the replicas.
      seed: of order and augmentation.
      probe_size: probe examples in each global batch; 0 for none.
      strong: augmentation of the strong view; "features" where the features of such views are
        kept; None for batches without one.
      strong_probe: True to give probe images in the strong view.
      sampling: choice of the sampler.

    Attributes:
      batch_size: global batch B.
      sampler: step (scalar int64) → [B] examples of its global batch.
      steps_per_epoch: steps that count as one pass over the data.

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
        strong: StrongAugmentation | Literal["features"] | None = None,
        strong_probe: bool = False,
        sampling: Sampling = samplers.SHUFFLE,
    ) -> None:
        size = len(dataset.train_indices)
        if batch_size > size:
            raise InputError(
                f"a global batch of {batch_size} is larger than the {size} images to "
                "train on; choose a smaller `batch_size`"
            )
        if isinstance(strong, StrongAugmentation):
            height, width, channels = dataset.train.inputs.shape[1:]
            strong_views.check(strong, (height, width, channels))
        self.batch_size = batch_size
        self._seed = seed
        self._weak = dataset.weak
        self._strong = strong
        self._strong_probe = strong_probe
        self._loader = stored.loader(dataset.train.inputs)
        self._given = tf.constant(dataset.given_labels, tf.int32)
        self._true = tf.constant(dataset.true_labels, tf.int32)
        indices = dataset.train_indices
        self.sampler = samplers.create(
            sampling, indices, dataset.given_labels[indices], batch_size=batch_size, seed=seed
        )
        self.steps_per_epoch = self.sampler.steps_per_epoch
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
        """One replica's part of the global batch of a step.

        Augmentation depends on the row of the global batch, not on the replica that it lands on.

        Args:
          step: scalar int64, 0-based.
          replica: number of the part, 0 .. replicas - 1.
          replicas: number of replicas that share the batch.
          plan: plan of the step's epoch, if the method has made one.
          with_probe: True to carry probe examples, if there are any.
        """
        plan = plan or EpochPlan()
        index = _part(self._readable(self._train_rows(step, plan)), replica, replicas)
        chosen, probe = self._probe_rows(step, plan) if with_probe else None, None
        if chosen is not None:
            chosen = _part(self._readable(chosen), replica, replicas)
            images = self._weak_view(chosen, step, "probe view", replica, replicas)
            if self._strong_probe:
                purpose = "strong probe view"
                images = self._strong_view(chosen, images, step, purpose, replica, replicas)
            images = weak_views.normalize(images, self._weak)
            probe = Probe(images, tf.gather(self._given, chosen))
        image = self._weak_view(index, step, "weak view", replica, replicas)
        strong = self._strong_view(index, image, step, "strong view", replica, replicas)
        return Batch(
            index=index,
            image=weak_views.normalize(image, self._weak),
            label=tf.gather(self._given, index),
            true_label=tf.gather(self._true, index),
            probe=probe,
            strong_image=None if strong is None else weak_views.normalize(strong, self._weak),
        )

    def _train_rows(self, step: tf.Tensor, plan: EpochPlan) -> tf.Tensor:
        """[B] training examples of the global batch of a step."""
        planned = self._planned(plan.train, step)
        return self.sampler(step) if planned is None else planned

    def _probe_rows(self, step: tf.Tensor, plan: EpochPlan) -> tf.Tensor | None:
        """[P] probe examples of the global batch of a step, or None."""
        planned = self._planned(plan.probe, step)
        if planned is not None or self._probe_table is None:
            return planned
        return order.class_by_class(self._probe_table, step, self._probe_size, self._seed)

    def _planned(self, rows: np.ndarray | None, step: tf.Tensor) -> tf.Tensor | None:
        """Row of a step in a plan's table [S, ...]; None without a table."""
        if rows is None:
            return None
        return tf.gather(tf.constant(rows, tf.int32), step % self.steps_per_epoch)

    def _readable(self, index: tf.Tensor) -> tf.Tensor:
        """Examples with stand-ins for damaged ones."""
        return index if self._stand_ins is None else tf.gather(self._stand_ins, index)

    def _weak_view(
        self, index: tf.Tensor, step: tf.Tensor, purpose: str, replica: int, replicas: int
    ) -> tf.Tensor:
        """[B, H, W, C] float32 in [-1, 1]; other examples as they are stored."""
        counts = [0, self._loader.draws_per_image]
        if self._weak is not None:
            counts[0] = weak_views.draws_per_image(self._weak)
        shape = [index.shape[0] * replicas, sum(counts)]
        draws = tf.random.stateless_uniform(shape, keys.stateless_seed(self._seed, purpose, step))
        weak, loading = tf.split(_part(draws, replica, replicas), counts, axis=1)
        images = self._loader.training_view(index, loading)
        if self._weak is None:
            return images
        return weak_views.scale(weak_views.augment(images, weak, self._weak))

    def _strong_view(
        self,
        index: tf.Tensor,
        images: tf.Tensor,
        step: tf.Tensor,
        purpose: str,
        replica: int,
        replicas: int,
    ) -> tf.Tensor | None:
        """Strong views [B, ...] of the images of a batch, or None."""
        if self._strong is None:
            return None
        seed = keys.stateless_seed(self._seed, purpose, step)
        if self._strong == "features":
            loader = cast(FeatureLoader, self._loader)
            shape = [index.shape[0] * replicas, loader.strong_draws_per_image]
            draws = _part(tf.random.stateless_uniform(shape, seed), replica, replicas)
            return loader.strong_view(index, draws)
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
        """Yield the batches of steps start .. stop - 1, one part for each replica.

        The next example with the same given label, in the order of the data set, stands in for an
        image file that cannot be decoded. So a batch depends on the step and on the content of the
        files alone, however the run came there.

        Args:
          strategy: distribution over replicas.
          start, stop: steps.
          plan: plan of their epoch, if the method has made one.
          with_probe: True to carry probe examples, if the pipeline has any.
          block: number of batches to stack along a new first axis, with zeros after the last step;
            0 for single batches.
        Raises:
          InputError: the replicas cannot share the batch evenly.
          TrainingStopped: while iterating, if too many files are damaged, or all of a class.
        """
        replicas = strategy.num_replicas_in_sync
        if self.batch_size % replicas:
            raise InputError(
                f"{replicas} replicas cannot share a global batch of {self.batch_size} evenly"
            )
        form = _Form(plan or EpochPlan(), with_probe, block)
        return self._readable_batches(strategy, start, stop, form)

    def _readable_batches(
        self, strategy: tf.distribute.Strategy, start: int, stop: int, form: _Form
    ) -> Iterator[Any]:
        """Begin anew at the step whose images turn out to be damaged."""
        size = form.block or 1
        while start < stop:
            known = self._count_damaged()
            self._stand_ins = self._find_stand_ins()
            try:
                for batch in self._distributed(strategy, start, stop, form):
                    yield batch
                    start += size
            except tf.errors.OpError as error:
                # An evaluation or another worker may have found it since these batches began.
                if self._count_damaged() == known:
                    steps = range(start, min(start + size, stop))
                    examples = [self._examples(step, form) for step in steps]
                    self._loader.examine(np.concatenate(examples), error)

    def _distributed(
        self, strategy: tf.distribute.Strategy, start: int, stop: int, form: _Form
    ) -> tf.distribute.DistributedDataset:
        replicas, block = strategy.num_replicas_in_sync, form.block
        # Decoding files takes as many threads as there are; memory takes no time.
        calls = tf.data.AUTOTUNE if self._loader.draws_per_image else 2

        def dataset(context: tf.distribute.InputContext) -> tf.data.Dataset:
            here = replicas // context.num_input_pipelines
            first_replica = context.input_pipeline_id * here
            parts = []
            for replica in range(first_replica, first_replica + here):
                batch_of = functools.partial(
                    self.batch,
                    replica=replica,
                    replicas=replicas,
                    plan=form.plan,
                    with_probe=form.with_probe,
                )
                batches = tf.data.Dataset.range(start, stop).map(
                    _as_written(batch_of), num_parallel_calls=calls, deterministic=True
                )
                parts.append(_stacked(batches, block, stop - start) if block else batches)
            turns = tf.data.Dataset.range(here).repeat(math.ceil((stop - start) / (block or 1)))
            together = tf.data.Dataset.choose_from_datasets(parts, turns)
            return together.prefetch(here if block > 1 else 2 * here)

        return strategy.distribute_datasets_from_function(dataset)

    def _examples(self, step: int, form: _Form) -> np.ndarray:
        """All examples of the global batch of a step, probe examples included."""
        number = tf.constant(step, tf.int64)
        parts = [self._train_rows(number, form.plan)]
        probe = self._probe_rows(number, form.plan) if form.with_probe else None
        if probe is not None:
            parts.append(probe)
        return np.concatenate([self._readable(part) for part in parts])

    def _count_damaged(self) -> int:
        """Number of training images that are known to be unreadable by now."""
        damaged = self._loader.damaged()
        return 0 if damaged is None else int(np.sum(damaged))

    def _find_stand_ins(self) -> tf.Tensor | None:
        """[N] int32, the example to show for each; None if all are readable."""
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


def _as_written(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep AutoGraph away from a function: no Python condition in it depends on a tensor.

    The rewriting that would allow it takes seconds.
    """
    kept: Callable[..., Any] = tf.autograph.experimental.do_not_convert(function)
    return kept


def _stacked(batches: tf.data.Dataset, size: int, count: int) -> tf.data.Dataset:
    """Stack `size` batches; all stacks have one shape, so that steps are traced once."""
    if count % size == 0:
        return batches.batch(size, drop_remainder=True)

    def filled(rows: tf.Tensor | None) -> tf.Tensor | None:
        if rows is None:
            return None
        missing = tf.zeros([size - tf.shape(rows)[0], *rows.shape[1:]], rows.dtype)
        return tf.ensure_shape(tf.concat([rows, missing], axis=0), [size, *rows.shape[1:]])

    return batches.batch(size).map(_as_written(lambda b: tf.nest.map_structure(filled, b)))


def _part(rows: tf.Tensor, replica: int, replicas: int) -> tf.Tensor:
    """Rows of one replica: equally many for each, in order."""
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

    The last batch is filled up with the first image, and its surplus outputs are cut off. Every
    worker reads the whole of each batch, so that all find the same damaged files; only the work of
    the network is shared.

    Args:
      images: N images of one shape [H, W, C], or other examples.
      strategy: distribution over replicas.
      predict: batch of all replicas, each like `Batch.image` → outputs of all replicas, each
        [B, ...]. A `tf.function` keeps its traces from sweep to sweep.
      batch_size: per replica.
      weak: augmentation of the data set, for the scale of its pixels; None for other examples.
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

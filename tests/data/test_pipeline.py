"""Batches as a pure function of the step: restarts, epochs, probe data and replicas."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation, scale
from ieg.data import order as orders
from ieg.data.dataset import Dataset
from ieg.data.noise import NoiseReport
from ieg.data.pipeline import Batch, EpochPlan, Pipeline, sweep
from ieg.data.sources import Split
from ieg.errors import InputError

CLASSES = 3
BATCH = 8
# 43 images less two probe examples a class leave 37: four batches of eight and five left over.
SIZE, TRAINED, STEPS = 43, 37, 4

SHIFT_AND_FLIP = WeakAugmentation(pad=2, flip=True)
UNTOUCHED = WeakAugmentation(pad=0, flip=False)


def noise_images(size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (size, 6, 6, 2)).astype(np.uint8)


def made_up(
    *,
    probe_per_class: int = 2,
    weak: WeakAugmentation = SHIFT_AND_FLIP,
    images: np.ndarray | None = None,
) -> Dataset:
    """A data set in which every given label is wrong, but for those of the probe examples."""
    labels = np.arange(SIZE) % CLASSES
    given = (labels + 1) % CLASSES
    split = Split(noise_images() if images is None else images, given, true_labels=labels)
    probe = np.stack([np.flatnonzero(labels == k)[:probe_per_class] for k in range(CLASSES)])
    given[probe] = labels[probe]
    return Dataset(
        name="made up",
        class_names=("a", "b", "c"),
        train=split,
        best_labels=labels,
        given_labels=given,
        true_labels=labels,
        train_indices=np.setdiff1d(np.arange(SIZE), probe),
        probe_indices=probe,
        evaluation=Split(split.images, labels),
        noise=NoiseReport(asked=1, measured=1, transition=np.eye(CLASSES)),
        weak=weak,
    )


def pipeline(
    dataset: Dataset | None = None, *, batch_size: int = BATCH, seed: int = 5, probe: bool = True
) -> Pipeline:
    size = batch_size if probe else 0
    return Pipeline(dataset or made_up(), batch_size=batch_size, seed=seed, probe_size=size)


def read(
    source: Pipeline,
    start: int,
    stop: int,
    strategy: tf.distribute.Strategy | None = None,
    plan: EpochPlan | None = None,
) -> list[Batch]:
    """Global batches of steps start .. stop - 1 in NumPy, equal parts of replicas one by one."""
    strategy = strategy or tf.distribute.get_strategy()

    def whole(value: Any) -> Any:
        parts = strategy.experimental_local_results(value)  # an absent view is None on each
        if parts[0] is None:
            return None
        assert len({len(part) for part in parts}) == 1
        return np.concatenate(parts)

    return [tf.nest.map_structure(whole, b) for b in source.batches(strategy, start, stop, plan)]


def assert_same(actual: list[Batch], expected: list[Batch]) -> None:
    """Every field of every batch, bit for bit."""
    assert len(actual) == len(expected) > 0

    def same(a: Any, e: Any) -> None:
        np.testing.assert_array_equal(a, e, strict=True)

    for a, e in zip(actual, expected, strict=True):
        tf.nest.map_structure(same, a, e)


def order(source: Pipeline, epoch: int) -> np.ndarray:
    """[steps · B] examples in the order in which an epoch visits them."""
    steps = range(epoch * source.steps_per_epoch, (epoch + 1) * source.steps_per_epoch)
    return np.concatenate([source.sampler(tf.constant(s, tf.int64)) for s in steps])


def probe_rows(data: Dataset, step: int, seed: int = 5) -> np.ndarray:
    """[B] probe examples of a step."""
    table = tf.constant(data.probe_indices, tf.int32)
    return orders.class_by_class(table, tf.constant(step, tf.int64), BATCH, seed).numpy()


def probe_order(data: Dataset, steps: int, seed: int = 5) -> np.ndarray:
    """[steps · B] probe examples of the first steps."""
    return np.concatenate([probe_rows(data, step, seed) for step in range(steps)])


def test_a_batch_has_the_documented_shapes_and_types() -> None:
    (batch,) = read(pipeline(), 0, 1)
    for label in (batch.index, batch.label, batch.true_label, batch.probe.label):
        assert (label.shape, label.dtype) == ((BATCH,), np.int32)
    for image in (batch.image, batch.probe.image):
        assert (image.shape, image.dtype) == ((BATCH, 6, 6, 2), np.float32)
        assert -1 <= image.min() < image.max() <= 1


def test_image_labels_and_index_of_a_row_belong_together() -> None:
    data = made_up(weak=UNTOUCHED)
    for batch in read(pipeline(data), 0, STEPS):
        np.testing.assert_array_equal(batch.label, data.given_labels[batch.index])
        np.testing.assert_array_equal(batch.true_label, data.true_labels[batch.index])
        np.testing.assert_array_equal(batch.image, scale(data.train.images[batch.index]))


def test_probe_rows_are_probe_images_with_their_true_labels() -> None:
    data = made_up(weak=UNTOUCHED)
    (batch,) = read(pipeline(data), 2, 3)
    chosen = probe_rows(data, 2)
    assert np.isin(chosen, data.probe_indices).all()
    np.testing.assert_array_equal(batch.probe.label, data.true_labels[chosen])
    np.testing.assert_array_equal(batch.probe.image, scale(data.train.images[chosen]))


def test_planned_examples_come_step_by_step_within_the_epoch() -> None:
    rows = np.random.default_rng(3).choice(SIZE, (STEPS, BATCH))
    plan = EpochPlan(train=rows, probe=rows[:, :2] % TRAINED)
    data = made_up(weak=UNTOUCHED)
    batches = read(pipeline(data, probe=False), STEPS + 1, 2 * STEPS, plan=plan)
    assert len(batches) == STEPS - 1
    for batch, row, probe in zip(batches, rows[1:], plan.probe[1:], strict=True):
        np.testing.assert_array_equal(batch.index, row)
        np.testing.assert_array_equal(batch.image, scale(data.train.images[row]))
        np.testing.assert_array_equal(batch.probe.image, scale(data.train.images[probe]))
        np.testing.assert_array_equal(batch.probe.label, data.given_labels[probe])


def test_probe_images_may_come_in_a_strong_view_of_their_own(
    mirrored: tf.distribute.Strategy,
) -> None:
    def source(strong_probe: bool) -> Pipeline:
        strong = StrongAugmentation("none", per_batch=False, pad=1, flip=True, cutout=2)
        data = made_up(weak=UNTOUCHED)
        return Pipeline(data, batch_size=BATCH, seed=5, strong=strong, strong_probe=strong_probe)

    rows = np.tile(np.arange(BATCH), (STEPS, 1))
    plan = EpochPlan(train=rows, probe=rows[:, :6])
    plain, strong = (read(source(s), 0, 2, plan=plan) for s in (False, True))
    images = scale(noise_images()[:6]).numpy()
    for one, other in zip(plain, strong, strict=True):
        np.testing.assert_array_equal(one.probe.image, images)
        np.testing.assert_array_equal(one.strong_image, other.strong_image)
        assert (other.probe.image != images).any(axis=(1, 2, 3)).all()
        assert (other.probe.image != other.strong_image[:6]).any()
    assert (strong[0].probe.image != strong[1].probe.image).any()
    # Planned examples and strong views are functions of the step and the row, too.
    assert_same(read(source(True), 0, 2, mirrored, plan=plan), strong)
    assert_same(read(source(True), 1, 2, plan=plan), strong[1:])


def test_a_method_without_probe_gets_none() -> None:
    (batch,) = read(pipeline(probe=False), 0, 1)
    assert batch.probe is None


def test_a_run_from_a_step_on_sees_what_a_run_from_the_start_sees() -> None:
    stop = 3 * STEPS + 1
    whole = read(pipeline(), 0, stop)
    for start in (1, STEPS, 2 * STEPS + 3):
        assert_same(read(pipeline(), start, stop), whole[start:])


def test_an_epoch_visits_each_example_at_most_once() -> None:
    source = pipeline()
    assert source.steps_per_epoch == STEPS
    for epoch in range(5):
        visited = order(source, epoch)
        assert len(set(visited)) == len(visited) == STEPS * BATCH
        assert np.isin(visited, made_up().train_indices).all()


def test_examples_left_over_differ_from_epoch_to_epoch() -> None:
    source = pipeline()
    assert len(set(order(source, 0)) | set(order(source, 1))) > STEPS * BATCH
    visits = np.bincount(np.concatenate([order(source, e) for e in range(30)]), minlength=SIZE)
    trained = made_up().train_indices
    # Out of 30 epochs an example is visited 26 times on average, with a deviation of 1.9.
    assert visits[trained].min() > 15
    assert visits.sum() == visits[trained].sum()


def test_an_epoch_whose_size_the_batch_divides_leaves_nothing_over() -> None:
    np.testing.assert_array_equal(
        np.sort(order(pipeline(batch_size=TRAINED), 3)), made_up().train_indices
    )


def test_every_epoch_has_an_order_of_its_own() -> None:
    source = pipeline()
    assert len({tuple(order(source, epoch)) for epoch in range(10)}) == 10


def test_the_seed_decides_on_the_order() -> None:
    np.testing.assert_array_equal(order(pipeline(), 0), order(pipeline(), 0))
    assert not np.array_equal(order(pipeline(), 0), order(pipeline(seed=6), 0))


@pytest.mark.parametrize("per_class", [1, 2, 5])
def test_probe_batches_are_balanced_to_within_one(per_class: int) -> None:
    data = made_up(probe_per_class=per_class)
    chosen = probe_order(data, 12).reshape(12, BATCH)
    for batch in data.true_labels[chosen]:
        counts = np.bincount(batch, minlength=CLASSES)
        assert counts.max() - counts.min() <= 1


def test_each_round_visits_every_probe_example_of_a_class_once() -> None:
    data = made_up(probe_per_class=5)
    chosen = probe_order(data, 30)
    for k in range(CLASSES):
        rounds = chosen[data.true_labels[chosen] == k].reshape(-1, 5)
        np.testing.assert_array_equal(np.sort(rounds), np.tile(data.probe_indices[k], (16, 1)))
        assert len({tuple(visits) for visits in rounds}) > 10


def test_classes_of_the_probe_are_shuffled_apart() -> None:
    data = made_up(probe_per_class=5)
    chosen = probe_order(data, 30)
    first, second = (chosen[data.true_labels[chosen] == k] // CLASSES for k in (0, 1))
    assert not np.array_equal(first, second)


def test_the_seed_decides_on_the_probe_order() -> None:
    data = made_up(probe_per_class=5)
    first, same, other = (probe_order(data, 5, seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def views(seed: int = 5) -> np.ndarray:
    """[2, steps, B, ...] views of one and the same image: training, then probe."""
    same = np.repeat(noise_images(1), SIZE, axis=0)
    batches = read(pipeline(made_up(images=same), seed=seed), 0, 3)
    return np.array([[b.image for b in batches], [b.probe.image for b in batches]])


def test_augmentation_differs_by_row_step_purpose_and_seed() -> None:
    ours, others = views(), views(seed=6)
    assert len(np.unique(ours[0, 0], axis=0)) > 1
    assert not np.array_equal(ours[0, 0], ours[0, 1])
    assert not np.array_equal(ours[1, 0], ours[1, 1])
    assert not np.array_equal(ours[0], ours[1])
    assert not np.array_equal(ours[0], others[0])
    assert not np.array_equal(ours[1], others[1])
    np.testing.assert_array_equal(ours, views())


def test_two_replicas_share_the_batch_of_one(mirrored: tf.distribute.Strategy) -> None:
    assert_same(read(pipeline(), 2, 11, mirrored), read(pipeline(), 2, 11))


@pytest.mark.parametrize("replicas", [1, 2])
def test_blocks_are_the_same_batches_and_the_last_is_filled_up_with_zeros(
    replicas: int, mirrored: tf.distribute.Strategy
) -> None:
    strategy = mirrored if replicas == 2 else tf.distribute.get_strategy()
    source = pipeline()
    blocks = list(source.batches(strategy, 1, 6, block=3))
    alone = list(source.batches(strategy, 1, 6))
    assert len(blocks) == 2

    def same(block: Any, *batches: Any) -> None:
        parts = [strategy.experimental_local_results(value) for value in (block, *batches)]
        for stacked, *rows in zip(*parts, strict=True):
            if stacked is None:
                continue
            assert stacked.shape[0] == 3
            np.testing.assert_array_equal(stacked[: len(rows)], np.stack(rows), strict=True)
            assert not np.any(stacked[len(rows) :])

    tf.nest.map_structure(same, blocks[0], *alone[:3])
    tf.nest.map_structure(same, blocks[1], *alone[3:])


def test_a_batch_larger_than_the_training_data_is_refused() -> None:
    with pytest.raises(
        InputError,
        match=r"^a global batch of 38 is larger than the 37 images to train on; choose a smaller "
        r"`batch_size`$",
    ):
        pipeline(batch_size=TRAINED + 1)


@pytest.mark.parametrize("size", [1, 5, 6, 13])
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_sweep_gives_every_image_once_in_order(
    size: int, replicas: int, mirrored: tf.distribute.Strategy
) -> None:
    strategy = mirrored if replicas == 2 else tf.distribute.get_strategy()
    images = noise_images(size)
    swept = sweep(images, strategy, tf.function(lambda batch: batch), batch_size=3)
    np.testing.assert_array_equal(swept, scale(images), strict=True)


def test_a_sweep_shares_the_work_between_replicas(mirrored: tf.distribute.Strategy) -> None:
    def where(images: tf.Tensor) -> tf.Tensor:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.fill([images.shape[0]], replica)

    everywhere = tf.function(lambda batch: mirrored.run(where, args=(batch,)))
    ids = sweep(noise_images(8), mirrored, everywhere, batch_size=2)
    np.testing.assert_array_equal(ids, [0, 0, 1, 1, 0, 0, 1, 1])


def test_a_later_sweep_of_another_size_traces_nothing_anew() -> None:
    predict = tf.function(lambda x: x)
    for size in (5, 7):
        sweep(noise_images(size), tf.distribute.get_strategy(), predict, batch_size=3)
        assert predict.experimental_get_tracing_count() == 1


def test_replicas_that_cannot_share_the_batch_are_refused(
    mirrored: tf.distribute.Strategy,
) -> None:
    pipeline = Pipeline(made_up(), batch_size=7, seed=1)
    with pytest.raises(InputError, match="2 replicas cannot share a global batch of 7 evenly"):
        pipeline.batches(mirrored, 0, 1)

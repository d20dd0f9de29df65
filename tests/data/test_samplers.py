"""Samplers as functions of the step; the shuffled one is tested through the pipeline."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.data import samplers
from ieg.data.samplers import Sampling
from ieg.errors import InputError

#: Images of class k are 100 k, 100 k + 1, ...; class 5 has none.
SIZES = [7, 5, 9, 6, 8, 0, 4]
INDICES = np.concatenate([100 * k + np.arange(size) for k, size in enumerate(SIZES)])
LABELS = INDICES // 100


def balanced(batch_size=8, classes_per_batch=4, seed=0):
    mixed = np.random.default_rng(0).permutation(len(INDICES))
    return samplers.Balanced(
        INDICES[mixed],
        LABELS[mixed],
        batch_size=batch_size,
        classes_per_batch=classes_per_batch,
        seed=seed,
    )


def steps(indices_of, start, stop):
    """[stop - start, B], from one graph as in a pipeline: eager steps take three times as long."""
    traced = tf.function(indices_of.__call__)
    return np.stack([traced(tf.constant(s, tf.int64)).numpy() for s in range(start, stop)])


def test_every_batch_has_as_many_images_of_distinct_classes():
    for batch in steps(balanced(), 0, 40):
        classes, counts = np.unique(batch // 100, return_counts=True)
        assert len(classes) == 4
        assert set(counts) == {2}
        assert len(set(batch)) == 8 or min(SIZES[k] for k in classes) < 8  # passes may meet


def test_all_classes_are_visited_equally_often_and_not_always_together():
    # 6 classes have images, 4 in a batch: after 3 steps each was visited twice.
    classes = steps(balanced(), 0, 60)[:, ::2] // 100
    for first in range(0, 60, 3):
        assert set(np.bincount(classes[first : first + 3].ravel(), minlength=7)) == {0, 2}
    assert len({frozenset(row) for row in classes.tolist()}) > 6


def assert_used_up_before_any_comes_again(seen):
    """Each class goes through all its images, in another order each time."""
    for k, size in enumerate(SIZES):
        visits = seen[seen // 100 == k] - 100 * k
        whole = visits[: len(visits) // max(size, 1) * size].reshape(-1, max(size, 1))
        assert len(whole) >= (20 if size else 0)
        for one in whole:
            assert sorted(one) == list(range(size))
        assert len({tuple(one) for one in whole}) > 10 or size < 6


def test_a_class_goes_through_all_its_images_before_any_comes_again():
    assert_used_up_before_any_comes_again(steps(balanced(), 0, 300).ravel())


def test_the_order_depends_on_step_and_seed_alone():
    np.testing.assert_array_equal(steps(balanced(), 0, 20)[7:], steps(balanced(), 7, 20))
    assert (steps(balanced(), 0, 20) != steps(balanced(seed=1), 0, 20)).any()


def test_all_classes_in_every_batch():
    for batch in steps(balanced(batch_size=6, classes_per_batch=6), 0, 10):
        assert sorted(batch // 100) == [0, 1, 2, 3, 4, 6]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 9}, "`classes_per_batch=4`: must divide the global batch of 9"),
        ({"batch_size": 7, "classes_per_batch": 7}, "only 6 classes have examples"),
    ],
)
def test_what_does_not_fit_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        balanced(**settings)


def class_aware(batch_size=12, images_in_a_row=3, seed=0):
    mixed = np.random.default_rng(0).permutation(len(INDICES))
    sampling = Sampling("class_aware", images_in_a_row=images_in_a_row)
    return samplers.create(
        sampling, INDICES[mixed], LABELS[mixed], batch_size=batch_size, seed=seed
    )


@pytest.mark.parametrize("batch_size", [12, 10])  # a row may run on into the next batch
def test_classes_come_in_rows_and_shuffled_rounds(batch_size):
    rows = steps(class_aware(batch_size), 0, 45).reshape(-1, 3) // 100
    assert (rows == rows[:, :1]).all()
    rounds = rows[:, 0][: len(rows) // 6 * 6].reshape(-1, 6)
    assert len(rounds) > 20
    for one in rounds:
        assert sorted(one) == [0, 1, 2, 3, 4, 6]
    assert len({tuple(one) for one in rounds.tolist()}) > 20


@pytest.mark.parametrize("images_in_a_row", [1, 3, 6])  # 6: more than the smallest class has
def test_lists_of_class_aware_rows_are_used_up_before_they_begin_anew(images_in_a_row):
    sampler = class_aware(images_in_a_row=images_in_a_row)
    assert_used_up_before_any_comes_again(steps(sampler, 0, 300).ravel())


def test_class_aware_batches_depend_on_step_and_seed_alone():
    # A start in the middle sees what an uninterrupted run does.
    np.testing.assert_array_equal(steps(class_aware(), 0, 20)[7:], steps(class_aware(), 7, 20))
    assert (steps(class_aware(), 0, 20) != steps(class_aware(seed=1), 0, 20)).any()


def test_epochs_of_each_sampler():
    assert class_aware(12).steps_per_epoch == 9 * 6 // 12
    assert class_aware(5).steps_per_epoch == 9 * 6 // 5
    assert balanced(8).steps_per_epoch == resampled(8).steps_per_epoch == len(INDICES) // 8


def resampled(batch_size=50, seed=0, indices=INDICES, labels=LABELS):
    return samplers.create(Sampling("resample"), indices, labels, batch_size=batch_size, seed=seed)


def test_resampling_follows_the_effective_number():
    # Two classes of 4,000 and 400 images: β = 0.9999 halves neither entirely.
    labels = np.repeat([1, 3], [4000, 400])
    indices = 7 + np.arange(4400)
    seen = steps(resampled(2000, indices=indices, labels=labels), 0, 50).ravel()
    shares = [m / (1 - 0.9999**m) for m in (4000, 400)]
    small = (seen >= 4007).mean()
    # 100,000 draws: five standard deviations are 0.008.
    assert small == pytest.approx(shares[1] / sum(shares), abs=0.008)
    assert 400 / 4400 < small < 0.5
    counts = np.bincount(seen - 7, minlength=4400)
    # Within a class all are equally likely, and some are drawn twice.
    for part in (counts[:4000], counts[4000:]):
        assert part.var() == pytest.approx(part.mean(), rel=0.3)


def test_resampling_depends_on_step_and_seed_alone():
    np.testing.assert_array_equal(steps(resampled(), 0, 6)[2:], steps(resampled(), 2, 6))
    assert (steps(resampled(), 0, 6) != steps(resampled(seed=1), 0, 6)).any()
    assert set(steps(resampled(), 0, 20).ravel()) == set(INDICES)

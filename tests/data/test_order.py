"""Orders as functions of the step; the shuffled one is also tested through the pipeline."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.data import order
from ieg.errors import InputError

#: Images of class k are 100 k, 100 k + 1, ...; class 5 has none.
SIZES = [7, 5, 9, 6, 8, 0, 4]
INDICES = np.concatenate([100 * k + np.arange(size) for k, size in enumerate(SIZES)])
LABELS = INDICES // 100


def balanced(batch_size=8, classes_per_batch=4, seed=0):
    mixed = np.random.default_rng(0).permutation(len(INDICES))
    return order.Balanced(
        INDICES[mixed],
        LABELS[mixed],
        batch_size=batch_size,
        classes_per_batch=classes_per_batch,
        seed=seed,
    )


def steps(indices_of, start, stop):
    """[stop - start, B]"""
    return np.stack([indices_of(tf.constant(s, tf.int64)).numpy() for s in range(start, stop)])


def test_shuffle_is_a_bijection_that_the_epoch_changes():
    position = tf.range(13)
    shuffles = [order.shuffle(position, e, 13, 0, "test").numpy() for e in range(5)]
    for one in shuffles:
        assert sorted(one) == list(range(13))
    assert len({tuple(one) for one in shuffles}) == 5


def test_shuffle_takes_a_size_per_entry():
    sizes = tf.constant([1, 3, 3, 3])
    places = order.shuffle(tf.constant([0, 0, 1, 2]), tf.constant([9, 4, 4, 4]), sizes, 0, "test")
    assert places[0] == 0
    assert sorted(places[1:].numpy()) == [0, 1, 2]


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


def test_a_class_goes_through_all_its_images_before_any_comes_again():
    seen = steps(balanced(), 0, 300).ravel()
    for k, size in enumerate(SIZES):
        visits = seen[seen // 100 == k] - 100 * k
        whole = visits[: len(visits) // max(size, 1) * size].reshape(-1, max(size, 1))
        assert len(whole) >= (20 if size else 0)
        for one in whole:
            assert sorted(one) == list(range(size))
        assert len({tuple(one) for one in whole}) > 10 or size < 6


def test_the_order_depends_on_step_and_seed_alone():
    np.testing.assert_array_equal(steps(balanced(), 0, 20)[7:], steps(balanced(), 7, 20))
    assert (steps(balanced(), 0, 20) != steps(balanced(seed=1), 0, 20)).any()


def test_all_classes_in_every_batch():
    for batch in steps(balanced(batch_size=6, classes_per_batch=6), 0, 10):
        assert sorted(batch // 100) == [0, 1, 2, 3, 4, 6]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 9}, "--classes_per_batch=4 must divide the global batch of 9"),
        ({"batch_size": 7, "classes_per_batch": 7}, "only 6 classes have examples"),
    ],
)
def test_what_does_not_fit_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        balanced(**settings)

"""Shuffles as functions of epoch and place; they are also tested through samplers and pipeline."""

import tensorflow as tf

from ieg.data import order


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

"""Levels of the meta set; their sizes are held to the reference elsewhere."""

import numpy as np

from ieg.methods.dynamic import sampling


def test_the_low_loss_level_of_each_class():
    primary = np.array([[0, 1, 3, 7], [8, 2, 4, 9]])
    losses = np.array([5, 1, 6, 0, 6, 0, 0, 7, 9, 2.0])
    np.testing.assert_array_equal(sampling.low_loss_level(primary, losses, 2), [[3, 1], [9, 2]])


def test_the_random_level_is_balanced_without_repeats_and_leaves_empty_classes_out():
    labels = np.resize([0, 3, 1, 0], 40)
    primary = sampling.random_level(labels, 5, np.random.default_rng(0))
    np.testing.assert_array_equal(labels[primary], np.repeat([[0], [1], [3]], 5, axis=1))
    assert all(len(set(row)) == 5 for row in primary)

"""Class weights where reference/dro_lt.npz and examples say nothing: the ends of β."""

import numpy as np
import tensorflow as tf

from ieg import losses


def test_effective_numbers_at_both_ends_of_beta():
    np.testing.assert_allclose(losses.effective_number_weights([7, 9], 0.0), [1, 1])
    # Next to 1 a class counts as much as another of any size.
    np.testing.assert_allclose(
        losses.effective_number_weights([100, 50], 1 - 1e-9), [2 / 3, 4 / 3], rtol=1e-5
    )


def test_the_mean_of_class_weighted_losses_is_the_weighted_mean():
    values, labels = tf.constant([1.0, 2.0, 4.0]), tf.constant([0, 1, 1])
    weights = np.array([3.0, 1.0], np.float32)
    mean = tf.reduce_mean(losses.class_weighted(values, labels, weights))
    np.testing.assert_allclose(mean, (3 + 2 + 4) / (3 + 1 + 1), rtol=1e-6)

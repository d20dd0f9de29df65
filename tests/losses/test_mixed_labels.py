"""Mixtures of given and predicted label where examples say nothing."""

import numpy as np
import tensorflow as tf

from ieg.losses import mixed_index, mixed_label


def test_the_mixture_is_no_function_of_the_logits():
    logits = tf.constant([[0.0, 3, 1], [2, 1, 0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        targets = mixed_label(tf.constant([2, 0]), logits, tf.constant([0.3, 0.6]))
    np.testing.assert_allclose(targets, [[0, 0.7, 0.3], [1, 0, 0]], rtol=1e-6)
    assert tape.gradient(targets, logits) is None


def test_numbers_of_classes_are_mixed_to_a_third_class():
    logits = tf.one_hot([5, 5, 1, 7], 8)
    targets = mixed_index(tf.constant([1, 1, 5, 7]), logits, tf.constant([0.5, 0.3, 0.3, 1.0]))
    # 0.5·1 + 0.5·5 = 3; 0.3·1 + 0.7·5 = 3.8; 0.3·5 + 0.7·1 = 2.2; 7
    np.testing.assert_array_equal(tf.argmax(targets, axis=1), [3, 3, 2, 7])
    np.testing.assert_array_equal(tf.reduce_sum(targets, axis=1), np.ones(4))

"""Example weights where reference files and examples say nothing."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.meta import example_weights, standardized


def test_clamp_without_a_negative_gradient_gives_zero():
    np.testing.assert_array_equal(example_weights(tf.constant([0.5, 2.0])), [0, 0])


@pytest.mark.parametrize("mode", ("clamp", "sigmoid"))
def test_normalized_over_the_global_batch(mode):
    gradient = tf.constant([-0.3, 0.2, -0.5, -0.1])
    whole = example_weights(gradient, mode)
    raw = tf.nn.relu(-gradient) if mode == "clamp" else tf.sigmoid(-gradient)
    halves = [
        example_weights(part, mode, total=lambda share: tf.reduce_sum(raw))
        for part in (gradient[:2], gradient[2:])
    ]
    np.testing.assert_allclose(np.concatenate(halves), whole, rtol=1e-6)


def test_unknown_mode():
    with pytest.raises(ValueError, match="'clamp' or 'sigmoid', not 'softmax'"):
        example_weights(tf.zeros(2), "softmax")


def test_equal_values_are_standardized_to_zero():
    np.testing.assert_array_equal(standardized(tf.constant([2.0, 2, 2])), np.zeros(3))

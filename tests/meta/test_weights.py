"""Example weights: hand-computed values and the properties of both modes."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.meta import example_weights


def test_clamp_cuts_positive_gradients():
    weights = example_weights(tf.constant([-3.0, 1.0, -1.0, 0.0]))
    np.testing.assert_allclose(weights, [3 / 4.00001, 0, 1 / 4.00001, 0], rtol=1e-6)


def test_clamp_without_a_negative_gradient_gives_zero():
    np.testing.assert_array_equal(example_weights(tf.constant([0.5, 2.0])), [0, 0])


def test_sigmoid_keeps_every_example_and_sums_to_one():
    weights = example_weights(tf.constant([-np.log(3.0), 0.0, np.log(3.0)], tf.float32), "sigmoid")
    np.testing.assert_allclose(weights, [0.75 / 1.5, 0.5 / 1.5, 0.25 / 1.5], rtol=1e-6)


@pytest.mark.parametrize("mode", ("clamp", "sigmoid"))
def test_normalised_over_the_global_batch(mode):
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

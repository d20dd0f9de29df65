"""The label corrector where examples and reference files say nothing."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.methods.dynamic import corrector, perceptron


def test_draws_follow_the_softmax():
    logits = tf.math.log(tf.constant([[0.2, 0.5, 0.3]] * 4))
    drawn = corrector.draw_labels(logits, tf.constant([0.19, 0.21, 0.69, 0.71]))
    np.testing.assert_array_equal(drawn, [0, 1, 1, 2])
    extreme = corrector.draw_labels(tf.constant([[-200.0, 0.0, 200.0]]), tf.constant([0.9999999]))
    np.testing.assert_array_equal(extreme, [2])


def test_all_labels_are_trusted_at_first():
    weights = perceptron.start(5, 64, 3, last_bias=3.98, rng=np.random.default_rng(0))
    table = corrector.trust_table(weights).numpy()
    assert (
        table.shape == (5, 3)
        and (table > 0.9).all()
        and table.mean() == pytest.approx(0.98, abs=0.01)
    )

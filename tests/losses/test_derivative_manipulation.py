"""Derivative manipulation where reference/losses_proselflc.npz says nothing."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ieg import losses


def test_weights_are_normalized_by_the_mean_that_is_given():
    labels, logits = tf.constant([0, 2]), tf.constant([[1.0, 0.5, -1.0], [0.0, 2.0, 0.3]])
    whole = losses.dm(labels, logits)
    # Each replica holds one row, and the mean over both is handed in.
    peak = losses.emphasis(labels, logits, 0.5, 12) - 12 * 0.5**0.5 / 1.5**1.5
    together = tf.reduce_mean(tf.exp(peak))
    for i in range(2):
        alone = losses.dm(labels[i : i + 1], logits[i : i + 1], mean=lambda _: together)
        np.testing.assert_allclose(alone, whole[i : i + 1], rtol=1e-5)


@pytest.mark.parametrize(
    ("odds", "norm"), [(0.0, 1.0), (-10.0, 1.0), (-math.log(2e8 - 1), 0.5), (-60.0, 0.0)]
)
def test_dm_lets_go_of_a_label_that_is_fitted_perfectly(odds, norm):
    labels, logits = tf.constant([0]), tf.constant([[-odds, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = losses.dm(labels, logits, 1.0, 8.0)
    slope = tape.gradient(loss, logits)
    assert np.abs(slope).sum() == pytest.approx(norm, abs=1e-3)

"""Label guess where examples say nothing: fixed points, views that disagree, gradients."""

import numpy as np
import tensorflow as tf

from ieg import losses


def test_rms_normalize_of_nothing_is_nothing() -> None:
    np.testing.assert_array_equal(losses.rms_normalize(tf.zeros([2, 3])), np.zeros([2, 3]))


def test_sharpen_leaves_certainty_and_indifference_alone() -> None:
    rows = tf.constant([[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_allclose(losses.sharpen(rows, 0.5), rows)


def test_label_guess_of_views_that_disagree_is_their_mean() -> None:
    # softmax([√2, 0]) and softmax([0, √2]): the mean of the two is even.
    views = [tf.constant([[3.0, 0.0]]), tf.constant([[0.0, 5.0]])]
    np.testing.assert_allclose(losses.label_guess(views), [[0.5, 0.5]], rtol=1e-6)


def test_label_guess_rows_sum_to_one_and_gradients_run_through_every_view() -> None:
    views = [tf.random.stateless_normal([4, 3], (0, s)) for s in (1, 2)]
    with tf.GradientTape() as tape:
        tape.watch(views)
        guess = losses.label_guess(views)
        first = guess[:, 0]
    np.testing.assert_allclose(tf.reduce_sum(guess, axis=1), 1, rtol=1e-6)
    for gradient in tape.gradient(first, views):
        assert np.abs(gradient).max() > 1e-3

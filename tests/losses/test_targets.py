"""Losses against numbers worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ieg import losses

LOG3 = math.log(3)  # logits [log 3, 0] are the probabilities [3/4, 1/4]


@pytest.mark.parametrize(
    ("target", "logits", "expected"),
    [
        ([1, 0], [0, 0], math.log(2)),
        ([1, 0], [LOG3, 0], math.log(4 / 3)),
        ([0, 1], [LOG3, 0], math.log(4)),
        ([0.5, 0.5], [LOG3, 0], 0.5 * math.log(4 / 3) + 0.5 * math.log(4)),
        ([0, 1], [1000, 0], 1000),
        ([1, 0], [1000, 0], 0),
        ([2, 0], [0, 0], 2 * math.log(2)),  # rows need not sum to 1
    ],
)
def test_cross_entropy_by_hand(target: list[float], logits: list[float], expected: float) -> None:
    row, scores = tf.constant([target], tf.float32), tf.constant([logits], tf.float32)
    loss = losses.cross_entropy(row, scores)
    assert loss.shape == (1,)
    assert float(loss[0]) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_cross_entropy_is_per_example_with_gradient_p_minus_q() -> None:
    targets = tf.constant([[0.2, 0.8], [1.0, 0.0]])
    logits = tf.constant([[LOG3, 0.0], [0.0, LOG3]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = losses.cross_entropy(targets, logits)
    assert loss.shape == (2,)
    np.testing.assert_allclose(
        tape.gradient(loss, logits), [[0.75 - 0.2, 0.25 - 0.8], [0.25 - 1, 0.75]], rtol=1e-6
    )


def test_cross_entropy_passes_a_gradient_to_its_targets() -> None:
    targets = tf.constant([[0.5, 0.5]])
    with tf.GradientTape() as tape:
        tape.watch(targets)
        loss = losses.cross_entropy(targets, tf.constant([[LOG3, 0.0]]))
    np.testing.assert_allclose(
        tape.gradient(loss, targets), [[math.log(4 / 3), math.log(4)]], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("epsilon", "expected"),
    [
        (0.0, [[0, 0, 1, 0], [1, 0, 0, 0]]),
        (0.2, [[0.05, 0.05, 0.85, 0.05], [0.85, 0.05, 0.05, 0.05]]),
    ],
)
def test_label_smoothing_by_hand(epsilon: float, expected: list[list[float]]) -> None:
    np.testing.assert_allclose(losses.label_smoothing(tf.constant([2, 0]), 4, epsilon), expected)


GIVEN, OTHER = tf.constant([[1.0, 0.0], [0.0, 1.0]]), tf.constant([[0.5, 0.5], [0.8, 0.2]])


def test_soft_targets_by_hand() -> None:
    targets = losses.soft_targets(GIVEN, OTHER, tf.constant([0.25, 0.5]))
    np.testing.assert_allclose(targets, [[0.625, 0.375], [0.4, 0.6]], rtol=1e-6)


@pytest.mark.parametrize(("trust", "expected"), [(1.0, GIVEN), (0.0, OTHER)])
def test_soft_targets_with_one_trust_for_all(trust: float, expected: tf.Tensor) -> None:
    np.testing.assert_array_equal(losses.soft_targets(GIVEN, OTHER, trust), expected)


def test_soft_targets_pass_a_gradient_to_the_trust() -> None:
    trust = tf.constant([0.25, 0.5])
    with tf.GradientTape() as tape:
        tape.watch(trust)
        first = losses.soft_targets(GIVEN, OTHER, trust)[:, 0]
    np.testing.assert_allclose(tape.gradient(first, trust), [0.5, -0.8], rtol=1e-6)


def test_rms_normalize_by_hand() -> None:
    # The mean square of 1, 1, 5 and 3 is 9, over all entries rather than row by row.
    normal = losses.rms_normalize(tf.constant([[1.0, -1.0], [5.0, 3.0]]))
    np.testing.assert_allclose(normal, [[1 / 3, -1 / 3], [5 / 3, 1]], rtol=1e-6)


def test_rms_normalize_of_nothing_is_nothing() -> None:
    np.testing.assert_array_equal(losses.rms_normalize(tf.zeros([2, 3])), np.zeros([2, 3]))


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(1.0, [0.6, 0.3, 0.1]), (0.5, [36 / 46, 9 / 46, 1 / 46])],
)
def test_sharpen_by_hand(temperature: float, expected: list[float]) -> None:
    sharp = losses.sharpen(tf.constant([[0.6, 0.3, 0.1]]), temperature)
    np.testing.assert_allclose(sharp, [expected], rtol=1e-6)


def test_sharpen_leaves_certainty_and_indifference_alone() -> None:
    rows = tf.constant([[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_allclose(losses.sharpen(rows, 0.5), rows)


def test_label_guess_by_hand() -> None:
    # Both views are [1, -1] after normalisation: odds of e² to 1, squared by the temperature.
    guess = losses.label_guess([tf.constant([[2.0, -2.0]]), tf.constant([[3.0, -3.0]])], 0.5)
    odds = math.exp(4)
    np.testing.assert_allclose(guess, [[odds / (1 + odds), 1 / (1 + odds)]], rtol=1e-5)


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

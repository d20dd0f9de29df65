"""Cross entropy and soft targets where reference files and examples say nothing."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ieg import losses

LOG3 = math.log(3)  # logits [log 3, 0] are the probabilities [3/4, 1/4]


@pytest.mark.parametrize(
    ("target", "logits", "expected"),
    [
        ([0, 1], [1000, 0], 1000),
        ([1, 0], [1000, 0], 0),
        ([2, 0], [0, 0], 2 * math.log(2)),  # rows need not sum to 1
    ],
)
def test_cross_entropy_of_extreme_logits_and_of_targets_that_sum_to_two(
    target: list[float], logits: list[float], expected: float
) -> None:
    row, scores = tf.constant([target], tf.float32), tf.constant([logits], tf.float32)
    assert float(losses.cross_entropy(row, scores)[0]) == pytest.approx(expected, abs=1e-6)


def test_cross_entropy_passes_a_gradient_to_its_targets() -> None:
    targets = tf.constant([[0.5, 0.5]])
    with tf.GradientTape() as tape:
        tape.watch(targets)
        loss = losses.cross_entropy(targets, tf.constant([[LOG3, 0.0]]))
    np.testing.assert_allclose(
        tape.gradient(loss, targets), [[math.log(4 / 3), math.log(4)]], rtol=1e-6
    )


GIVEN, OTHER = tf.constant([[1.0, 0.0], [0.0, 1.0]]), tf.constant([[0.5, 0.5], [0.8, 0.2]])


@pytest.mark.parametrize(("trust", "expected"), [(1.0, GIVEN), (0.0, OTHER)])
def test_soft_targets_with_one_trust_for_all(trust: float, expected: tf.Tensor) -> None:
    np.testing.assert_array_equal(losses.soft_targets(GIVEN, OTHER, trust), expected)


def test_soft_targets_pass_a_gradient_to_the_trust() -> None:
    trust = tf.constant([0.25, 0.5])
    with tf.GradientTape() as tape:
        tape.watch(trust)
        first = losses.soft_targets(GIVEN, OTHER, trust)[:, 0]
    np.testing.assert_allclose(tape.gradient(first, trust), [0.5, -0.8], rtol=1e-6)

"""The weight average: values worked out by hand and the kinds of numbers it takes."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ieg.training.averaging import ema_decay, ema_update


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.1), (8, 0.5), (80, 0.9), (8990, 0.999), (200_000, 0.999)]
)
@pytest.mark.parametrize(
    "kind",
    [
        int,
        lambda step: tf.constant(step, tf.float32),
        lambda step: tf.constant(step, tf.int64),
        lambda step: tf.Variable(step, dtype=tf.int64),
    ],
    ids=["int", "float32", "int64", "variable"],
)
def test_ema_decay(kind: Any, step: int, expected: float) -> None:
    decay = ema_decay(kind(step))
    assert decay.dtype == tf.float32
    assert decay.shape == ()
    assert decay.numpy() == pytest.approx(expected, rel=1e-6)


def test_ema_decay_limit() -> None:
    assert ema_decay(1000, decay=0.5).numpy() == pytest.approx(0.5)
    assert ema_decay(1, decay=0.5).numpy() == pytest.approx(2 / 11)


def test_ema_update_by_hand() -> None:
    assert ema_update(1.0, 3.0, 0.75) == 1.5


def test_ema_update_numpy() -> None:
    start, value = np.array([[1.0, 2.0], [3.0, 2.0]], np.float32)
    average = ema_update(start, value, 0.75)
    assert average.dtype == np.float32
    np.testing.assert_array_equal(average, [1.5, 2.0])


def test_ema_update_tensor_in_a_compiled_function() -> None:
    @tf.function
    def update(average: tf.Tensor, value: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        return ema_update(average, value, ema_decay(step))

    average = update(tf.constant([1.0, 2.0]), tf.constant([3.0, 2.0]), tf.constant(8, tf.int64))
    assert average.dtype == tf.float32
    np.testing.assert_allclose(average, [2.0, 2.0], rtol=1e-6)


def test_ema_update_at_the_ends_of_the_decay() -> None:
    assert ema_update(1.0, 3.0, 1.0) == 1.0
    assert ema_update(1.0, 3.0, 0.0) == 3.0


def test_ema_update_leaves_a_reached_value_bit_for_bit() -> None:
    weights = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    np.testing.assert_array_equal(ema_update(weights, weights, 0.999), weights)


def test_ema_of_a_constant_closes_the_gap_by_the_product_of_decays() -> None:
    average, gap = 0.0, 1.0
    for step in range(50):
        decay = float(ema_decay(step))
        average = ema_update(average, 1.0, decay)
        gap *= decay
    assert 1.0 - average == pytest.approx(gap, rel=1e-9)

"""The weight average: limits, dtypes and properties; doctests and the reference show values."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ieg.training.averaging import ema_decay, ema_update


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
def test_the_step_may_be_of_any_type(kind: Any) -> None:
    for step, expected in [(0, 0.1), (8, 0.5), (8990, 0.999), (200_000, 0.999)]:
        decay = ema_decay(kind(step))
        assert decay.dtype == tf.float32 and decay.shape == ()
        assert decay.numpy() == pytest.approx(expected, rel=1e-6)


def test_the_limit_can_be_set() -> None:
    assert ema_decay(1000, decay=0.5).numpy() == pytest.approx(0.5)
    assert ema_decay(1, decay=0.5).numpy() == pytest.approx(2 / 11)


def test_updates_in_a_compiled_function() -> None:
    @tf.function
    def update(average: tf.Tensor, value: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        return ema_update(average, value, ema_decay(step))

    average = update(tf.constant([1.0, 2.0]), tf.constant([3.0, 2.0]), tf.constant(8, tf.int64))
    assert average.dtype == tf.float32
    np.testing.assert_allclose(average, [2.0, 2.0], rtol=1e-6)


def test_the_ends_of_the_decay() -> None:
    assert ema_update(1.0, 3.0, 1.0) == 1.0
    assert ema_update(1.0, 3.0, 0.0) == 3.0


def test_a_reached_value_stays_bit_for_bit() -> None:
    weights = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    average = ema_update(weights, weights, 0.999)
    assert average.dtype == np.float32
    np.testing.assert_array_equal(average, weights)

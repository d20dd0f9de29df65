"""ProSelfLC where reference/losses_proselflc.npz says nothing: time, monitors, ends of trust."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ieg import losses

Y, Z = tf.constant([1]), tf.math.log(tf.constant([[0.7, 0.2, 0.1]]))
COURSE = losses.Course((50, 20, 5), 0.0, steps_per_epoch=4, total_steps=10, accumulation_steps=1)


def test_certain_and_even_predictions_have_the_ends_of_the_local_trust():
    even, sure = tf.fill([1, 4], 0.25), tf.constant([[0.0, 1.0, 0.0, 0.0]])
    np.testing.assert_allclose(losses.local_trust(even), [0], atol=1e-6)
    np.testing.assert_array_equal(losses.local_trust(sure), [1])
    np.testing.assert_allclose(losses.local_trust(even, "max_p"), [0.25])


@pytest.mark.parametrize(
    ("counter", "step", "ratio"),
    [("iteration", 0, 1 / 10), ("iteration", 9, 1), ("epoch", 3, 1 / 3), ("epoch", 9, 1)],
)
def test_time_is_counted_from_one_in_steps_or_epochs(counter, step, ratio):
    entry = losses.REGISTRY.get("proselflc")
    batch = losses.LossInput(Y, Z, tf.constant(step, tf.int64), COURSE)
    found = entry.compute(batch, entry.Options(proselflc_counter=counter, proselflc_exp_base=8.0))
    expected = 1 / (1 + math.exp(-8 * (ratio - 0.5)))
    np.testing.assert_allclose(found.monitors["global_trust"], [expected], rtol=1e-5)


def test_monitors_of_proselflc_agree():
    entry = losses.REGISTRY.get("proselflc")
    batch = losses.LossInput(Y, Z, tf.constant(7, tf.int64), COURSE)
    found = entry.compute(batch, entry.Options(proselflc_temperature=1.0)).monitors
    assert found.keys() == {
        "trust", "global_trust", "local_trust", "train_entropy", "train_max_p"
    }  # fmt: skip
    np.testing.assert_allclose(found["trust"], found["global_trust"] * found["local_trust"])
    np.testing.assert_allclose(found["train_entropy"], [0.80182 / math.log(3)], rtol=1e-4)
    np.testing.assert_allclose(found["train_max_p"], [0.7], rtol=1e-6)

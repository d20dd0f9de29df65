"""Batches whose true labels are not known, in part or altogether, pretend to know nothing."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ieg.data.pipeline import Batch
from ieg.methods.monitoring import clean_and_wrong, share_of_mean, weight_scalars
from ieg.training.state import Meter


def batch(true: list[int]) -> Batch:
    nothing = tf.zeros([len(true)])
    return Batch(nothing, nothing, tf.constant([0, 1, 1, 2]), tf.constant(true), None)


def test_known_examples_are_told_apart() -> None:
    clean, wrong = clean_and_wrong(batch([0, 2, -1, 2]))
    np.testing.assert_array_equal(clean, [1, 0, 0, 1])
    np.testing.assert_array_equal(wrong, [0, 1, 0, 0])
    scalars = weight_scalars(tf.constant([0.5, 0.2, 0.3, 0.0]), batch([0, 2, -1, 2]))
    assert float(scalars["clean_weight_share"]) == pytest.approx(0.5 / 0.7)
    assert float(scalars["clean_share"]) == pytest.approx(2 / 3)
    assert float(scalars["weights_zero_ratio"]) == pytest.approx(0.25)


def test_where_nothing_is_known_nothing_is_said() -> None:
    unknown = batch([-1] * 4)
    scalars = weight_scalars(tf.fill([4], 0.25), unknown)
    assert math.isnan(scalars["clean_weight_share"]) and math.isnan(scalars["clean_share"])
    assert float(scalars["weights_zero_ratio"]) == 0
    for chosen in clean_and_wrong(unknown):
        assert math.isnan(share_of_mean(tf.ones([4]), chosen))


def test_means_leave_out_steps_that_had_nothing_to_say() -> None:
    meter = Meter()
    for value in (1.0, math.nan, 4.0):
        meter.add({"known": value, "unknown": math.nan})
    assert meter.means() == {"known": 2.5}

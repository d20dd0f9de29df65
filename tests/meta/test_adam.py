"""Adam after its first step."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.meta.adam import adam


def test_the_second_step_by_hand():
    # t = 2: m = 0.9 · 0.5 + 0.1 · 2 = 0.65, v = 0.999 · 0.25 + 0.001 · 4 = 0.25375.
    ((theta,), (m,), (v,)) = adam(
        [tf.constant(1.0)],
        [tf.constant(2.0)],
        [tf.constant(0.5)],
        [tf.constant(0.25)],
        tf.constant(1),
        learning_rate=0.1,
        epsilon=1.0,
    )
    assert float(m) == pytest.approx(0.65) and float(v) == pytest.approx(0.25375)
    step = 0.1 * (0.65 / 0.19) / (np.sqrt(0.25375 / 0.001999) + 1)
    assert float(theta) == pytest.approx(1 - step, rel=1e-5)

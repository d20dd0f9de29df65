"""SGD with momentum, decay and clipping: numbers worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.update import add_decay, clip, sgd_momentum


def test_two_steps_of_momentum_by_hand() -> None:
    # b1 = 0.5·0 + 4 = 4,  θ1 = 1 - 0.25·4 = 0;  b2 = 0.5·4 + (-6) = -4,  θ2 = 0 - 0.125·(-4) = 0.5
    params, buffers = [tf.constant([1.0])], [tf.constant([0.0])]
    params, buffers = sgd_momentum(
        params, buffers, [tf.constant([4.0])], learning_rate=0.25, momentum=0.5
    )
    np.testing.assert_array_equal(params[0], [0.0])
    np.testing.assert_array_equal(buffers[0], [4.0])
    params, buffers = sgd_momentum(
        params, buffers, [tf.constant([-6.0])], learning_rate=0.125, momentum=0.5
    )
    np.testing.assert_array_equal(params[0], [0.5])
    np.testing.assert_array_equal(buffers[0], [-4.0])


def test_the_buffer_does_not_contain_the_learning_rate() -> None:
    for rate in (0.1, 10.0):
        _, buffers = sgd_momentum(
            [tf.constant(0.0)], [tf.constant(2.0)], [tf.constant(3.0)],
            learning_rate=rate, momentum=0.9,
        )  # fmt: skip
        assert float(buffers[0]) == pytest.approx(4.8)


def test_the_old_values_stay_as_they_were() -> None:
    params, buffers = [tf.constant([1.0])], [tf.constant([2.0])]
    sgd_momentum(params, buffers, [tf.constant([3.0])], learning_rate=0.1, momentum=0.9)
    np.testing.assert_array_equal(params[0], [1.0])
    np.testing.assert_array_equal(buffers[0], [2.0])


def test_every_variable_has_its_own_decay() -> None:
    gradients = [tf.constant([1.0, -1.0]), tf.constant([[2.0]])]
    params = [tf.constant([4.0, 8.0]), tf.constant([[5.0]])]
    first, second = add_decay(gradients, params, [0.5, 0.0])
    np.testing.assert_array_equal(first, [3.0, 3.0])
    np.testing.assert_array_equal(second, [[2.0]])


def test_decay_is_the_gradient_of_half_the_squared_norm() -> None:
    params = tf.constant([0.3, -1.7, 2.2])
    with tf.GradientTape() as tape:
        tape.watch(params)
        penalty = 0.01 * 0.5 * tf.reduce_sum(params**2)
    (decayed,) = add_decay([tf.zeros(3)], [params], [0.01])
    np.testing.assert_allclose(decayed, tape.gradient(penalty, params), rtol=1e-6)


def test_clipping_scales_all_gradients_by_their_common_norm() -> None:
    # ‖(3, 4, 12)‖ = 13
    gradients = [tf.constant([3.0, 4.0]), tf.constant(12.0)]
    (first, second), norm = clip(gradients, 6.5)
    assert float(norm) == 13.0
    np.testing.assert_allclose(first, [1.5, 2.0], rtol=1e-6)
    np.testing.assert_allclose(second, 6.0, rtol=1e-6)


@pytest.mark.parametrize("largest", [0.0, 13.0, 100.0])
def test_no_bound_and_a_bound_that_is_kept_change_nothing(largest: float) -> None:
    gradients = [tf.constant([3.0, 4.0]), tf.constant(12.0)]
    (first, second), norm = clip(gradients, largest)
    assert float(norm) == 13.0
    np.testing.assert_array_equal(first, [3.0, 4.0])
    np.testing.assert_array_equal(second, 12.0)


def test_a_gradient_that_is_not_finite_shows_in_the_norm() -> None:
    for largest in (0.0, 1.0):
        _, norm = clip([tf.constant([1.0, np.nan])], largest)
        assert np.isnan(norm)

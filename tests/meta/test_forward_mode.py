"""Whether forward mode holds: the transpose of reverse mode for a right tangent, and only then."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg.meta.forward_mode import TOLERANCE, transposition_error

X = np.random.default_rng(0).normal(size=(4, 6, 6, 2)).astype(np.float32)


def error(*layers: keras.layers.Layer) -> float:
    """The error of a small network with these layers inside."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input(X.shape[1:]), *layers, keras.layers.Dense(3)])
    params = [v.value for v in model.trainable_variables]
    others = [tf.convert_to_tensor(v.value) for v in model.non_trainable_variables]

    def predict(theta: list[tf.Tensor]) -> tf.Tensor:
        return model.stateless_call(theta, others, tf.constant(X), training=True)[0]

    return transposition_error(predict, params)


def test_a_linear_function_by_hand() -> None:
    assert transposition_error(lambda theta: 2 * theta[0], [tf.ones([3, 2])]) < 1e-6
    assert transposition_error(lambda theta: tf.zeros([3, 2]), [tf.ones([3, 2])]) == 0.0


def test_a_wrong_gradient_shows() -> None:
    @tf.custom_gradient
    def doubled(x: tf.Tensor) -> tuple[tf.Tensor, object]:
        return 2 * x, lambda upstream: 3 * upstream

    assert transposition_error(lambda theta: doubled(theta[0]) * theta[0], [tf.ones([3, 2])]) > 0.1


@pytest.mark.parametrize("norm", [keras.layers.BatchNormalization, keras.layers.LayerNormalization])
def test_usual_layers_have_a_right_forward_mode(norm: type[keras.layers.Layer]) -> None:
    conv, average = keras.layers.Conv2D(5, 3), keras.layers.GlobalAveragePooling2D()
    assert error(conv, norm(), keras.layers.ReLU(), average) < 1e-5 < TOLERANCE


def test_a_loop_has_no_forward_mode() -> None:
    conv = keras.layers.Conv2D(5, 3)
    assert error(conv, keras.layers.Reshape((16, 5)), keras.layers.LSTM(3)) == float("inf")

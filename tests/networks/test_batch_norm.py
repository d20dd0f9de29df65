"""Batch norm by TensorFlow's kernels, against Keras' own layer."""

import copy
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.networks import parts
from ieg.networks.own_layers.batch_norm import FusedBatchNormalization

CHANNELS = 5


def pair(policy: str = "float32") -> list[Any]:
    """Our layer and Keras', with the same weights."""
    layers = []
    for kind in (FusedBatchNormalization, keras.layers.BatchNormalization):
        layer = kind(epsilon=1e-5, momentum=0.9, dtype=policy)
        layer.build((None, 3, 3, CHANNELS))
        rng = np.random.default_rng(1)
        layer.set_weights([rng.uniform(0.5, 2, CHANNELS) for _ in layer.weights])
        layers.append(layer)
    return layers


def images(count: int = 4, side: int = 3) -> tf.Tensor:
    x = np.random.default_rng(0).normal(2, 3, (count, side, side, CHANNELS))
    return tf.constant(x, tf.float32)


def formula(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Output, and the statistics that move from 1 by a tenth."""
    mean = tf.reduce_mean(x, [0, 1, 2])
    variance = tf.reduce_mean((x - mean) ** 2, [0, 1, 2])
    y = gamma * (x - mean) / tf.sqrt(variance + 1e-5) + beta
    return y, [0.9 + 0.1 * mean, 0.9 + 0.1 * variance]


def results(call: Callable[..., Any], sources: list[tf.Tensor]) -> list[tf.Tensor]:
    """Outputs, moving statistics, first and second derivatives, and the tangent of a step."""

    @tf.function
    def every() -> list[tf.Tensor]:
        with tf.GradientTape() as second:
            second.watch(sources)
            with tf.GradientTape() as first:
                first.watch(sources)
                y, moving = call(*sources)
                loss = tf.reduce_sum(tf.sin(y))
            gradients = first.gradient(loss, sources)
            bent = tf.add_n([tf.reduce_sum(tf.cos(g)) for g in gradients])
        curvature = second.gradient(bent, sources)
        with tf.autodiff.ForwardAccumulator(sources, [tf.sin(7 * s) for s in sources]) as forward:
            outputs, _ = call(*sources)
        return [y, *moving, *gradients, *curvature, forward.jvp(outputs)]

    found: list[tf.Tensor] = every()
    return found


@pytest.mark.parametrize("count, side", [(4, 3), (1, 1)], ids=["batch", "one pixel"])
def test_values_and_derivatives_are_those_of_the_formula(count: int, side: int) -> None:
    # Second derivatives of Keras' layer are another, since its variance holds the mean constant.
    layer = pair()[0]
    ones = [tf.ones(CHANNELS)] * 2
    sources = [images(count, side), *(v.value for v in layer.trainable_variables)]
    sources = [tf.convert_to_tensor(s) for s in sources]
    ours = results(lambda x, *params: layer.stateless_call(params, ones, x, training=True), sources)
    wide = [tf.cast(s, tf.float64) for s in sources]
    for mine, other in zip(ours, results(formula, wide), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_keeps_float32_statistics(policy: str) -> None:
    ours, theirs = pair(policy)
    x = tf.cast(images(), ours.compute_dtype)
    y = ours(x, training=True)
    assert y.dtype == x.dtype
    np.testing.assert_allclose(
        tf.cast(y, tf.float32), tf.cast(theirs(x, training=True), tf.float32), rtol=0.02, atol=0.02
    )
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, rtol=1e-3)


def uses_kernel(layer: Any, x: tf.Tensor, **arguments: Any) -> bool:
    call = tf.function(lambda: layer(x, **arguments)).get_concrete_function()
    return "FusedBatchNormV3" in str(call.graph.as_graph_def())


def _synchronized(layer: Any) -> Any:
    parts.synchronize_batch_norm(keras.Sequential([layer]))
    return layer


def _frozen(layer: Any) -> Any:
    layer.trainable = False
    return layer


@pytest.mark.parametrize(
    "change, training, expected",
    [
        (lambda layer: layer, True, True),
        (lambda layer: layer, False, False),
        (_frozen, True, False),
        (_synchronized, True, False),
    ],
    ids=["training", "inference", "frozen", "synchronized"],
)
def test_the_kernel_is_for_moments_of_the_batch_alone(
    change: Callable[[Any], Any], training: bool, expected: bool
) -> None:
    layer = change(pair()[0])
    assert uses_kernel(layer, images(), training=training) is expected


def test_other_arguments_than_ours_are_left_to_keras() -> None:
    x = images()
    for changed in ({"axis": 1}, {"renorm": True}, {"scale": False}, {"center": False}):
        ours, theirs = (
            FusedBatchNormalization(**changed),
            keras.layers.BatchNormalization(**changed),
        )
        np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), rtol=1e-6)


def test_a_network_with_it_is_copied_with_its_weights() -> None:
    network = networks.create("cnn", (8, 8, 1), 10, seed=1)
    twin = copy.deepcopy(network)
    x = tf.random.stateless_normal([2, 8, 8, 1], [0, 0])
    np.testing.assert_array_equal(twin(x, training=True), network(x, training=True))


def test_features_without_pixels_are_left_to_keras() -> None:
    ours, theirs = FusedBatchNormalization(), keras.layers.BatchNormalization()
    x = tf.reshape(images(), [-1, CHANNELS])
    np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), rtol=1e-6)

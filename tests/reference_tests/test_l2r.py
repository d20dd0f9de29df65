"""L2R's look-ahead, weights and final step against reference/l2r.npz, in both modes."""

import numpy as np
import pytest
import tensorflow as tf

from ieg import update
from ieg.losses import cross_entropy
from ieg.meta import InnerProblem, example_weights, meta_gradient
from tests.decay import decay_loss
from tests.reference_tests import tiny

MODES = ("forward", "nested")


@pytest.fixture(scope="module")
def data(reference):
    return reference("l2r")


def one_hot(data, name):
    return tf.one_hot(data[name], data["dense_bias"].shape[-1])


def example_losses(data, params):
    return cross_entropy(one_hot(data, "labels"), tiny.network(params, data["images"]))


def look_ahead(data, decay, mode, epsilon, *, loss_is_zero):
    targets, probe_targets = one_hot(data, "labels"), one_hot(data, "probe_labels")

    def probe_loss(params):
        logits = tiny.network(params, data["probe_images"])
        return tf.reduce_mean(cross_entropy(probe_targets, logits)), None

    inner = InnerProblem(
        predict=lambda params: tiny.network(params, data["images"]),
        loss=lambda logits, eps: tf.reduce_sum(eps * cross_entropy(targets, logits)),
        stepsize=float(data["meta_stepsize"]),
        decay=decay,
        loss_is_zero=loss_is_zero,
    )
    return meta_gradient(
        inner, probe_loss, tiny.params(data), epsilon, mode=mode, outer_decay=decay
    )


def cases(data):
    """(row of the leading axis, decay coefficients of the five parameters)."""
    return [(i, [float(wd)] * len(tiny.PARAMS)) for i, wd in enumerate(data["wd_list"])]


def test_logits_and_losses(data):
    for i, _ in cases(data):
        tiny.close(tiny.network(tiny.params(data), data["images"]), data["logits"][i], "value")
        tiny.close(example_losses(data, tiny.params(data)), data["per_example_loss"][i], "value")


def test_batch_statistics(data):
    x = tiny.convolution(tiny.params(data), tf.constant(data["images"]))
    mean, variance = tf.nn.moments(x, axes=[0, 1, 2])
    for i, _ in cases(data):
        tiny.close(mean, data["bn_batch_mean"][i], "value")
        tiny.close(variance, data["bn_batch_var_biased"][i], "value")


@pytest.mark.parametrize("mode", MODES)
def test_meta_gradient_at_zero(data, mode):
    zero = tf.zeros(len(data["labels"]))
    for i, decay in cases(data):
        meta = look_ahead(data, decay, mode, zero, loss_is_zero=True)
        tiny.close(meta.gradient, data["grad_eps"][i], "meta gradient")
        probe_loss = meta.outer_loss + decay_loss(meta.params, decay)
        tiny.close(probe_loss, data["probe_loss"][i], "value")
        for value, name in zip(meta.params, tiny.PARAMS, strict=True):
            tiny.close(value, data[f"lookahead_{name}"][i], "value")


@pytest.mark.parametrize("mode", MODES)
def test_meta_gradient_at_uniform_weights(data, mode):
    size = len(data["labels"])
    for i, decay in cases(data):
        meta = look_ahead(data, decay, mode, tf.fill([size], 1 / size), loss_is_zero=False)
        tiny.close(meta.gradient, data["uniform_grad_eps"][i], "meta gradient")
        probe_loss = meta.outer_loss + decay_loss(meta.params, decay)
        tiny.close(probe_loss, data["uniform_probe_loss"][i], "value")


@pytest.mark.parametrize("mode", MODES)
def test_agrees_with_the_original_graph_code(data, mode):
    zero = tf.zeros(len(data["labels"]))
    for i, decay in cases(data):
        meta = look_ahead(data, decay, mode, zero, loss_is_zero=True)
        tiny.close(meta.gradient, data["tf1_float32_grad_eps"][i], "meta gradient")
        weights = example_weights(meta.gradient)
        tiny.close(weights, data["tf1_float32_weights_clamp"][i], "weights")
        probe_loss = meta.outer_loss + decay_loss(meta.params, decay)
        tiny.close(probe_loss, data["tf1_float32_probe_loss"][i], "value")


def test_weights(data):
    for i, _ in cases(data):
        gradient = tf.constant(data["grad_eps"][i], tf.float32)
        tiny.close(example_weights(gradient, "clamp"), data["weights_clamp"][i], "weights")
        # With the smaller guard of another implementation the weights are nearly the same.
        tiny.close(example_weights(gradient, "clamp"), data["weights_clamp_eps1e-10"][i], "weights")
        tiny.close(tf.sigmoid(-gradient), data["weights_sigmoid_raw"][i], "weights")
        tiny.close(example_weights(gradient, "sigmoid"), data["weights_sigmoid_norm"][i], "weights")


@pytest.mark.parametrize("variant", ("clamp", "sigmoid_raw", "sigmoid_norm"))
def test_final_step(data, variant):
    for i, decay in cases(data):
        params = tiny.params(data)
        weights = tf.constant(data[f"weights_{variant}"][i], tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(params)
            loss = tf.reduce_sum(weights * example_losses(data, params))
        gradients = update.add_decay(tape.gradient(loss, params), params, decay)
        total = loss + decay_loss(params, decay)
        tiny.close(total, data[f"final_loss_{variant}"][i], "value")
        _, norm = update.clip(gradients, 0.0)
        tiny.close(norm, data[f"final_gradnorm_{variant}"][i], "gradient")
        for value, name in zip(gradients, tiny.PARAMS, strict=True):
            tiny.close(value, data[f"final_grad_{variant}_{name}"][i], "gradient")
        prefix = f"final_grad_clip0.1_{variant}_"
        if prefix + tiny.PARAMS[0] in data:
            for value, name in zip(update.clip(gradients, 0.1)[0], tiny.PARAMS, strict=True):
                tiny.close(value, data[prefix + name][i], "gradient")


def test_the_clipped_variant_is_in_the_file(data):
    assert any(key.startswith("final_grad_clip0.1_") for key in data.files)
    assert np.all(data["wd_list"] >= 0)

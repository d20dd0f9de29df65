"""IEG's momentum look-ahead on weights and label trust against reference/ieg_meta.npz."""

import numpy as np
import pytest
import tensorflow as tf

from ieg import update
from ieg.augment import mixup
from ieg.data.pipeline import Batch, Probe
from ieg.losses import cross_entropy, kl_divergence, label_guess, rms_normalize, soft_targets
from ieg.meta import InnerProblem, example_weights, meta_gradient
from ieg.methods import ieg
from ieg.methods.lookahead import Weighing
from tests import contexts
from tests.decay import decay_loss
from tests.reference_tests import tiny

MODES = ("forward", "nested")


@pytest.fixture(scope="module")
def data(reference):
    return reference("ieg_meta")


def given(data):
    return tf.one_hot(data["labels"], data["dense_bias"].shape[-1])


def cases(data):
    return [(i, [float(wd)] * len(tiny.PARAMS)) for i, wd in enumerate(data["wd_list"])]


def look_ahead(data, decay, mode, predict, guess):
    """Meta-gradient for (ω, λ); `guess` makes the guessed labels from what `predict` returns."""
    size, labels = len(data["labels"]), given(data)
    probe_targets = tf.one_hot(data["probe_labels"], labels.shape[-1])

    def loss(outputs, phi):
        omega, trust = phi
        targets = soft_targets(labels, guess(outputs), trust)
        return tf.reduce_sum(omega * cross_entropy(targets, outputs[0]))

    def probe_loss(params):
        logits = tiny.network(params, data["probe_images"])
        return tf.reduce_mean(cross_entropy(probe_targets, logits)), None

    inner = InnerProblem(
        predict,
        loss,
        stepsize=float(data["meta_stepsize"]),
        decay=decay,
        momentum=float(data["meta_momentum"]),
        buffers=tiny.params(data, "momentum_"),
    )
    phi = (tf.fill([size], 1 / size), tf.fill([size], float(data["trust_init"])))
    return meta_gradient(inner, probe_loss, tiny.params(data), phi, mode=mode, outer_decay=decay)


def one_view(data, decay, mode):
    constant = tf.constant(data["guessed_labels"], tf.float32)
    return look_ahead(
        data,
        decay,
        mode,
        predict=lambda params: (tiny.network(params, data["images"]),),
        guess=lambda outputs: constant,
    )


def two_views(data, decay, mode, *, through):
    def guess(outputs):
        guessed = label_guess(outputs, temperature=0.5)
        return guessed if through else tf.constant(data["two_view_guessed_labels"], tf.float32)

    def predict(params):
        views = (data["images"], data["aug_images"])
        return tuple(tiny.network(params, view) for view in views)

    return look_ahead(data, decay, mode, predict, guess)


def check_gradients(data, meta, row, prefix=""):
    omega, trust = meta.gradient
    tiny.close(omega, data[f"{prefix}grad_omega"][row], "meta gradient")
    tiny.close(trust, data[f"{prefix}grad_lambda"][row], "meta gradient")
    tiny.close(example_weights(omega), data[f"{prefix}weights"][row], "weights")
    tiny.close(tf.cast(trust < 0, tf.float32), data[f"{prefix}trust"][row], "weights")


@pytest.mark.parametrize("mode", MODES)
def test_one_view(data, mode):
    for i, decay in cases(data):
        meta = one_view(data, decay, mode)
        check_gradients(data, meta, i)
        check_gradients(data, meta, i, "tf1_float32_")
        probe_loss = meta.outer_loss + decay_loss(meta.params, decay)
        tiny.close(probe_loss, data["probe_loss"][i], "value")
        for value, name in zip(meta.params, tiny.PARAMS, strict=True):
            tiny.close(value, data[f"lookahead_{name}"][i], "value")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("through", (True, False))
def test_two_views(data, mode, through):
    prefix = "two_view_through_" if through else "two_view_const_"
    for i, decay in cases(data):
        meta = two_views(data, decay, mode, through=through)
        check_gradients(data, meta, i, prefix)
        probe_loss = meta.outer_loss + decay_loss(meta.params, decay)
        tiny.close(probe_loss, data[f"{prefix}probe_loss"][i], "value")


def test_the_guess_from_two_views(data):
    views = [tiny.network(tiny.params(data), data[name]) for name in ("images", "aug_images")]
    tiny.close(label_guess(views, temperature=0.5), data["two_view_guessed_labels"], "value")


def test_look_ahead_loss(data):
    size = len(data["labels"])
    targets = soft_targets(
        given(data), tf.constant(data["guessed_labels"], tf.float32), float(data["trust_init"])
    )
    params = tiny.params(data)
    losses = cross_entropy(targets, tiny.network(params, data["images"]))
    for i, decay in cases(data):
        total = tf.reduce_sum(losses) / size + decay_loss(params, decay)
        tiny.close(total, data["lookahead_loss"][i], "value")


def test_supervised_part_and_momentum_step(data):
    guessed = tf.constant(data["guessed_labels"], tf.float32)
    for i, decay in cases(data):
        params = tiny.params(data)
        trust = tf.constant(data["trust"][i], tf.float32)
        weights = tf.constant(data["weights"][i], tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(params)
            logits = tiny.network(params, data["images"])
            first = tf.reduce_mean(cross_entropy(soft_targets(given(data), guessed, trust), logits))
            start = soft_targets(given(data), guessed, float(data["trust_init"]))
            second = tf.reduce_sum(weights * cross_entropy(start, logits))
            loss = (first + second) / 2
        tiny.close(first, data["loss_L1"][i], "value")
        tiny.close(second, data["loss_L2"][i], "value")
        total = loss + decay_loss(params, decay)
        tiny.close(total, data["supervised_loss_with_wd"][i], "value")
        gradients = update.add_decay(tape.gradient(loss, params), params, decay)
        buffers = tiny.params(data, "momentum_")
        stepped, _ = update.sgd_momentum(
            params, buffers, gradients, learning_rate=0.1, momentum=float(data["meta_momentum"])
        )
        for gradient, value, name in zip(gradients, stepped, tiny.PARAMS, strict=True):
            tiny.close(gradient, data[f"supervised_grad_{name}"][i], "gradient")
            tiny.close(value, data[f"momentum_step_lr0.1_{name}"][i], "gradient")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("through", (True, False))
def test_the_method_weighs_and_trusts_like_the_original(data, mode, through):
    prefix = "two_view_through_" if through else "two_view_const_"
    model = tiny.keras_network(data)
    labels = tf.constant(data["labels"], tf.int32)
    batch = Batch(
        index=tf.range(len(labels)),
        image=tf.constant(data["images"]),
        label=labels,
        true_label=labels,
        probe=Probe(tf.constant(data["probe_images"]), tf.constant(data["probe_labels"], tf.int32)),
        strong_image=tf.constant(data["aug_images"]),
    )
    options = ieg.Options(
        meta_stepsize=float(data["meta_stepsize"]),
        meta_gradient=mode,
        meta_momentum=float(data["meta_momentum"]),
        grad_eps_init=float(data["trust_init"]),
        guess_gradient=through,
        ce_factor=0.0,  # needs as many probe images as others
    )
    for i, decay in cases(data):
        context = contexts.context(model, labels, data["dense_bias"].size, decay=decay)
        buffers = tiny.params(data, "momentum_")
        state = contexts.start(model, params=tiny.params(data), buffers=buffers)
        output = ieg.IEG(options, context).step(batch, state, Weighing.LOOK_AHEAD)
        tiny.close(output.per_example["weight"], data[f"{prefix}weights"][i], "weights")
        tiny.close(output.per_example["trust"], data[f"{prefix}trust"][i], "weights")
        probe_loss = data[f"{prefix}probe_loss"][i]
        if not decay[0]:  # the file's number holds the weight decay of θ' too
            tiny.close(output.scalars["probe_loss"], probe_loss, "value")


def test_normalized_and_sharpened_guess(data):
    views = [data["h_logits_view1"], data["h_logits_view2"]]
    tiny.close(rms_normalize(views[0]), data["h_rms_norm"], "value")
    temperatures = [name for name in data if name.startswith("h_guess_T")]
    assert temperatures
    for name in temperatures:
        temperature = float(name.removeprefix("h_guess_T"))
        tiny.close(label_guess(views, temperature), data[name], "value")


def test_consistency(data):
    first, second = (tf.constant(data[f"h_logits_view{v}"]) for v in (1, 2))
    with tf.GradientTape() as tape:
        tape.watch(second)
        divergence = kl_divergence(tf.stop_gradient(first), second)
        loss = float(data["h_consistency_k"]) * tf.reduce_mean(divergence)
    tiny.close(loss, data["h_consistency_loss"], "value")
    tiny.close(tape.gradient(loss, second), data["h_consistency_grad_view2"], "value")


def test_mixup(data):
    coefficient = mixup.coefficient(tf.constant(data["h_mix_u"]))
    tiny.close(coefficient, data["h_mix_coef"], "value")
    for name in ("images", "labels"):
        values = tf.constant(data[f"h_mix_{name}"])
        mixed = mixup.mix(values, tf.gather(values, data["h_mix_perm"]), coefficient)
        tiny.close(mixed, data[f"h_mix_out_{name}"], "value")


def test_mixed_loss(data):
    def parts(name):  # the file has one part after the other
        rows = data[name].astype(np.float32)
        return rows.reshape(3, -1, rows.shape[-1]).swapaxes(0, 1)

    logits, targets = tf.constant(parts("h_mix_logits")), parts("h_mix_out_labels")
    factor = float(data["h_mix_ce_factor"])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = ieg.mixed_loss(targets, logits, factor)
    tiny.close(loss, data["h_mix_loss"], "value")
    tiny.close(tape.gradient(loss, logits), parts("h_mix_loss_grad_logits"), "value")
    tiny.close(ieg.mixed_loss(targets, logits, 0.0), data["h_mix_loss_labelled"], "value")

"""Mixed precision: float32 at both ends, gradients close to float32's, float16's small numbers."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.data.pipeline import Batch, Probe
from ieg.exporting.inference import standard_copy
from ieg.meta import scaled_gradient
from ieg.methods import REGISTRY
from ieg.networks import parts, precision
from tests import contexts, runs

B, K = 8, 10
MIXED = ("mixed_bfloat16", "mixed_float16")


def batch():
    rng = np.random.default_rng(0)
    images, strong, probe = (
        tf.constant(rng.uniform(-1, 1, (B, 8, 8, 1)), tf.float32) for _ in range(3)
    )
    label = tf.constant(rng.integers(0, K, B), tf.int32)
    return Batch(tf.range(B), images, label, label, Probe(probe, label), strong)


def step(dtype, name, **options):
    model = networks.create("cnn", (8, 8, 1), K, seed=1, dtype=dtype)
    context = contexts.context(model, range(B), K, loss_scale=precision.loss_scale(dtype))
    made = REGISTRY.get(name)
    one = made(made.Options(**options), context)
    return one.step(batch(), contexts.start(model), one.variant(0))


@pytest.mark.parametrize("dtype", MIXED)
@pytest.mark.parametrize(("name", "shape"), [("cnn", (8, 8, 1)), ("transformer", (6,))])
@pytest.mark.parametrize("cosine", [False, True])
def test_weights_and_logits_are_float32_and_the_body_is_not(dtype, name, shape, cosine):
    kind = "tokens" if name == "transformer" else "images"
    made = {"kind": kind, "cosine_classifier": cosine, "dropout_rate": 0.5, "seed": 3}
    model = networks.create(name, shape, K, dtype=dtype, **made)
    assert keras.config.dtype_policy().name == "float32"
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    body = [layer for layer in parts.layers_within(model) if layer is not parts.classifier(model)]
    assert {layer.compute_dtype for layer in body if layer.trainable_variables} == {dtype[6:]}
    examples = tf.ones((2, *shape), tf.int32 if kind == "tokens" else tf.float32)
    logits = model(examples)
    _, features = parts.with_features(model)(examples)
    assert logits.dtype == features.dtype == tf.float32
    exact = networks.create(name, shape, K, **made)
    np.testing.assert_allclose(logits, exact(examples), rtol=0.02, atol=0.1 if cosine else 0.02)
    assert np.any(logits != exact(examples))
    assert np.isfinite(model(examples, training=True)).all()
    copy = standard_copy(model)
    assert {layer.compute_dtype for layer in parts.layers_within(copy)} == {"float32"}


def test_the_policy_of_others_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), precision.policy("mixed_bfloat16"):
        raise ZeroDivisionError
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(("dtype", "bound"), zip(MIXED, (0.15, 0.05), strict=True))
@pytest.mark.parametrize("mode", ["forward", "nested"])
def test_weights_of_the_look_ahead_are_close_to_those_of_float32(dtype, bound, mode):
    options = {"l2r_warmup_epochs": 0, "meta_gradient": mode}
    exact, mixed = (step(d, "l2r", **options) for d in ("float32", dtype))
    wanted = exact.per_example["weight"].numpy()
    assert wanted.std() > 0.02
    np.testing.assert_allclose(mixed.per_example["weight"], wanted, atol=0.01)
    for g, e in zip(mixed.gradients, exact.gradients, strict=True):
        assert g.dtype == tf.float32
        assert np.linalg.norm(g - e) <= bound * np.linalg.norm(e) + 1e-4


def test_scaling_keeps_what_float16_would_lose():
    x = tf.constant([1.0, 2.0])

    def gradient(scale):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = 1e-8 * tf.reduce_sum(tf.cast(tf.square(tf.cast(x, tf.float16)), tf.float32))
        return scaled_gradient(tape, value, [x], scale)[0].numpy()

    np.testing.assert_array_equal(gradient(1.0), [0, 0])
    np.testing.assert_allclose(gradient(precision.FLOAT16_SCALE), [2e-8, 4e-8], rtol=0.02)


@pytest.mark.parametrize("dtype", [MIXED[0], pytest.param(MIXED[1], marks=pytest.mark.slow)])
def test_a_run_leaves_float32_and_finite_numbers(dtype, tmp_path: Path):
    flags = ("--dataset=digits_uniform_0.4", "--method=l2r", f"--precision={dtype}")
    flags += ("--train_eval_size=50", "--batch_size=20", "--max_iteration=3", "--eval_freq=3")
    run = runs.train(tmp_path, *flags)
    for name, value in runs.tensors(run, 3).items():
        if value.dtype.kind not in "iSO":
            assert value.dtype == np.float32 and np.isfinite(value).all(), name
    assert np.isfinite(float(runs.rows(run)[0]["loss"]))

"""Forward mode through every network: an operation without a right one would go unnoticed."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.losses import cross_entropy
from ieg.meta import InnerProblem, meta_gradient
from ieg.networks import parts

BATCH, CLASSES = 4, 3
slow = pytest.mark.slow


@pytest.fixture
def float64() -> Iterator[None]:
    """New networks compute in double precision."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def images(seed: int, size: int) -> tf.Tensor:
    draws = np.random.default_rng(seed).normal(size=(BATCH, size, size, 3))
    return tf.constant(draws, keras.config.floatx())


def meta_gradients(name: str, size: int) -> list[np.ndarray]:
    """∂(probe loss after a look-ahead)/∂(example weights), forward and nested."""
    # Not by `networks.create`, which would set the precision.
    with networks.seeded(1):
        model = networks.REGISTRY.get(name).build((size, size, 3), CLASSES, dropout_rate=0.0)
    others = [v.value for v in model.non_trainable_variables]
    labels = tf.one_hot(np.arange(BATCH) % CLASSES, CLASSES, dtype=keras.config.floatx())
    training, probe = images(0, size), images(1, size)

    def logits(params: list[tf.Tensor], x: tf.Tensor) -> tf.Tensor:
        return model.stateless_call(params, others, x, training=True)[0]

    def probe_loss(params: list[tf.Tensor]) -> tuple[tf.Tensor, None]:
        return tf.reduce_mean(cross_entropy(labels, logits(params, probe))), None

    inner = InnerProblem(
        lambda params: logits(params, training),
        lambda z, weight: tf.reduce_sum(weight * cross_entropy(labels, z)),
        stepsize=0.1,
        decay=parts.weight_decay(model, 1e-3),
    )

    @tf.function(autograph=False)
    def gradient(mode: str) -> tf.Tensor:
        params = [tf.convert_to_tensor(v.value) for v in model.trainable_variables]
        weights = tf.ones(BATCH, labels.dtype) / BATCH
        return meta_gradient(inner, probe_loss, params, weights, mode=mode).gradient

    return [gradient(mode).numpy() for mode in ("forward", "nested")]


# Where forward mode is the transpose of reverse mode (below), the modes agree for any network:
# tests/meta shows that on small ones.
@slow
@pytest.mark.parametrize("name", ["resnet20", "shufflenetv2"])
def test_modes_agree(name: str) -> None:
    forward, nested = meta_gradients(name, 16)
    assert np.abs(nested).max() > 0
    np.testing.assert_allclose(forward, nested, rtol=1e-4, atol=1e-5 * np.abs(nested).max())


# In single precision the two round differently, which moves some of millions of activations to the
# other side of ReLU's kink; the deep networks turn that into a different meta-gradient.
@slow
@pytest.mark.parametrize("name, size", [("wrn28-10", 32), ("resnet50", 64), ("resnet50_v15", 64)])
def test_modes_agree_in_double_precision(name: str, size: int, float64: None) -> None:
    forward, nested = meta_gradients(name, size)
    assert np.abs(nested).max() > 0
    np.testing.assert_allclose(forward, nested, atol=1e-9 * np.abs(nested).max())


@pytest.mark.parametrize(
    "name, size",
    [
        ("cnn", 32),
        ("resnet20", 32),
        *(
            pytest.param(name, size, marks=slow)
            for name, size in [
                ("resnet18", 32),
                ("resnet29", 32),
                ("resnet32", 32),
                ("resnet32_skip", 32),
                ("resnet34", 32),
                ("resnet50", 32),
                ("resnet50", 64),
                ("resnet50_v15", 32),
                ("resnet50_v15", 64),
                ("shufflenetv2", 32),
                ("wrn28-10", 32),
            ]
        ),
    ],
)
def test_forward_mode_is_the_transpose_of_reverse_mode(name: str, size: int) -> None:
    """⟨u, J v⟩ = ⟨Jᵀ u, v⟩ around one and the same pass, so that no kink comes in between."""
    model = networks.create(name, (size, size, 3), CLASSES, seed=1)
    others = [v.value for v in model.non_trainable_variables]
    x = images(0, size)
    rng = np.random.default_rng(2)
    u = tf.constant(rng.normal(size=(BATCH, CLASSES)), tf.float32)
    v = [
        tf.constant(rng.normal(size=p.shape) * (0.1 + np.std(p)), tf.float32)
        for p in model.trainable_variables
    ]

    @tf.function(autograph=False)
    def products() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        params = [tf.convert_to_tensor(p.value) for p in model.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(params)
            with tf.autodiff.ForwardAccumulator(params, v) as accumulator:
                logits = model.stateless_call(params, others, x, training=True)[0]
        tangent = accumulator.jvp(logits)
        gradients = tape.gradient(logits, params, u)
        # Long sums of products in single precision would be the largest error.
        terms = [
            tf.reduce_sum(tf.cast(g, tf.float64) * tf.cast(d, tf.float64))
            for g, d in zip(gradients, v, strict=True)
        ]
        return tf.reduce_sum(u * tangent), tf.add_n(terms), tf.norm(u) * tf.norm(tangent)

    forward, reverse, size_of_both = (float(x) for x in products())
    assert size_of_both > 0
    assert forward == pytest.approx(reverse, abs=1e-5 * size_of_both)

"""The look-ahead gradient: finite differences, the two modes against each other, replicas."""

import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.losses import cross_entropy
from ieg.meta import InnerProblem, meta_gradient
from ieg.networks import parts
from tests.decay import decay_loss

MODES = ("forward", "nested")
BATCH, CLASSES = 5, 3


class Problem:
    """A two-layer network in float64 with φ = (example weights, class margins)."""

    def __init__(self, dtype=tf.float64):
        rng = np.random.default_rng(0)

        def draw(*shape):
            return tf.constant(rng.normal(size=shape), dtype)

        self.images, self.probe_images = draw(BATCH, 4), draw(7, 4)
        self.labels = tf.one_hot(rng.integers(0, CLASSES, BATCH), CLASSES, dtype=dtype)
        self.probe_labels = tf.one_hot(rng.integers(0, CLASSES, 7), CLASSES, dtype=dtype)
        self.params = [draw(4, 6), draw(6), draw(6, CLASSES)]
        self.buffers = [draw(4, 6), draw(6), draw(6, CLASSES)]
        self.phi = {"weight": tf.nn.softmax(draw(BATCH)), "margin": draw(CLASSES)}
        self.decay = [0.1, 0.0, 0.3]

    def predict(self, params, images=None):
        x = self.images if images is None else images
        return tf.tanh(x @ params[0] + params[1]) @ params[2]

    def loss(self, logits, phi):
        return tf.reduce_sum(phi["weight"] * cross_entropy(self.labels, logits + phi["margin"]))

    def outer(self, params):
        logits = self.predict(params, self.probe_images)
        return tf.reduce_mean(cross_entropy(self.probe_labels, logits)), "aux"

    def inner(self, **changes):
        settings = {
            "stepsize": 0.5,
            "decay": self.decay,
            "momentum": 0.9,
            "buffers": self.buffers,
        }
        return InnerProblem(self.predict, self.loss, **{**settings, **changes})

    def outer_after_step(self, phi, moving):
        """O(θ'(φ)) written out by hand."""
        with tf.GradientTape() as tape:
            tape.watch(self.params)
            value = self.loss(self.predict(self.params), phi) + decay_loss(self.params, self.decay)
        gradients = tape.gradient(value, self.params)
        ahead = [
            p - 0.5 * (0.9 * m + g) if j in moving else p
            for j, (p, m, g) in enumerate(zip(self.params, self.buffers, gradients, strict=True))
        ]
        return self.outer(ahead)[0] + decay_loss(
            [ahead[j] for j in moving], [self.decay[j] for j in moving]
        )


def central_difference(function, phi, name, h=1e-5):
    slopes = []
    for k in range(phi[name].shape[0]):
        bump = tf.one_hot(k, phi[name].shape[0], on_value=h, off_value=0.0, dtype=tf.float64)
        up = function({**phi, name: phi[name] + bump})
        down = function({**phi, name: phi[name] - bump})
        slopes.append(float(up - down) / (2 * h))
    return slopes


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("moving", ([0, 1, 2], [2], [0, 2]))
def test_equals_finite_differences_through_the_whole_step(mode, moving):
    problem = Problem()
    meta = meta_gradient(
        problem.inner(moving=moving),
        problem.outer,
        problem.params,
        problem.phi,
        mode=mode,
        outer_decay=problem.decay,
    )
    for name in ("weight", "margin"):
        expected = central_difference(
            lambda phi: problem.outer_after_step(phi, moving), problem.phi, name
        )
        np.testing.assert_allclose(meta.gradient[name], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_look_ahead_moves_only_what_it_should(mode):
    problem = Problem()
    meta = meta_gradient(
        problem.inner(moving=[2]), problem.outer, problem.params, problem.phi, mode=mode
    )
    np.testing.assert_array_equal(meta.params[0], problem.params[0])
    assert np.abs(meta.params[2] - problem.params[2]).max() > 1e-3
    np.testing.assert_allclose(meta.outer_loss, problem.outer(meta.params)[0])
    assert meta.aux == "aux"


@pytest.mark.parametrize("mode", MODES)
def test_outputs_that_the_loss_does_not_read_are_allowed(mode):
    problem = Problem()
    inner = InnerProblem(
        lambda params: {"logits": problem.predict(params), "extra": params[1] * 2},
        lambda outputs, phi: problem.loss(outputs["logits"], phi),
        stepsize=0.5,
    )
    meta = meta_gradient(inner, problem.outer, problem.params, problem.phi, mode=mode)
    plain = meta_gradient(
        problem.inner(momentum=0.0, buffers=None, decay=None),
        problem.outer,
        problem.params,
        problem.phi,
        mode=mode,
    )
    np.testing.assert_allclose(meta.gradient["weight"], plain.gradient["weight"], rtol=1e-10)


def test_loss_that_is_zero_gives_the_same_as_computing_it():
    problem = Problem()
    phi = {**problem.phi, "weight": tf.zeros_like(problem.phi["weight"])}
    gradients = [
        meta_gradient(
            problem.inner(loss_is_zero=known), problem.outer, problem.params, phi
        ).gradient["weight"]
        for known in (True, False)
    ]
    np.testing.assert_allclose(*gradients, rtol=1e-12)


@pytest.mark.parametrize("name, level", [("cnn", -1), ("cnn", 0), ("cnn", 1), ("resnet32", -1)])
def test_modes_agree_on_networks_with_batch_norm(name, level):
    shape = (8, 8, 1) if name == "cnn" else (16, 16, 3)
    model = networks.create(name, shape, CLASSES, seed=1)
    rng = np.random.default_rng(0)
    images, probe = (tf.constant(rng.normal(size=(6, *shape)), tf.float32) for _ in range(2))
    labels = tf.one_hot([0, 1, 2, 0, 1, 2], CLASSES)
    others = [v.value for v in model.non_trainable_variables]

    def logits(params, x):
        return model.stateless_call(params, others, x, training=True)[0]

    inner = InnerProblem(
        lambda params: logits(params, images),
        lambda z, weight: tf.reduce_sum(weight * cross_entropy(labels, z)),
        stepsize=0.1,
        decay=parts.weight_decay(model, 1e-3),
        moving=parts.lookahead_variables(model, level),
    )

    @tf.function(autograph=False)
    def gradient(mode):
        return meta_gradient(
            inner,
            lambda params: (tf.reduce_mean(cross_entropy(labels, logits(params, probe))), None),
            [tf.convert_to_tensor(v.value) for v in model.trainable_variables],
            tf.fill([6], 1 / 6),
            mode=mode,
        ).gradient

    forward, nested = gradient("forward"), gradient("nested")
    assert np.abs(forward).max() > 0
    np.testing.assert_allclose(forward, nested, rtol=1e-4, atol=1e-5 * np.abs(nested).max())


def test_errors_say_what_was_expected():
    problem = Problem()
    with pytest.raises(ValueError, match="'forward' or 'nested', not 'backward'"):
        meta_gradient(problem.inner(), problem.outer, problem.params, problem.phi, mode="backward")
    with pytest.raises(ValueError, match="momentum buffers"):
        meta_gradient(problem.inner(buffers=None), problem.outer, problem.params, problem.phi)

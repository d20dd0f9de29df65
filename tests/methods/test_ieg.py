"""IEG's step taken apart; its look-ahead and helpers are held to the reference elsewhere."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.data.pipeline import Batch, Probe
from ieg.losses import cross_entropy, kl_divergence, label_guess, soft_targets
from ieg.methods import ieg
from ieg.networks import parts
from tests import contexts

B, K = 8, 10


@functools.cache
def network():
    return networks.create("cnn", (8, 8, 1), K, seed=1)


def method(**options):
    model = network()
    decay = parts.weight_decay(model, 1e-3)
    context = contexts.context(model, range(B), K, decay=decay, seed=5)
    return ieg.IEG(ieg.Options(**options), context)


def batch(wrong=3):
    rng = np.random.default_rng(0)

    def images():
        return tf.constant(rng.uniform(-1, 1, (B, 8, 8, 1)), tf.float32)

    label = tf.constant(rng.integers(0, K, B), tf.int32)
    right = B - wrong
    true_label = tf.concat([label[:right], (label[right:] + 1) % K], axis=0)
    probe = Probe(images(), tf.range(B) % K)
    return Batch(tf.range(B), images(), label, true_label, probe, images())


def start(one, number=0):
    return contexts.start(one.context.model, number)


@pytest.fixture(scope="module")
def output():
    """The output of a step with all parts."""
    return step(method())


def step(one, data=None, number=0):
    return one.step(data or batch(), start(one, number), one.variant(number))


def views(one, data):
    state = start(one)
    return [
        one.network(state.params, state.network_state, images)
        for images in (data.image, data.strong_image)
    ]


def test_the_supervised_part_by_hand():
    one, data = method(ce_factor=0.0, consistency_factor=0.0, grad_eps_init=0.7), batch()
    output = step(one, data)
    (weak, network_state), (strong, _) = views(one, data)
    given, guess = tf.one_hot(data.label, K), label_guess((weak, strong), 0.5)
    weight, trust = output.per_example["weight"], output.per_example["trust"]
    first = tf.reduce_mean(cross_entropy(soft_targets(given, guess, trust), weak))
    second = tf.reduce_sum(weight * cross_entropy(soft_targets(given, guess, 0.7), weak))
    np.testing.assert_allclose(output.loss, (first + second) / 2, rtol=1e-5)
    np.testing.assert_allclose(output.logits, weak, rtol=1e-5)
    for value, expected in zip(output.network_state, network_state, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5)
    assert not {"mixed_loss", "consistency_loss"} & output.scalars.keys()


def test_consistency_pulls_the_strong_view_to_the_weak_one():
    one, data = method(ce_factor=0.0, consistency_factor=20.0), batch()
    output = step(one, data)
    (weak, _), (strong, _) = views(one, data)
    expected = 20 * tf.reduce_mean(kl_divergence(weak, strong))
    np.testing.assert_allclose(output.scalars["consistency_loss"], expected, rtol=1e-4)
    same = data._replace(strong_image=data.image)
    np.testing.assert_allclose(step(one, same).scalars["consistency_loss"], 0, atol=1e-5)


def test_the_loss_is_the_sum_of_its_parts(output):
    names = {"trust_loss", "weight_loss", "consistency_loss", "mixed_loss"}
    total = sum(float(output.scalars[name]) for name in names)
    assert float(output.loss) == pytest.approx(total, rel=1e-5)
    assert all(np.isfinite(g).all() for g in output.gradients)


def test_the_mixture_by_hand():
    one, data = method(), batch()
    guess = tf.one_hot(tf.range(B) % K, K)
    images, targets = one._mixture(data, start(one, 3), guess)
    assert images.shape == (3 * B, 8, 8, 1)
    everything = np.concatenate([data.probe.image, data.image, data.strong_image])
    labels = np.concatenate([tf.one_hot(data.probe.label, K), guess, guess])
    # Every unlabeled row is c a + (1 - c) b: a is known from its place, b and c are to be found.
    for view, i in itertools.product((1, 2), range(B)):
        row = view * B + i
        image, own = images[3 * i + view].numpy().ravel(), everything[row].ravel()
        fits = []
        for partner in range(3 * B):
            other = everything[partner].ravel()
            apart = own - other
            share = (image - other) @ apart / max(apart @ apart, 1e-12)
            if partner == row:
                share = 1.0
            rest = np.abs(share * own + (1 - share) * other - image).max()
            fits.append((rest, partner, share))
        rest, partner, share = min(fits)
        assert rest < 1e-5
        assert 0.5 - 1e-5 <= share <= 1 + 1e-5
        mixed = share * labels[row] + (1 - share) * labels[partner]
        np.testing.assert_allclose(targets[3 * i + view], mixed, atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(targets, axis=1), np.ones(3 * B), rtol=1e-5)


def test_the_mixture_is_another_one_each_step():
    one, data = method(), batch()
    guess = tf.one_hot(tf.range(B) % K, K)
    first, again, later = (one._mixture(data, start(one, n), guess)[0] for n in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - later).max() > 0.1


def test_trust_is_told_apart_for_clean_and_wrong_labels(output):
    trust = output.per_example["trust"].numpy()
    assert set(trust) <= {0.0, 1.0}
    assert float(output.scalars["trust_clean"]) == pytest.approx(trust[:5].mean())
    assert float(output.scalars["trust_wrong"]) == pytest.approx(trust[5:].mean())
    assert np.isnan(step(method(), batch(wrong=0)).scalars["trust_wrong"])


def test_both_meta_gradients_give_the_same_step(output):
    nested = step(method(meta_gradient="nested"))
    for a, b in zip(output.gradients, nested.gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_a_warm_up_trains_plainly():
    one, data = method(ieg_warmup_epochs=2), batch()
    output = step(one, data, 5)
    np.testing.assert_allclose(output.per_example["weight"], np.full(B, 1 / B), rtol=1e-6)
    np.testing.assert_array_equal(output.per_example["trust"], np.ones(B))
    (weak, state), _ = views(one, data)
    plain = tf.reduce_mean(cross_entropy(tf.one_hot(data.label, K), weak))
    np.testing.assert_allclose(output.loss, plain, rtol=1e-6)
    np.testing.assert_allclose(output.network_state[0], state[0])
    assert "probe_loss" not in output.scalars
    assert "probe_loss" in step(one, data, 6).scalars

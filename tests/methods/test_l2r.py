"""L2R's own stages and numbers; its look-ahead is held to the reference elsewhere."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.data.pipeline import Batch, Probe
from ieg.errors import InputError
from ieg.losses import cross_entropy, label_smoothing
from ieg.methods import REGISTRY
from ieg.methods.l2r import Variant, agreement
from ieg.methods.lookahead import Weighing
from ieg.networks import parts
from tests import contexts

B, K = 8, 10


def method(**options):
    model = networks.create("cnn", (8, 8, 1), K, seed=1)
    decay = parts.weight_decay(model, 1e-3)
    context = contexts.context(model, range(B), K, decay=decay, label_smoothing=0.1)
    l2r = REGISTRY.get("l2r")
    return l2r(l2r.Options(**options), context)


def batch():
    rng = np.random.default_rng(0)
    label = tf.constant(rng.integers(0, K, B), tf.int32)
    image = tf.constant(rng.uniform(-1, 1, (B, 8, 8, 1)), tf.float32)
    true_label = tf.concat([label[:5], (label[5:] + 1) % K], axis=0)
    return Batch(tf.range(B), image, label, true_label, Probe(image, label))


@functools.cache
def weighted_step(weight_mode):
    """The output of a step with a look-ahead."""
    return step(method(l2r_warmup_epochs=0, weight_mode=weight_mode), 0)


def step(l2r, number):
    state = contexts.start(l2r.context.model, number)
    return l2r.step(batch(), state, l2r.variant(number))


def test_equal_weights_during_the_warm_up_are_plain_training():
    output = step(method(l2r_warmup_epochs=2, l2r_agreement_epoch=0), 5)
    np.testing.assert_allclose(output.per_example["weight"], np.full(B, 1 / B), rtol=1e-6)
    targets = label_smoothing(batch().label, K, 0.1)
    np.testing.assert_allclose(
        output.loss, tf.reduce_mean(cross_entropy(targets, output.logits)), rtol=1e-6
    )
    assert output.scalars.keys() == {"weights_zero_ratio", "clean_weight_share", "clean_share"}
    np.testing.assert_allclose(output.scalars["clean_weight_share"], 5 / 8, rtol=1e-6)


def test_the_look_ahead_begins_after_the_warm_up():
    l2r = method(l2r_warmup_epochs=2)
    equal, look_ahead = Variant(Weighing.EQUAL), Variant(Weighing.LOOK_AHEAD)
    assert [l2r.variant(s) for s in (0, 5, 6, 100)] == [equal, equal, look_ahead, look_ahead]
    assert method(l2r_warmup_epochs=0).variant(0) == look_ahead


def test_a_warm_up_as_long_as_the_run_is_told():
    # the run has 4 epochs
    assert "by `l2r_warmup_epochs=4`" in method(l2r_warmup_epochs=4).too_short()
    assert method(l2r_warmup_epochs=3).too_short() is None
    assert "by `l2r_agreement_epoch=4`" in method(l2r_agreement_epoch=4).too_short()
    assert method(l2r_agreement_epoch=3).too_short() is None


def test_weights_sum_to_one_and_scalars_describe_them():
    output = weighted_step("clamp")
    weights = output.per_example["weight"].numpy()
    assert weights.sum() == pytest.approx(1, abs=1e-3)
    assert weights.std() > 0
    assert float(output.scalars["weights_zero_ratio"]) == np.mean(weights == 0)
    assert float(output.scalars["clean_weight_share"]) == pytest.approx(
        weights[:5].sum() / weights.sum()
    )
    assert {"probe_loss", "probe_accuracy"} <= output.scalars.keys()


def test_sigmoid_weights_have_the_order_of_the_clamped_ones_and_less_spread():
    clamped, sigmoid = (
        weighted_step(mode).per_example["weight"].numpy() for mode in ("clamp", "sigmoid")
    )
    assert sigmoid.sum() == pytest.approx(1, abs=1e-5)
    assert 0 < sigmoid.std() < clamped.std() / 2
    order = np.argsort(sigmoid)
    assert np.all(np.diff(clamped[order]) >= 0)


def test_agreement_scales_the_weights_by_shares_of_the_largest_probability_from_its_epoch_on():
    plain, before, agreeing = (
        step(method(l2r_warmup_epochs=0, l2r_agreement_epoch=epoch), 3) for epoch in (None, 2, 1)
    )  # epochs have 3 steps
    weights = plain.per_example["weight"].numpy()
    np.testing.assert_array_equal(before.per_example["weight"], weights)
    p = tf.nn.softmax(plain.logits).numpy()
    expected = weights * p[np.arange(B), batch().label] / p.max(axis=1)
    expected /= expected.sum()
    np.testing.assert_allclose(agreeing.per_example["weight"], expected, rtol=1e-5)
    losses = cross_entropy(label_smoothing(batch().label, K, 0.1), plain.logits)
    np.testing.assert_allclose(agreeing.loss, np.sum(expected * losses), rtol=1e-5)


def test_no_gradient_flows_through_the_agreement():
    logits, labels = tf.random.stateless_normal([B, K], [0, 1]), batch().label
    with tf.GradientTape() as tape:
        tape.watch(logits)
        found = tf.reduce_sum(agreement(logits, labels))
    assert tape.gradient(found, logits) is None


def test_the_step_of_the_look_ahead_may_follow_the_schedule():
    def weights(**options):  # at a learning rate of 0.1
        l2r = method(l2r_warmup_epochs=0, weight_mode="sigmoid", **options)
        return step(l2r, 0).per_example["weight"].numpy()

    followed = weights(meta_schedule="learning_rate", meta_stepsize=0.4)
    np.testing.assert_allclose(followed, weights(meta_stepsize=0.1), rtol=1e-6)
    assert (followed != weights(meta_stepsize=0.4)).any()


def test_a_level_that_the_network_does_not_have_is_refused_at_once():
    with pytest.raises(InputError, match="`meta_partial_level=9`"):
        method(meta_partial_level=9)


@pytest.mark.parametrize(
    "batch_size, classes, expected", [(100, 10, 25), (100, 100, 100), (64, 40, 40), (8, 10, 8)]
)
def test_a_step_sees_a_few_clean_images_and_each_class(batch_size, classes, expected):
    assert REGISTRY.get("l2r").probe_size(batch_size, classes) == expected

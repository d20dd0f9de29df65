"""Supervised training with any loss: the minimized value, class weights, replicas."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from ieg import losses, networks, replicas
from ieg.data.pipeline import Batch
from ieg.errors import InputError
from ieg.methods import REGISTRY
from tests import contexts

K = 10
LABELS = [0, 0, 0, 0, 0, 1, 1, 2]
SUPERVISED = REGISTRY.get("supervised")


@functools.cache
def network():
    return networks.create("cnn", (8, 8, 1), K, seed=1)


def method(loss="ce", *, model=None, **options):
    class Options(SUPERVISED.Options, losses.REGISTRY.get(loss).Options):
        pass

    context = contexts.context(model or network(), LABELS, K)
    return SUPERVISED(Options(loss=loss, **options), context)


def batch(rows=slice(None)):
    images = np.random.default_rng(0).uniform(-1, 1, (len(LABELS), 8, 8, 1))
    label = tf.constant(LABELS[rows], tf.int32)
    image = tf.constant(images[rows], tf.float32)
    return Batch(tf.range(len(label)), image, label, label, None)


def step(supervised, number=0, rows=slice(None)):
    start = contexts.start(supervised.context.model, number)
    return supervised.step(batch(rows), start, supervised.variant(number))


@pytest.mark.parametrize("name", losses.REGISTRY.names())
def test_every_loss_is_minimized_as_the_mean_of_its_values(name):
    supervised = method(name)
    output = step(supervised)
    entry = losses.REGISTRY.get(name)
    course = losses.Course((5, 2, 1) + (0,) * 7, 0.0, 3, 12, 1)
    seen = losses.LossInput(batch().label, output.logits, tf.constant(0), course)
    found = entry.compute(seen, entry.Options())
    np.testing.assert_allclose(output.loss, np.mean(found.values), rtol=1e-5)
    assert output.scalars.keys() == found.monitors.keys()
    for key, value in found.monitors.items():
        np.testing.assert_allclose(output.scalars[key], np.mean(value), rtol=1e-5)
    sizes = [np.abs(g).max() for g in output.gradients]
    assert np.isfinite(sizes).all() and max(sizes) > 0


def test_class_weights_make_a_weighted_mean():
    plain, weighted = step(method()), step(method(train_rule="reweight"))
    values = tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, plain.logits)
    weights = losses.effective_number_weights([5, 2, 1] + [0] * 7)[LABELS]
    np.testing.assert_allclose(plain.loss, np.mean(values), rtol=1e-5)
    np.testing.assert_allclose(weighted.loss, np.average(values, weights=weights), rtol=1e-5)
    focal, with_weights = step(method("focal")), step(method("focal", train_rule="reweight"))
    values = losses.focal(batch().label, focal.logits)
    np.testing.assert_allclose(with_weights.loss, np.mean(weights * values), rtol=1e-5)


def test_deferred_weights_begin_with_their_epoch():
    # Three steps to the epoch, 12 in all: four fifths are over after 3 of 4 epochs.
    assert [method(train_rule="drw").variant(s) for s in (0, 8, 9, 11)] == [
        False,
        False,
        True,
        True,
    ]
    assert [method(train_rule="drw", drw_epoch=1).variant(s) for s in (2, 3)] == [False, True]
    assert method(train_rule="reweight").variant(0)
    assert not method().variant(10**9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drw_epoch": 2}, "`drw_epoch=2`: goes only with `train_rule=drw`"),
        ({"drw_epoch": 4, "train_rule": "drw"}, "`drw_epoch=4`: must be below the 4 epochs"),
    ],
)
def test_an_epoch_that_means_nothing_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        method(**options)


def test_what_depends_on_the_length_of_the_run_is_named():
    assert method().by_length() is None
    assert "`loss=proselflc`" in method("proselflc").by_length()
    assert "`train_rule=drw`" in method(train_rule="drw").by_length()
    assert method(train_rule="drw", drw_epoch=1).by_length() is None


@pytest.mark.parametrize(
    ("name", "options"), [("dm", {}), ("ce", {"train_rule": "reweight"}), ("proselflc", {})]
)
def test_two_replicas_minimize_the_loss_of_the_global_batch(mirrored, name, options):
    with mirrored.scope():
        supervised = method(name, model=networks.create("cnn", (8, 8, 1), K, seed=1), **options)
    start = contexts.start(supervised.context.model)
    halves = [batch(slice(0, 4)), batch(slice(4, 8))]
    # Batch norm sees one half on each replica, so the expected loss is put together from halves.
    logits = tf.concat([supervised.network(start.params, start.network_state, h.image)[0]
                        for h in halves], axis=0)  # fmt: skip

    def value(context):
        return halves[context.replica_id_in_sync_group]

    def run(part):
        output = supervised.step(part, start, supervised.variant(0))
        return replicas.total({"loss": output.loss, **output.scalars})

    parts = mirrored.experimental_distribute_values_from_function(
        lambda context: tuple(value(context)[:4])
    )
    found = mirrored.run(lambda part: run(Batch(*part, None)), args=(parts,))
    found = {k: float(mirrored.experimental_local_results(v)[0]) for k, v in found.items()}
    entry = losses.REGISTRY.get(name)
    course = losses.Course((5, 2, 1) + (0,) * 7, 0.0, 3, 12, 1)
    seen = losses.LossInput(tf.constant(LABELS), logits, tf.constant(0), course)
    whole = entry.compute(seen, entry.Options())
    values = whole.values
    if options:
        weights = losses.effective_number_weights(course.class_counts)
        values = losses.class_weighted(values, tf.constant(LABELS), weights)
    np.testing.assert_allclose(found["loss"], np.mean(values), rtol=1e-4, atol=1e-6)
    for key, monitor in whole.monitors.items():
        np.testing.assert_allclose(found[key], np.mean(monitor), rtol=1e-4)

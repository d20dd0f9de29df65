"""Dynamic Loss: meta-gradient by finite differences, phases, meta sets, switches."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.data.pipeline import Batch, EpochPlan, Probe
from ieg.errors import InputError
from ieg.methods.dynamic import sampling
from ieg.methods.dynamic.phi import Phi
from ieg.methods.dynamic_loss import DynamicLoss, Options, Variant
from tests import contexts

B, K, N = 6, 3, 48
LABELS = np.resize([0, 1, 2, 0], N)  # 24, 12 and 12 of each class: N1 is 6 and K is 3


@functools.cache
def network():
    return networks.create("cnn", (8, 8, 1), K, seed=1)


def method(*, labels=LABELS, true_labels=None, **options):
    settings = {"dynamic_warmup_epochs": 1, "dynamic_ranks": 5, "dynamic_width": 8}
    context = contexts.context(
        network(),
        labels,
        K,
        true_labels=np.asarray(labels if true_labels is None else true_labels),
        batch_size=B,
        steps_per_epoch=len(labels) // B,
    )
    return DynamicLoss(Options(**settings | options), context)


def batch(seed=0):
    rng = np.random.default_rng(seed)

    def images(size):
        return tf.constant(rng.uniform(-1, 1, (size, 8, 8, 1)), tf.float32)

    index = tf.constant([3, 7, 1, 12, 20, 29])
    label = tf.gather(tf.constant(LABELS, tf.int32), index)
    meta = Probe(images(4), tf.constant([0, 1, 2, 0]))
    return Batch(index, images(B), label, label, meta, images(B))


def state(one, variables=None, number=0):
    return contexts.start(one.context.model, number, variables=variables or one.init_state())


def spread(one, variables):
    """Makes ranks and all weights of the two networks differ."""
    rng = np.random.default_rng(5)
    variables["rank"].assign(rng.integers(0, 5, N).astype(np.int32))
    for name, variable in variables.items():
        if variable.dtype == tf.float32 and not name.endswith(("_mean", "_square")):
            variable.assign_add(rng.normal(0, 0.3, variable.shape).astype(np.float32))
    return variables


# What the look-ahead says


@pytest.mark.parametrize("mode", ("forward", "nested"))
@pytest.mark.parametrize("part", ("corrector", "margin"))
def test_meta_gradient_is_the_slope_of_the_meta_loss_after_the_inner_step(mode, part):
    one = method(meta_gradient=mode)
    start = state(one, spread(one, one.init_state()))._replace(learning_rate=tf.constant(2.0))
    # A frozen draw, wrong for all but one example.
    drawn = tf.one_hot(tf.add(batch().label, [1, 2, 1, 2, 1, 0]) % K, K)
    phi = one._phi(start)
    gradient = getattr(one._look_ahead(batch(), start, phi, drawn).gradient, part)
    rng = np.random.default_rng(1)
    way = [tf.constant(rng.normal(size=w.shape), tf.float32) for w in getattr(phi, part)]

    def meta_loss(distance):
        moved = [w + distance * d for w, d in zip(getattr(phi, part), way, strict=True)]
        there = phi._replace(**{part: moved})
        return float(one._look_ahead(batch(), start, there, drawn).outer_loss)

    expected = (meta_loss(2e-3) - meta_loss(-2e-3)) / 4e-3
    slope = sum(float(tf.reduce_sum(g * d)) for g, d in zip(gradient, way, strict=True))
    assert abs(expected) > 1e-3
    assert slope == pytest.approx(expected, rel=2e-2)


def test_a_draw_that_agrees_with_the_label_says_nothing_of_the_corrector():
    one = method()
    start = state(one, spread(one, one.init_state()))
    gradient = one._look_ahead(
        batch(), start, one._phi(start), tf.one_hot(batch().label, K)
    ).gradient
    for values in gradient.corrector:
        np.testing.assert_allclose(values, np.zeros(values.shape), atol=1e-9)
    assert max(np.abs(values).max() for values in gradient.margin) > 1e-5


def test_a_constant_added_to_all_margins_changes_nothing():
    outputs = []
    for constant in (0.0, 3.0):
        one = method()
        variables = spread(one, one.init_state())
        variables["margin_bias2"].assign_add(tf.fill([K], constant))
        outputs.append(one.step(batch(), state(one, variables), Variant("meta")))
    first, second = outputs
    np.testing.assert_allclose(first.loss, second.loss, rtol=1e-5)
    np.testing.assert_allclose(first.scalars["meta_loss"], second.scalars["meta_loss"], rtol=1e-5)
    for a, b in zip(first.gradients, second.gradients, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_moving_statistics_of_a_meta_step_come_from_the_strong_view_alone():
    one = method()
    start = state(one)
    _, alone = one.network(start.params, start.network_state, batch().strong_image)
    output = one.step(batch(), start, Variant("meta"))
    for actual, expected in zip(output.network_state, alone, strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-6)
    for variable, before in zip(
        one.context.model.non_trainable_variables, start.network_state, strict=True
    ):
        np.testing.assert_array_equal(variable.value, before)


def test_moving_statistics_of_a_pretraining_step_come_from_strong_then_weak():
    one = method()
    start = state(one)
    _, expected = one.network(start.params, start.network_state, batch().strong_image)
    plain = one.step(batch(), start, Variant("warmup", pretrain=False))
    for actual, values in zip(plain.network_state, expected, strict=True):
        np.testing.assert_allclose(actual, values, atol=1e-6)
    _, expected = one.network(start.params, expected, batch().image)
    both = one.step(batch(), start, Variant("warmup", pretrain=True))
    for actual, values in zip(both.network_state, expected, strict=True):
        np.testing.assert_allclose(actual, values, atol=1e-6)


# What a step changes


def moved(one, variant):
    """Which networks a step changes, and their counts of updates."""
    variables = one.init_state()
    before = {name: v.numpy().copy() for name, v in variables.items()}
    one.step(batch(), state(one, variables), variant)
    changed = {
        name.split("_")[0] for name, v in variables.items() if (v.numpy() != before[name]).any()
    }
    return changed, [int(variables[f"{part}_updates"]) for part in Phi._fields]


@pytest.mark.parametrize(
    ("variant", "options", "changed", "updates"),
    [
        (Variant("warmup", True), {}, "corrector", [1, 0]),
        (Variant("warmup"), {}, "", [0, 0]),
        (Variant("meta"), {}, "corrector margin", [1, 1]),
        (Variant("meta"), {"dynamic_corrector": False}, "margin", [0, 1]),
        (Variant("meta"), {"dynamic_margin": False}, "corrector", [1, 0]),
        (Variant("meta"), {"dynamic_margin": False, "dynamic_corrector": False}, "", [0, 0]),
        (Variant("finetune"), {}, "", [0, 0]),
    ],
    ids=str,
)
def test_each_phase_changes_what_it_should(variant, options, changed, updates):
    assert moved(method(**options), variant) == (set(changed.split()), updates)


def test_without_both_parts_a_meta_step_is_plain_training_on_the_strong_view():
    one = method(dynamic_corrector=False, dynamic_margin=False)
    bare = one.step(batch(), state(one), Variant("meta"))
    plain = one.step(batch(), state(one), Variant("warmup"))
    for a, b in zip(bare.gradients, plain.gradients, strict=True):
        np.testing.assert_array_equal(a, b)


def test_phases_of_a_run():
    one = method(dynamic_warmup_epochs=2)
    # Nine images in batches of six are two steps of fine-tuning in an epoch of eight.
    phases = [one.variant(step).phase for step in range(24)]
    assert phases == ["warmup"] * 16 + ["meta"] * 6 + ["finetune"] * 2
    assert {one.variant(step).pretrain for step in range(16)} == {True}
    assert not method(dynamic_corrector=False).variant(0).pretrain
    longer = method(dynamic_warmup_epochs=1000)
    assert [longer.variant(step) for step in (1999, 2000)] == [
        Variant("warmup", True),
        Variant("warmup", False),
    ]
    assert method(dynamic_finetune=False).variant(15) == Variant("meta")


# What happens before an epoch


@pytest.mark.parametrize("smallest", (1, 2, 3))
def test_a_tiny_class_still_gives_one_image(smallest, caplog):
    labels = np.array([0] * 40 + [1] * 7 + [2] * smallest)
    sizes = sampling.level_sizes(labels, 0.5, 0.5)
    assert sizes == (smallest, 1, 1)
    one = method(labels=labels)
    warning = f"the smallest class has {smallest} images"
    assert warning in caplog.text
    if smallest > 1:
        caplog.clear()
        method(labels=labels, dynamic_random_ratio=1.0, dynamic_low_loss_ratio=1.0)
        assert warning not in caplog.text
    variables = one.init_state()
    one.on_epoch(1, variables, fixed_logits)
    np.testing.assert_array_equal(labels[variables["meta_set"].numpy()], [0, 1, 2])


def fixed_logits(indices, output="logits"):
    """Class 0 is always preferred, the more the higher the index."""
    assert output == "logits"
    return np.stack([0.1 * indices, 0 * indices, 0 * indices], axis=1).astype(np.float32)


def test_before_an_epoch_ranks_change_and_behind_the_warm_up_the_meta_set():
    true = np.where(np.arange(N) < 20, LABELS, (LABELS + 1) % K)
    one = method(true_labels=true)
    variables = one.init_state()
    assert one.on_epoch(0, variables, fixed_logits) == {}
    rank = variables["rank"].numpy()
    zeros, ones = np.flatnonzero(LABELS == 0), np.flatnonzero(LABELS == 1)
    assert (np.diff(rank[zeros]) <= 0).all() and rank[zeros[0]] == 4 and rank[zeros[-1]] == 0
    assert (np.diff(rank[ones]) >= 0).all() and rank[ones[0]] == 0
    assert not variables["meta_set"].numpy().any()
    logged = one.on_epoch(1, variables, fixed_logits)
    meta = variables["meta_set"].numpy()
    assert logged == {"meta_purity": pytest.approx(np.mean(meta < 20))}
    np.testing.assert_array_equal(np.bincount(LABELS[meta]), [3, 3, 3])
    one.on_epoch(2, variables, fixed_logits)
    assert (variables["meta_set"].numpy() != meta).any()
    one.on_epoch(1, variables, fixed_logits)
    np.testing.assert_array_equal(variables["meta_set"].numpy(), meta)


def test_the_meta_set_may_stay_and_may_be_random():
    one = method(dynamic_meta_epochs=2)
    variables = one.init_state()
    sets = []
    for epoch in (1, 2, 3):
        one.on_epoch(epoch, variables, fixed_logits)
        sets.append(variables["meta_set"].numpy().copy())
    np.testing.assert_array_equal(sets[0], sets[1])
    assert (sets[1] != sets[2]).any()
    anyone = method(dynamic_selection="random")
    variables = anyone.init_state()
    anyone.on_epoch(1, variables, fixed_logits)
    assert (variables["meta_set"].numpy() != sets[0]).any()


def test_an_epoch_trains_on_the_others_and_ends_with_the_whole_meta_set():
    one = method()
    variables = one.init_state()
    assert one.plan(0, variables) == EpochPlan()
    one.on_epoch(1, variables, fixed_logits)
    meta = set(variables["meta_set"].numpy())
    plan = one.plan(1, variables)
    assert plan.train.shape == (8, B) and plan.probe.shape == (8, B)
    train = plan.train[:6].ravel()
    assert len(set(train)) == 36 and not meta & set(train)
    last = plan.train[6:].ravel()
    assert set(last[:9]) == meta and set(last) == meta  # nine images in twelve places
    assert all(set(plan.probe.ravel()[start : start + 9]) == meta for start in range(0, 45, 9))
    np.testing.assert_array_equal(plan.train, one.plan(1, variables).train)
    assert (plan.train != one.plan(2, variables).train).any()


def test_an_empty_class_is_left_out_of_the_meta_set_and_told(caplog):
    labels = np.resize([0, 2], N)
    one = method(labels=labels)
    assert "no image to train on has the label 1" in caplog.text
    variables = one.init_state()
    one.on_epoch(1, variables, fixed_logits)
    assert set(labels[variables["meta_set"].numpy()]) == {0, 2}


def test_a_meta_set_that_fills_the_epoch_is_refused():
    options = Options(dynamic_random_ratio=1.0, dynamic_low_loss_ratio=1.0)
    context = method().context
    context = context._replace(length=context.length._replace(batch_size=16, steps_per_epoch=3))
    with pytest.raises(InputError, match="has 36 of 48 images.*leaves no step.*`batch_size`"):
        DynamicLoss(options, context)


def test_label_smoothing_is_refused():
    with pytest.raises(InputError, match="`label_smoothing`: is not for `method=dynamic_loss`"):
        DynamicLoss(Options(), method().context._replace(label_smoothing=0.1))


def test_the_trust_table_has_a_column_for_every_class_when_they_share_one():
    one = method(dynamic_classwise=False)
    table = one.trust_table(one.init_state())
    assert table.shape == (5, K)
    np.testing.assert_array_equal(table[:, 0], table[:, 2])

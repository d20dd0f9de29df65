"""Meta-learned labels: targets and memories by hand, gradients by finite differences, errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.data.pipeline import Batch, Probe
from ieg.errors import InputError
from ieg.methods.mixup_labels import MixupLabels, Options, Variant
from ieg.training.ledger import Ledger
from ieg.training.state import TrainState
from tests import contexts

B, K, N = 4, 3, 9
GIVEN = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2])
TRUE = np.array([0, 1, 2, 1, 1, 2, 2, 1, 0])  # 3, 6 and 8 have wrong labels
INDEX = [3, 1, 8, 4]


def tiny_network(seed=0, classes=K):
    """Without batch norm, and smooth, for finite differences."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Conv2D(3, 3, activation="tanh"),
            keras.layers.Flatten(),
            keras.layers.Dense(classes),
        ]
    )


def method(model=None, *, true_labels=TRUE, steps_per_epoch=3, decay=0.0, **options):
    model = model or tiny_network()
    context = contexts.context(
        model,
        GIVEN,
        K,
        true_labels=true_labels,
        batch_size=B,
        steps_per_epoch=steps_per_epoch,
        decay=[decay] * len(model.trainable_variables),
    )
    return MixupLabels(Options(**{"meta_stepsize": 2.0} | options), context)


def batch(index=INDEX, seed=0):
    rng = np.random.default_rng(seed)

    def images(size):
        return tf.constant(rng.uniform(-1, 1, (size, 4, 4, 1)), tf.float32)

    index = tf.constant(index)
    labels, true = (tf.gather(tf.constant(y, tf.int32), index) for y in (GIVEN, TRUE))
    return Batch(
        index, images(len(index)), labels, true, Probe(images(6), tf.constant([0, 1, 2] * 2))
    )


def step(one, variables=None, number=0, given=None):
    variables = one.init_state() if variables is None else variables
    state = contexts.start(one.context.model, number, variables=variables)
    return one.step(given or batch(), state, one.variant(number))


# Targets


def test_hard_labels_of_a_step():
    one = method()
    output = step(one)
    trust = output.per_example["trust"].numpy()
    predicted = output.logits.numpy().argmax(axis=1)
    targets = trust[:, np.newaxis] * np.eye(K)[GIVEN[INDEX]]
    targets += (1 - trust[:, np.newaxis]) * np.eye(K)[predicted]
    losses = -np.sum(targets * tf.nn.log_softmax(output.logits).numpy(), axis=1)
    assert float(output.loss) == pytest.approx(losses.sum(), rel=1e-5)  # a sum, not a mean
    assert np.isnan(output.per_example["weight"]).all() and "weight_clean" not in output.scalars
    assert trust.std() > 0.01


# The memory of labels


def test_soft_labels_are_remembered_and_mixed_again_at_each_visit():
    one = method(mixup_target="soft")
    variables = one.init_state()
    np.testing.assert_array_equal(variables["soft_label"], np.eye(K)[GIVEN])
    expected = np.eye(K)[GIVEN].astype(np.float32)
    for number, index in enumerate(([3, 1, 8, 4], [3, 0, 8, 5])):
        output = step(one, variables, number, batch(index, seed=number))
        trust = output.per_example["trust"].numpy()[:, np.newaxis]
        predicted = tf.nn.softmax(output.logits).numpy()
        expected[index] = trust * expected[index] + (1 - trust) * predicted
        np.testing.assert_allclose(variables["soft_label"], expected, rtol=1e-5)
        logs = tf.nn.log_softmax(output.logits).numpy()
        assert float(output.loss) == pytest.approx(-np.sum(expected[index] * logs), rel=1e-5)


def test_of_an_image_that_comes_twice_the_second_label_stays():
    one = method(mixup_target="soft")
    variables = one.init_state()
    output = step(one, variables, given=batch([3, 3, 8, 4]))
    trust = output.per_example["trust"].numpy()[:2, np.newaxis]
    both = trust * np.eye(K)[[0, 0]] + (1 - trust) * tf.nn.softmax(output.logits).numpy()[:2]
    assert np.abs(both[0] - both[1]).max() > 1e-3
    np.testing.assert_allclose(variables["soft_label"][3], both[1], rtol=1e-5)


# Trust and weights from the look-ahead


def probe_loss_after(one, given, weights, params):
    """The probe loss behind an explicit virtual step on the weighted batch."""
    model, rate = one.context.model, one.options.meta_stepsize

    def predict(values, images):
        return model.stateless_call(values, [], images, training=True)[0]

    def losses(values, images, labels):
        logits = predict(values, images)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)

    with tf.GradientTape() as tape:
        tape.watch(params)
        loss = tf.reduce_sum(weights * losses(params, given.image, given.label))
    gradients = tape.gradient(loss, params, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    ahead = [
        p - rate * (g + c * p)
        for p, g, c in zip(params, gradients, one.context.update.decay, strict=True)
    ]
    return float(tf.reduce_mean(losses(ahead, given.probe.image, given.probe.label)))


@pytest.mark.parametrize("mode", ("forward", "nested"))
def test_trust_is_that_of_the_slope_of_the_probe_loss(mode):
    one = method(meta_gradient=mode, decay=0.01)
    params = contexts.start(one.context.model).params
    slopes = []
    for i in range(B):
        there, back = (
            probe_loss_after(one, batch(), tf.one_hot(i, B) * h, params) for h in (1e-2, -1e-2)
        )
        slopes.append((there - back) / 2e-2)
    assert np.abs(slopes).min() > 1e-3
    trust = step(one).per_example["trust"].numpy()
    np.testing.assert_allclose(np.log(1 / trust - 1), slopes, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize(
    "options", [{"mixup_target": "soft"}, {"mixup_variant": "proposal"}], ids=str
)
def test_both_modes_agree_on_everything(options):
    options |= {"mixup_g_scale": "std"}
    model = networks.create("cnn", (4, 4, 1), K, seed=1)  # with batch norm
    first, second = (step(method(model, meta_gradient=m, **options)) for m in ("forward", "nested"))
    for name in ("trust", "weight"):
        np.testing.assert_allclose(
            first.per_example[name], second.per_example[name], rtol=1e-4, atol=1e-6
        )
    for a, b in zip(first.gradients, second.gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{}, {"mixup_target": "soft"}, {"mixup_variant": "proposal", "mixup_stale": "none"}],
    ids=str,
)
def test_the_gradient_is_the_slope_of_the_loss_for_targets_that_stand_still(options):
    one = method(**options)
    variables = one.init_state()
    params = contexts.start(one.context.model).params
    output = step(one, variables)
    weights = output.per_example["weight"].numpy()
    weights = np.ones(B) if np.isnan(weights).any() else weights
    trust = output.per_example["trust"].numpy()[:, np.newaxis]
    predicted = np.eye(K)[output.logits.numpy().argmax(axis=1)]
    targets = trust * np.eye(K)[GIVEN[INDEX]] + (1 - trust) * predicted
    if "soft_label" in variables:
        targets = variables["soft_label"].numpy()[INDEX]
    rng = np.random.default_rng(1)
    way = [rng.normal(size=p.shape).astype(np.float32) for p in params]

    def loss(distance):
        moved = [p + distance * d for p, d in zip(params, way, strict=True)]
        logits, _ = one.context.model.stateless_call(moved, [], batch().image)
        losses = -np.sum(targets * tf.nn.log_softmax(logits).numpy().astype(float), axis=1)
        return np.sum(weights * losses)

    slope = sum(float(tf.reduce_sum(g * d)) for g, d in zip(output.gradients, way, strict=True))
    assert slope == pytest.approx((loss(1e-3) - loss(-1e-3)) / 2e-3, rel=1e-2)


def test_a_standardized_gradient_spreads_the_trust():
    plain, spread = (step(method(mixup_g_scale=s, meta_stepsize=1e-4)) for s in ("none", "std"))
    assert plain.scalars["trust_std"] < 1e-3
    assert spread.scalars["trust_std"] > 0.1
    order = [np.argsort(o.per_example["trust"]) for o in (plain, spread)]
    np.testing.assert_array_equal(*order)


# The proposal


def test_weights_and_trust_take_turns_within_an_epoch():
    both = [Variant(weight=True, trust=False), Variant(weight=False, trust=True)]
    turns = method(mixup_variant="proposal", steps_per_epoch=3)
    assert [turns.variant(s) for s in range(5)] == [*both, both[0], *both]
    assert method().variant(0) == both[1]
    at_once = method(mixup_variant="proposal", mixup_stale="none")
    assert at_once.variant(1) == Variant(weight=True, trust=True)
    assert at_once.init_state() == {}


def test_the_half_that_a_step_does_not_compute_is_what_the_image_had():
    one = method(mixup_variant="proposal")
    variables = one.init_state()
    assert {name: v.shape for name, v in variables.items()} == {"trust": [N], "weight": [N]}
    first = step(one, variables, 0)
    np.testing.assert_array_equal(first.per_example["trust"], np.ones(B))
    weights = first.per_example["weight"].numpy()
    assert weights.sum() == pytest.approx(1, abs=1e-6) and weights.std() > 1e-3
    kept = np.ones(N)
    kept[INDEX] = B * weights
    np.testing.assert_allclose(variables["weight"], kept, rtol=1e-5)

    index = [8, 0, 3, 6]  # 8 and 3 have a weight already
    second = step(one, variables, 1, batch(index, seed=1))
    expected = kept[index] / kept[index].sum()
    np.testing.assert_allclose(second.per_example["weight"], expected, rtol=1e-5)
    np.testing.assert_allclose(variables["weight"], kept, rtol=1e-5)
    trust = second.per_example["trust"].numpy()
    assert trust.std() > 1e-3
    np.testing.assert_allclose(variables["trust"].numpy()[index], trust)
    np.testing.assert_array_equal(variables["trust"].numpy()[[1, 2, 4, 5, 7]], np.ones(5))

    third = step(one, variables, 3, batch([1, 3, 2, 8]))
    np.testing.assert_allclose(third.per_example["trust"], [1, trust[2], 1, trust[0]])


def test_by_position_it_is_what_another_image_had():
    one = method(mixup_variant="proposal", mixup_stale="position")
    variables = one.init_state()
    first = step(one, variables, 0)
    assert variables["trust"].shape == variables["weight"].shape == [B]
    second = step(one, variables, 1, batch([0, 2, 5, 7]))
    np.testing.assert_allclose(second.per_example["weight"], first.per_example["weight"], rtol=1e-5)
    third = step(one, variables, 2)
    np.testing.assert_allclose(third.per_example["trust"], second.per_example["trust"])


# The upper bound


def clean_network(folder):
    """Writes the checkpoint of a network and returns it."""
    model = tiny_network(seed=3)
    state = TrainState(model, {}, Ledger(1, ["loss"]), use_ema=False, accumulate=False)
    state.checkpoint().save(str(folder / "checkpoints" / "step"))
    return model


@pytest.mark.parametrize("target", ("hard", "soft"))
def test_wrong_labels_become_what_the_clean_network_says(tmp_path, target):
    clean = clean_network(tmp_path)
    options = {"mixup_variant": "upper_bound", "mixup_clean_ckpt": str(tmp_path)}
    one = method(mixup_target=target, **options)
    variables = one.init_state()
    before = {name: v.numpy() for name, v in variables.items()}
    output = step(one, variables)
    guess = tf.nn.softmax(clean(batch().image, training=False)).numpy()
    guess = np.eye(K)[guess.argmax(axis=1)] if target == "hard" else guess
    wrong = (GIVEN != TRUE)[INDEX]
    np.testing.assert_array_equal(wrong, [True, False, True, False])
    targets = np.where(wrong[:, np.newaxis], guess, np.eye(K)[GIVEN[INDEX]])
    weights = output.per_example["weight"].numpy()
    assert weights.sum() == pytest.approx(1) and weights.std() > 1e-3
    logs = tf.nn.log_softmax(output.logits).numpy()
    assert float(output.loss) == pytest.approx(-np.sum(weights @ (targets * logs)), rel=1e-5)
    for name, values in (("prediction", output.logits.numpy()), ("target", targets)):
        right = values.argmax(axis=1)[wrong] == TRUE[INDEX][wrong]
        assert float(output.scalars[f"{name}_recovered"]) == pytest.approx(right.mean())
    for name, value in before.items():
        np.testing.assert_array_equal(variables[name], value)
    assert np.isnan(output.per_example["trust"]).all()
    # Weights are those of the given labels, whatever stands in their place.
    other = method(mixup_variant="proposal", mixup_stale="none")
    np.testing.assert_allclose(step(other).per_example["weight"], weights, rtol=1e-5)


def test_scalars_tell_right_from_wrong_labels():
    output = step(method(mixup_variant="proposal", mixup_stale="none"))
    wrong = (GIVEN != TRUE)[INDEX]
    for name in ("trust", "weight"):
        values = output.per_example[name].numpy()
        assert float(output.scalars[f"{name}_wrong"]) == pytest.approx(values[wrong].mean())
        assert float(output.scalars[f"{name}_clean"]) == pytest.approx(values[~wrong].mean())
    assert float(output.scalars["trust_std"]) == pytest.approx(
        output.per_example["trust"].numpy().std(), rel=1e-4
    )


# What is refused

UPPER = {"mixup_variant": "upper_bound"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (UPPER, "needs a network trained on clean labels"),
        (UPPER | {"mixup_clean_ckpt": "/no/such"}, "`mixup_clean_ckpt=/no/such`: no checkpoint"),
        (
            {"mixup_clean_ckpt": "x"},
            "goes only with `mixup_variant=upper_bound`",
        ),
        (UPPER | {"mixup_hard_mode": "index"}, "`mixup_hard_mode=index`"),
        ({"mixup_target": "soft", "mixup_hard_mode": "index"}, "only with `mixup_target=hard`"),
        ({"mixup_stale": "none"}, "`mixup_stale=none`: goes only with `mixup_variant=proposal`"),
        ({"meta_partial_level": 2}, "`meta_partial_level=2`"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(options, words):
    with pytest.raises(InputError, match=words) as error:
        method(**options)
    assert "\n" not in str(error.value)


def test_the_upper_bound_needs_every_true_label(tmp_path):
    clean_network(tmp_path)
    true = np.where(np.arange(N) < 2, -1, TRUE)
    with pytest.raises(InputError, match="those of 2 of 9 images to train on are unknown"):
        method(true_labels=true, mixup_clean_ckpt=str(tmp_path), **UPPER)


def test_a_clean_network_of_other_classes_is_refused(tmp_path):
    clean_network(tmp_path)
    context = contexts.context(tiny_network(classes=K + 1), GIVEN, K + 1)
    with pytest.raises(InputError, match="must be of a network for the same 4 classes"):
        MixupLabels(Options(mixup_clean_ckpt=str(tmp_path), **UPPER), context)

"""DRO-LT's second stage: what moves in which phase, centroids, margins, and the choice of features.

Its loss is held to the reference elsewhere.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.data.pipeline import Batch
from ieg.errors import InputError
from ieg.evaluation import nearest_centroid
from ieg.losses import dro_lt_class_losses, dro_lt_mean
from ieg.methods import dro_lt
from ieg.networks import parts
from tests import contexts

B, K, N = 8, 3, 24
LABELS = np.resize([0, 0, 0, 0, 1, 1, 1, 2], N)  # 12, 9 and 3 of each class
INDEX = np.array([0, 4, 7, 1, 5, 15, 8, 12])
PHASES = {"features": 0, "classifier": 6}  # a step of each: epochs have 3 steps, 4 in all


def images(seed=0, size=B):
    rng = np.random.default_rng(seed)
    return tf.constant(rng.uniform(-1, 1, (size, 8, 8, 1)), tf.float32)


def method(model=None, **options):
    model = model or networks.create("cnn", (8, 8, 1), K, seed=1)
    context = contexts.context(model, LABELS, K, batch_size=B)
    return dro_lt.DROLT(dro_lt.Options(**{"balanced_clf_nepochs": 2, **options}), context)


def batch():
    label = tf.constant(LABELS[INDEX], tf.int32)
    return Batch(tf.constant(INDEX), images(0), label, label, None, images(1))


def variables_of(one):
    """Variables before a step; classes have different margins, centroids are no longer 0."""
    variables = one.init_state()
    rng = np.random.default_rng(2)
    variables["margin"].assign([1.0, 0.5, -0.25])
    variables["centroid"].assign(rng.uniform(0, 1, variables["centroid"].shape))
    return variables


def step(one, phase="features", variables=None, params=None):
    variables = variables_of(one) if variables is None else variables
    state = contexts.start(one.context.model, PHASES[phase], variables=variables, params=params)
    return one.step(batch(), state, one.variant(PHASES[phase]))


@pytest.mark.parametrize("phase", PHASES)
def test_what_is_frozen_in_a_phase_stays(phase):
    one = method(cls_loss="ce,robust_loss")
    output = step(one, phase)
    head = parts.lookahead_variables(one.context.model, 0)
    moved = [j for j, g in enumerate(output.gradients) if g is not None]
    others = [j for j in range(len(output.gradients)) if j not in head]
    assert moved == (others if phase == "features" else head)
    assert all(np.abs(output.gradients[j]).max() > 0 for j in moved)
    before = [v.numpy() for v in one.context.model.non_trainable_variables]
    same = [np.array_equal(a, b) for a, b in zip(before, output.network_state, strict=True)]
    assert not any(same) if phase == "features" else all(same)


def test_the_classifier_sees_features_as_inference_does():
    one = method()
    logits = step(one, "classifier").logits
    np.testing.assert_allclose(logits, one.context.model(images(1), training=False), atol=1e-5)


@pytest.mark.parametrize("view", ["strong", "weak"])
def test_the_loss_is_the_sum_of_its_terms(view):
    one = method(feat_loss="ce_lt,ce_bal,robust_loss_bal", dro_view=view, dro_temperature=0.5)
    variables = variables_of(one)
    margins = variables["margin"].numpy()
    output = step(one, variables=variables)
    model = parts.with_features(one.context.model)
    logits, features = model(images(1 if view == "strong" else 0), training=True)
    labels = LABELS[INDEX]
    ce = -np.log(tf.nn.softmax(logits).numpy()[np.arange(B), labels])
    counts = np.array([12, 9, 3])
    rising, falling = (24 / (3 * counts))[labels], (counts / 12)[labels]
    per_class = dro_lt_class_losses(features, labels, variables["centroid"], margins, 0.5)
    weights = tf.constant(24 / (3 * counts), tf.float32)
    expected = {
        "ce_lt": (falling * ce).sum() / falling.sum(),
        "ce_bal": (rising * ce).sum() / rising.sum(),
        "robust_loss_bal": dro_lt_mean(per_class, tf.constant(labels), weights),
    }
    for name, value in expected.items():
        assert float(output.scalars[name]) == pytest.approx(float(value), rel=1e-4)
    assert float(output.loss) == pytest.approx(sum(map(float, expected.values())), rel=1e-4)


def test_gradients_by_finite_differences():
    # Without batch norm and with a smooth activation, so that float32 is precise enough.
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(5, activation="tanh"),
            keras.layers.Dense(K),
        ]
    )
    one = method(model)
    start = [v.numpy() for v in model.trainable_variables]
    gradients = step(one).gradients
    rng = np.random.default_rng(5)
    for j in (0, 1):
        direction = rng.normal(size=start[j].shape).astype(np.float32)
        losses = []
        for sign in (1, -1):
            shifted = [tf.constant(p) for p in start]
            shifted[j] += sign * 1e-2 * direction
            losses.append(float(step(one, params=shifted).loss))
        slope = (losses[0] - losses[1]) / 2e-2
        assert float(tf.reduce_sum(gradients[j] * direction)) == pytest.approx(slope, rel=1e-2)


@pytest.mark.parametrize("constraint", ["none", "nonneg"])
def test_margins_take_a_step_of_sgd(constraint):
    one = method(margin_constraint=constraint, dro_margin_decay=0.5)
    variables = variables_of(one)
    before = tf.Variable(variables["margin"])
    variables["margin_momentum"].assign([2.0, -1.0, 4.0])
    _, features = parts.with_features(one.context.model)(images(1), training=True)
    labels = tf.constant(LABELS[INDEX])
    with tf.GradientTape() as tape:
        per_class = dro_lt_class_losses(features, labels, variables["centroid"], before, 1.0)
        loss = dro_lt_mean(per_class, labels)
    momentum = 0.9 * np.array([2, -1, 4]) + tape.gradient(loss, before) + 0.5 * before
    expected = before - 0.1 * momentum
    step(one, variables=variables)
    if constraint == "nonneg":
        assert expected[2] < 0
        expected = np.maximum(expected, 0)
    np.testing.assert_allclose(variables["margin"], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(variables["margin_momentum"], momentum, rtol=1e-4)


def test_margins_stand_still_without_a_robust_loss():
    one = method()
    variables = variables_of(one)
    step(one, "classifier", variables)
    np.testing.assert_array_equal(variables["margin"], [1.0, 0.5, -0.25])


def test_the_classifier_has_a_learning_rate_of_its_own():
    one = method(cls_lr=0.3)
    assert [one.learning_rate(s, 0.7) for s in (0, 5, 6, 11)] == [0.7, 0.7, 0.3, 0.3]


def test_a_longer_run_moves_the_phases():
    one = method()
    assert [one.variant(s) for s in (0, 5, 6, 11)] == ["features"] * 2 + ["classifier"] * 2
    assert "are others now" in one.by_length()


class Pass:
    """Passes with made-up features, and what was asked for."""

    def __init__(self, train, evaluation=None):
        self.train, self.evaluation = train, evaluation
        self.asked = []

    def __call__(self, indices, output="logits"):
        assert output == "features"
        return self.train[indices]

    def of_steps(self, first, stop, output="logits", *, strong=False):
        self.asked.append((first, stop, output, strong))
        return INDEX, self.train[INDEX]

    def of_evaluation(self, output="logits"):
        assert output == "features"
        return self.evaluation


def test_centroids_are_means_over_the_steps_of_the_epoch():
    one = method()
    variables = variables_of(one)
    features = np.random.default_rng(0).uniform(size=[N, 128])
    taken = Pass(features)
    logged = one.on_epoch(1, variables, taken)
    assert taken.asked == [(3, 6, "features", True)]
    means = nearest_centroid.class_means(features[INDEX], LABELS[INDEX], K)
    np.testing.assert_allclose(variables["centroid"], means, rtol=1e-6)
    assert logged == {"margin_min": -0.25, "margin_mean": pytest.approx(1.25 / 3), "margin_max": 1}
    one.on_epoch(2, variables, taken)
    assert len(taken.asked) == 1  # the classifier's loss needs none


def test_the_best_features_come_back_for_the_classifier():
    one = method(dro_selection="best")
    variables, model = one.init_state(), one.context.model
    features = np.eye(K)[LABELS] @ np.ones([K, 128])  # all the same: chance
    told_apart = np.pad(np.eye(K)[LABELS], [(0, 0), (0, 125)])
    test_labels = np.array([0, 1, 2, 2])
    right = np.pad(np.eye(K)[test_labels], [(0, 0), (0, 125)])

    def epoch(number, train, weight):
        for variable in model.variables:
            variable.assign(np.full(variable.shape, weight))
        return one.on_epoch(number, variables, Pass(train, (test_labels, right)))

    assert "ncm_accuracy" not in epoch(0, told_apart, 0.0)  # nothing is trained yet
    assert epoch(1, told_apart, 3.0)["ncm_accuracy"] == 1.0
    assert epoch(2, features, 4.0)["ncm_accuracy"] == pytest.approx(1 / 3)
    for variable in model.variables:
        np.testing.assert_array_equal(variable.numpy(), 3.0)
    assert "ncm_accuracy" not in epoch(3, features, 5.0)
    assert model.variables[0].numpy().max() == 5.0


@pytest.mark.parametrize("text", ["ce,", "ce,ce", "robust", "ce_lt;robust_loss"])
@pytest.mark.parametrize("option", ["feat_loss", "cls_loss"])
def test_an_unknown_loss_is_refused(option, text):
    with pytest.raises(InputError, match=f"`{option}={text}`: must be some of ce, ce_bal, ce_lt,"):
        method(**{option: text})


def test_a_loss_that_leaves_the_classifier_as_it_is_is_refused():
    method(feat_loss="robust_loss")
    with pytest.raises(InputError, match="^`cls_loss=robust_loss,robust_loss_lt`: needs one of ce"):
        method(cls_loss="robust_loss,robust_loss_lt")


@pytest.mark.parametrize("epochs", [4, 5])
def test_some_epochs_must_be_left_for_the_features(epochs):
    with pytest.raises(InputError, match=f"={epochs}`: of 4 epochs of 3 steps leave none"):
        method(balanced_clf_nepochs=epochs)

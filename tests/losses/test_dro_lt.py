"""DRO-LT's loss by hand, by finite differences and by what follows from its formula."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.losses import dro_lt_class_losses, dro_lt_mean


def column(*values):
    return tf.constant([[v] for v in values], tf.float32)


def losses(features, labels, centroids, margins, temperature=1.0):
    return dro_lt_class_losses(
        tf.convert_to_tensor(features),
        tf.constant(labels),
        tf.convert_to_tensor(centroids),
        tf.convert_to_tensor(margins),
        temperature,
    )


def random_batch(num_classes=4, size=10, seed=0):
    rng = np.random.default_rng(seed)
    features, centroids = rng.normal(size=[size, 3]), rng.normal(size=[num_classes, 3])
    labels = np.resize(np.arange(num_classes), size)
    return features.astype(np.float32), labels, centroids.astype(np.float32)


def misaligned(features, labels, centroids, margins):
    """What the released code makes of it: margins in batch order, entered class by class."""
    own = labels == np.arange(len(margins))[:, np.newaxis]
    entered = np.zeros(own.shape)
    entered[own] = margins[labels]
    scores = -np.linalg.norm(centroids[:, np.newaxis] - features, axis=-1) - entered
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -(scores * own).sum(axis=1) / own.sum(axis=1)


@pytest.mark.parametrize(("margin", "expected"), [(1.0, 0.3132617), (0.0, 0.1269280)])
def test_two_classes_by_hand(margin, expected):
    # Each centroid sits on its example and the other one is 2 away: log(1 + exp(ε - 2)).
    per_class = losses(column(0, 2), [0, 1], column(0, 2), [margin, margin])
    np.testing.assert_allclose(per_class, [expected, expected], rtol=1e-5)
    mean = float(dro_lt_mean(per_class, tf.constant([0, 1])))
    assert mean == pytest.approx(expected, rel=1e-5)


def test_a_class_that_the_batch_lacks():
    labels = tf.constant([0, 1, 1])
    per_class = losses(column(0, 2, 2.5), labels, column(0, 2, 5), [1.0, 0.5, 2.0])
    np.testing.assert_allclose(per_class, [0.4643688, 0.8541306, 0], rtol=1e-6)
    assert float(dro_lt_mean(per_class, labels)) == pytest.approx(0.6592497)
    weights = tf.constant([1.0, 2.0, 4.0])
    assert float(dro_lt_mean(per_class, labels, weights)) == pytest.approx(0.3103757)


def test_margins_belong_to_the_class_of_each_example_whatever_the_order():
    features, labels, centroids = random_batch()
    margins = np.array([0.5, 1, 1.5, 2], np.float32)
    expected = losses(features, labels, centroids, margins)
    order = np.random.default_rng(1).permutation(len(labels))
    shuffled = losses(features[order], labels[order], centroids, margins)
    np.testing.assert_allclose(shuffled, expected, rtol=1e-5)
    # In the released code the margins of a batch that is not sorted by class land on others.
    released = misaligned(features[order], labels[order], centroids, margins)
    assert np.abs(released - expected).max() > 1e-2


def test_with_equal_margins_the_released_order_is_right():
    features, labels, centroids = random_batch()
    margins = np.ones(4, np.float32)
    first = losses(features, labels, centroids, margins)
    np.testing.assert_allclose(misaligned(features, labels, centroids, margins), first, rtol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_the_gradient_of_a_margin_is_what_other_classes_take(temperature):
    features, labels, centroids = random_batch()
    margins = tf.Variable([0.5, 1, -1.5, 2])
    with tf.GradientTape() as tape:
        per_class = losses(features, labels, centroids, margins, temperature)
        total = tf.reduce_sum(per_class)
    distance = np.linalg.norm(centroids[:, None] - features[None], axis=-1)
    own = labels == np.arange(4)[:, None]
    mass = np.exp(-(distance + margins.numpy()[:, None] * own) / temperature)
    share = (mass * own).sum(axis=1) / mass.sum(axis=1)
    gradient = tape.gradient(total, margins)
    np.testing.assert_allclose(gradient, (1 - share) / temperature, rtol=1e-4)
    assert (gradient.numpy() > 0).all()


def test_gradients_by_finite_differences():
    features, labels, centroids = random_batch()
    weights = tf.constant([1.0, 2.0, 0.5, 0.25])
    values = {"features": tf.Variable(features), "margins": tf.Variable([0.5, 1, 1.5, 2])}
    fixed = tf.Variable(centroids)

    def loss():
        per_class = losses(values["features"], labels, fixed, values["margins"])
        return dro_lt_mean(per_class, tf.constant(labels), weights)

    with tf.GradientTape() as tape:
        total = loss()
    gradients = tape.gradient(total, {**values, "centroids": fixed})
    assert gradients["centroids"] is None
    rng = np.random.default_rng(3)
    for name, variable in values.items():
        start = variable.numpy()
        direction = rng.normal(size=start.shape).astype(np.float32)
        sides = []
        for sign in (1, -1):
            variable.assign(start + sign * 1e-2 * direction)
            sides.append(float(loss()))
        variable.assign(start)
        expected = (sides[0] - sides[1]) / 2e-2
        slope = float(tf.reduce_sum(gradients[name] * direction))
        assert slope == pytest.approx(expected, rel=5e-3)


def test_the_least_is_the_logarithm_of_the_number_of_examples():
    # Three examples on their centroid, the other class far away.
    per_class = losses(column(0, 0, 0, 99), [0, 0, 0, 1], column(0, 99), [0.0, 0.0])
    np.testing.assert_allclose(per_class, [np.log(3), 0], atol=1e-6)


def test_low_temperatures_and_examples_on_their_centroid_stay_finite():
    features = tf.Variable([[0.0, 0.0], [300.0, 0.0], [0.0, 400.0]])
    with tf.GradientTape() as tape:
        per_class = losses(features, [0, 1, 1], tf.constant([[0.0, 0], [0, 0]]), [1.0, 1.0], 0.07)
        total = tf.reduce_sum(per_class)
    assert np.isfinite(per_class).all()
    assert np.isfinite(tape.gradient(total, features)).all()

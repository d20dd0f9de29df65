"""DRO-LT's loss where reference/dro_lt.npz says nothing: absent classes, bounds, extremes."""

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


def test_a_class_that_the_batch_lacks():
    labels = tf.constant([0, 1, 1])
    per_class = losses(column(0, 2, 2.5), labels, column(0, 2, 5), [1.0, 0.5, 2.0])
    np.testing.assert_allclose(per_class, [0.4643688, 0.8541306, 0], rtol=1e-6)
    assert float(dro_lt_mean(per_class, labels)) == pytest.approx(0.6592497)
    weights = tf.constant([1.0, 2.0, 4.0])
    assert float(dro_lt_mean(per_class, labels, weights)) == pytest.approx(0.3103757)


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


def test_centroids_get_no_gradient():
    features, labels, centroids = random_batch()
    fixed = tf.Variable(centroids)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(losses(features, labels, fixed, [0.5, 1.0, 1.5, 2.0]))
    assert tape.gradient(total, fixed) is None


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

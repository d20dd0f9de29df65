"""The cosine classifier: what counts for its logits, and networks that have it."""

import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.networks import parts
from ieg.networks.own_layers.cosine import CosineClassifier

FEATURES = tf.constant([[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]])


def layer_with(kernel):
    layer = CosineClassifier(2)
    layer.build((None, 2))
    start = layer.kernel.numpy()
    layer.kernel.assign(kernel)
    return layer, start


def test_logits_are_thirty_times_the_cosine():
    layer, start = layer_with([[5.0, 0.0], [0.0, 0.1]])
    np.testing.assert_allclose(layer(FEATURES), [[18, 24], [0, 30], [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(start, axis=0), [1, 1], rtol=1e-6)
    layer.kernel.assign([[0.5, 0.0], [0.0, 7.0]])
    np.testing.assert_allclose(layer(2 * FEATURES), [[18, 24], [0, 30], [0, 0]], rtol=1e-6)


def test_images_without_features_have_a_finite_gradient():
    layer, _ = layer_with([[5.0, 0.0], [0.0, 0.1]])
    with tf.GradientTape() as tape:
        tape.watch(FEATURES)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits([0, 1, 0], layer(FEATURES))
    assert np.isfinite(tape.gradient(loss, FEATURES)).all()


@pytest.mark.parametrize("name", ["cnn", "resnet20"])
def test_only_the_classifier_of_a_network_is_another(name):
    plain = networks.create(name, (8, 8, 1), 10, seed=1)
    model = networks.create(name, (8, 8, 1), 10, cosine_classifier=True, dropout_rate=0.1, seed=1)
    head = parts.classifier(model)
    assert isinstance(head, CosineClassifier)
    assert [v.shape for v in head.trainable_variables] == [(model.layers[-1].kernel.shape)]
    features = [v for v in model.trainable_variables if v is not head.kernel]
    for ours, theirs in zip(features, plain.trainable_variables, strict=False):
        np.testing.assert_array_equal(ours, theirs)
    assert len(features) + 2 == len(plain.trainable_variables)
    stages = [layer.name for layer in plain.layers if "stage" in layer.name]
    assert [layer.name for layer in model.layers if "stage" in layer.name] == stages
    level = parts.lookahead_variables(model, 0)
    assert [model.trainable_variables[i] is head.kernel for i in level] == [True]
    images = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 1)).astype("float32")
    logits, seen = parts.with_features(model)([images])
    assert np.abs(logits).max() <= 30 * (1 + 1e-5)
    again = networks.create(name, (8, 8, 1), 10, cosine_classifier=True, dropout_rate=0.1, seed=1)
    np.testing.assert_array_equal(again(images), logits)
    assert seen.shape[-1] == head.kernel.shape[0]

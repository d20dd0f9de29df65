"""Passes over the training images between epochs: with the weights as they are at that moment."""

import numpy as np
import pytest

from ieg import config, experiment
from ieg.augment.weak import scale
from ieg.networks import parts


@pytest.fixture(scope="module", params=["none", "mirrored"])
def built(request, tmp_path_factory):
    typed = {
        "dataset": "digits_uniform_0.4",
        "method": "supervised",
        "batch_size": 24,  # 60 images fill no batch of either strategy evenly
        "distribution_strategy": request.param,
        "checkpoint_path": str(tmp_path_factory.mktemp("runs")),
    }
    return experiment.build(config.resolve(typed))


def test_logits_and_features_of_any_examples_in_their_order(built):
    indices = np.random.default_rng(0).choice(1437, 60)
    predict = built.training_pass()
    images = scale(built.dataset.train.images[indices])
    np.testing.assert_allclose(predict(indices), built.model(images, training=False), atol=1e-5)
    features = predict(indices, "features")
    assert features.shape == (60, 128)
    kernel, bias = parts.classifier(built.model).get_weights()
    np.testing.assert_allclose(features @ kernel + bias, predict(indices), atol=1e-5)


def test_a_later_pass_sees_the_new_weights(built):
    predict, indices = built.training_pass(), np.arange(5)
    before = predict(indices)
    bias = built.state.params[-1]
    bias.assign(bias + 1.0)
    np.testing.assert_allclose(predict(indices), before + 1, atol=1e-5)


def test_images_of_coming_steps_are_those_that_they_train_on(built):
    predict, strategy = built.training_pass(), built.strategy
    indices, logits = predict.of_steps(3, 5)
    batches = [
        batch
        for whole in built.pipeline.batches(strategy, 3, 5)
        for batch in zip(
            strategy.experimental_local_results(whole.index),
            strategy.experimental_local_results(whole.image),
            strict=True,
        )
    ]
    np.testing.assert_array_equal(indices, np.concatenate([index for index, _ in batches]))
    expected = [built.model(image, training=False) for _, image in batches]
    np.testing.assert_allclose(logits, np.concatenate(expected), atol=1e-5)
    _, features = predict.of_steps(3, 5, "features")
    kernel, bias = parts.classifier(built.model).get_weights()
    np.testing.assert_allclose(features @ kernel + bias, logits, atol=1e-5)


def test_the_evaluation_split(built):
    labels, logits = built.training_pass().of_evaluation()
    split = built.dataset.evaluation
    np.testing.assert_array_equal(labels, split.labels)
    expected = built.model(scale(split.images), training=False)
    np.testing.assert_allclose(logits, expected, atol=1e-5)

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
    predict = experiment.TrainingPass(built)
    images = scale(built.dataset.train.images[indices])
    np.testing.assert_allclose(predict(indices), built.model(images, training=False), atol=1e-5)
    features = predict(indices, "features")
    assert features.shape == (60, 128)
    kernel, bias = parts.classifier(built.model).get_weights()
    np.testing.assert_allclose(features @ kernel + bias, predict(indices), atol=1e-5)


def test_a_later_pass_sees_the_new_weights(built):
    predict, indices = experiment.TrainingPass(built), np.arange(5)
    before = predict(indices)
    bias = built.state.params[-1]
    bias.assign(bias + 1.0)
    np.testing.assert_allclose(predict(indices), before + 1, atol=1e-5)

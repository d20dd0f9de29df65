"""A backbone and its head as one trainable network."""

import keras
import numpy as np
import pytest

from ieg import networks
from ieg.exporting import inference
from ieg.features import whole
from ieg.features.standardization import Standardization
from ieg.networks import parts
from tests.features.tiny import SIDE, tiny_backbone

STANDARDIZATION = Standardization(
    np.linspace(0, 1, 8, dtype=np.float32), np.linspace(1, 2, 8, dtype=np.float32)
)


@pytest.mark.parametrize("shape", [(SIDE, SIDE, 3), (20, 24, 1)])
@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_a_joined_network_computes_what_its_parts_do(name: str, shape: tuple[int, ...]) -> None:
    backbone = tiny_backbone()
    head = networks.create(name, (8,), 3, kind="features", cosine_classifier=name == "mlp")
    pixels = np.random.default_rng(0).integers(0, 256, (5, *shape)).astype(np.float32)
    raw = inference.RawInput(shape, "float32", is_image=True, square=SIDE)
    network = inference.behind(backbone.model, STANDARDIZATION, head)
    expected = inference.probability_model(network, raw)(pixels)
    joined = whole.join((5, *shape), backbone.model, STANDARDIZATION, head)
    images = pixels * (2 / 255) - 1
    np.testing.assert_allclose(keras.ops.softmax(joined(images)), expected, atol=1e-5)
    logits, features = parts.with_features(joined)(images)
    np.testing.assert_allclose(parts.classifier(joined)(features), logits, rtol=1e-6)
    own = {id(v) for v in head.variables}
    assert not own & {id(v) for v in joined.variables}
    behind = whole.behind_backbone(joined, backbone.model)
    again = inference.probability_model(inference.behind(backbone.model, None, behind), raw)
    np.testing.assert_allclose(again(pixels), expected, atol=1e-5)


def test_batch_norm_stays_as_it_is_while_other_layers_are_trained() -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    inner = keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization()])
    features = keras.layers.GlobalAveragePooling2D()(inner(inputs))
    backbone = keras.Model(inputs, features)
    backbone.trainable = False
    head = networks.create("linear", (4,), 2, kind="features")
    joined = whole.join((1, SIDE, SIDE, 3), backbone, None, head)
    assert len(joined.trainable_variables) == 2 + 2 + 2  # convolution, batch norm, classifier
    whole.keep_batch_norm(backbone)
    assert [v.name for v in joined.trainable_variables] == ["kernel", "bias"] * 2
    images = np.ones([2, SIDE, SIDE, 3], np.float32)
    np.testing.assert_array_equal(joined(images, training=True), joined(images, training=False))

"""Networks against the recorded sizes and outputs of the published ones."""

import functools
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.networks import parts
from ieg.networks.wrn import wrn28_10

REFERENCE_DIR = Path(os.environ.get("IEG_REFERENCE_DIR") or Path(__file__).parents[1] / "reference")

with np.load(REFERENCE_DIR / "networks.npz") as arrays:
    REFERENCE = dict(arrays)

# Ours where it differs from the file's, which has the names that the publications use.
OUR_NAMES = {
    "resnet18": "resnet20",
    "dro_resnet32": "resnet32_skip",
    "proselflc_shufflenetv2": "shufflenetv2",
    "proselflc_resnet18": "resnet18",
    "proselflc_resnet34": "resnet34",
    "proselflc_resnet50": "resnet50_v15",
}
NAMES = [str(name) for name in (*REFERENCE["names"], *REFERENCE["torch_names"])]
CLASS_COUNTS = REFERENCE["class_counts"].tolist()
KINDS = {"kernel", "gamma", "beta", "bias"}


def create(name: str, num_classes: int) -> keras.Model:
    shape = REFERENCE["images64" if name == "resnet50" else "images32"].shape[1:]
    if name == "wrn_w16":
        return wrn28_10(shape, num_classes, dropout_rate=0.0, width=16)
    return networks.create(OUR_NAMES.get(name, name), shape, num_classes)


@functools.cache
def model_of(name: str) -> keras.Model:
    """With the first class count, to which everything but the counts belongs."""
    return create(name, CLASS_COUNTS[0])


def record(name: str, what: str) -> np.ndarray:
    """The row of a network in one of the tables with a row for each name."""
    prefix = "torch_" if name in REFERENCE["torch_names"] else ""
    (row,) = np.flatnonzero(REFERENCE[f"{prefix}names"] == name)
    return REFERENCE[f"{prefix}{what}"][row]


def recorded(what: str) -> pytest.MarkDecorator:
    """Marks a test that runs for the networks of which the file has `what`."""
    return pytest.mark.parametrize("name", [n for n in NAMES if f"{n}_{what}" in REFERENCE])


def parameters(variables: list[keras.Variable]) -> int:
    return sum(int(np.prod(v.shape)) for v in variables)


def kind(variable: keras.Variable) -> str:
    return variable.path.split("/")[-1]


def uniform(count: int) -> np.ndarray:
    """[count] float64 in [-1, 1): the file's hash of the flat index."""
    seed = int(REFERENCE["fill_seed"])
    h = (2654435761 * np.arange(count, dtype=np.uint64) + 40503 * seed) % 2**32
    h ^= h >> 16
    h = 73244475 * h % 2**32
    h ^= h >> 16
    return 2 * h / 2**32 - 1


@functools.cache
def filling(kind: str, shape: tuple[int, ...]) -> tf.Tensor:
    """What the file's rule puts into a tensor of that kind and shape."""
    u = uniform(int(np.prod(shape))).reshape(shape)
    if kind == "kernel":
        # A depthwise kernel is [h, w, channels, 1], and each output sees one channel.
        fan_in = np.prod(shape[:2] if len(shape) == 4 and shape[3] == 1 else shape[:-1])
        u = u * np.sqrt(6 / fan_in)
    else:
        start, spread = {"gamma": (1, 0.2), "moving_variance": (1, 0.3)}.get(kind, (0, 0.1))
        u = start + spread * u
    return tf.constant(u, tf.float32)


def outputs(model: keras.Model, images: np.ndarray, *, training: bool) -> list[np.ndarray]:
    """Logits, and features when the model gives them, of the network with filled variables."""
    trainable, others = (
        [filling(kind(v), tuple(v.shape)) for v in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    )
    results, _ = model.stateless_call(trainable, others, tf.constant(images), training=training)
    return [x.numpy() for x in tf.nest.flatten(results)]


def logits(name: str, expected: np.ndarray, *, training: bool) -> np.ndarray:
    """Of as many of the file's images as there are expected rows."""
    images = REFERENCE["images64" if name == "resnet50" else "images32"][: len(expected)]
    (result,) = outputs(model_of(name), images, training=training)
    return result


def assert_close_to_the_largest(ours: np.ndarray, expected: np.ndarray) -> None:
    """Random weights without normalisation make numbers of very different sizes."""
    assert np.abs(ours - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", NAMES)
def test_parameter_counts(name: str) -> None:
    model = model_of(name)
    each_class = parts.classifier(model).kernel.shape[0] + 1  # only the classifier depends on K
    for column, num_classes in enumerate(CLASS_COUNTS):
        more = each_class * (num_classes - CLASS_COUNTS[0])
        trainable, others = model.trainable_variables, model.non_trainable_variables
        assert parameters(trainable) + more == record(name, "trainable_parameters")[column]
        assert parameters(others) == record(name, "non_trainable_parameters")[column]


@recorded("trainable_shapes")
def test_trainable_shapes_and_kinds_in_creation_order(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    created: list[keras.Variable] = []
    add_weight = keras.layers.Layer.add_weight

    def recording(self, *args, **kwargs):
        created.append(add_weight(self, *args, **kwargs))
        return created[-1]

    monkeypatch.setattr(keras.layers.Layer, "add_weight", recording)
    model = create(name, CLASS_COUNTS[0])
    ours = [(kind(v), tuple(v.shape)) for v in created if v.trainable]
    assert len(ours) == len(model.trainable_variables)
    shapes = [tuple(row[row > 0].tolist()) for row in REFERENCE[f"{name}_trainable_shapes"]]
    kinds = REFERENCE[f"{name}_trainable_kinds"].tolist()
    assert ours == list(zip(kinds, shapes, strict=True))
    assert set(kinds) <= KINDS


@recorded("logits_train")
def test_logits_with_batch_statistics(name: str) -> None:
    expected = REFERENCE[f"{name}_logits_train"]
    np.testing.assert_allclose(
        logits(name, expected, training=True), expected, rtol=1e-3, atol=1e-3
    )


@recorded("logits_eval")
def test_logits_with_moving_statistics(name: str) -> None:
    expected = REFERENCE[f"{name}_logits_eval"]
    assert_close_to_the_largest(logits(name, expected, training=False), expected)


@recorded("features_eval")
def test_features_with_moving_statistics(name: str) -> None:
    expected = REFERENCE[f"{name}_features_eval"]
    images = REFERENCE["images32"][: len(expected)]
    model = parts.with_features(model_of(name))
    _, features = outputs(model, images, training=False)
    assert_close_to_the_largest(features, expected)

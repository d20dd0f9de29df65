"""Networks against the recorded sizes and outputs of the published ones."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import networks

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
}
NAMES = [
    str(name)
    for name in (*REFERENCE["names"], *REFERENCE["torch_names"])
    if OUR_NAMES.get(str(name), str(name)) in networks.REGISTRY.names()
]
KINDS = {"kernel", "gamma", "beta", "bias"}


def create(name: str, num_classes: int) -> keras.Model:
    shape = REFERENCE["images64" if name == "resnet50" else "images32"].shape[1:]
    return networks.create(OUR_NAMES.get(name, name), shape, num_classes)


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


def filled(variable: keras.Variable) -> tf.Tensor:
    """What the file's rule puts into a tensor of that kind and shape."""
    shape = tuple(variable.shape)
    u = uniform(int(np.prod(shape))).reshape(shape)
    if kind(variable) == "kernel":
        # A depthwise kernel is [h, w, channels, 1], and each output sees one channel.
        fan_in = np.prod(shape[:2] if len(shape) == 4 and shape[3] == 1 else shape[:-1])
        u = u * np.sqrt(6 / fan_in)
    else:
        start, spread = {"gamma": (1, 0.2), "moving_variance": (1, 0.3)}.get(
            kind(variable), (0, 0.1)
        )
        u = start + spread * u
    return tf.constant(u, tf.float32)


def logits(name: str, expected: np.ndarray, *, training: bool) -> np.ndarray:
    """Of the filled network, on as many of the file's images as there are expected rows."""
    images = REFERENCE["images64" if name == "resnet50" else "images32"][: len(expected)]
    model = create(name, int(REFERENCE["class_counts"][0]))
    outputs, _ = model.stateless_call(
        [filled(v) for v in model.trainable_variables],
        [filled(v) for v in model.non_trainable_variables],
        tf.constant(images),
        training=training,
    )
    return outputs.numpy()


def test_the_file_has_networks_of_ours() -> None:
    assert "resnet32" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_parameter_counts_and_output_shapes(name: str) -> None:
    for column, num_classes in enumerate(REFERENCE["class_counts"].tolist()):
        model = create(name, num_classes)
        for kind_of_count, variables in [
            ("trainable_parameters", model.trainable_variables),
            ("non_trainable_parameters", model.non_trainable_variables),
        ]:
            assert parameters(variables) == record(name, kind_of_count)[column]
        shape = [-1 if n is None else n for n in model.output_shape]
        expected = [-1, num_classes]
        if name in REFERENCE["names"]:
            expected = record(name, "output_shapes")[column].tolist()
        assert shape == expected


@recorded("trainable_shapes")
def test_trainable_shapes_and_kinds(name: str) -> None:
    model = create(name, int(REFERENCE["class_counts"][0]))
    ours = sorted((kind(v), tuple(v.shape)) for v in model.trainable_variables)
    shapes = [tuple(row[row > 0].tolist()) for row in REFERENCE[f"{name}_trainable_shapes"]]
    kinds = REFERENCE[f"{name}_trainable_kinds"].tolist()
    assert ours == sorted(zip(kinds, shapes, strict=True))
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
    error = np.abs(logits(name, expected, training=False) - expected).max()
    assert error <= 1e-4 * np.abs(expected).max()

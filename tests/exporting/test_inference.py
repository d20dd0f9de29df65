"""Models for others: the same numbers as evaluation, of Keras' own layers alone."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.augment import area
from ieg.exporting import inference
from ieg.exporting.inference import RawInput
from ieg.features.middle import middle_square

CLASSES = 3
SLOW = ("resnet18", "resnet34", "resnet50", "resnet50_v15", "shufflenetv2", "wrn28-10")
NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
    for name in networks.REGISTRY.names()
    if not name.startswith("test_")
]


#: What examples of other kinds are like.
OTHERS = {"tokens": ((12,), "int32"), "features": ((5,), "float32")}


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def shaken(model: keras.Model) -> keras.Model:
    """With weights and moving statistics that are nowhere where they start."""
    rng = np.random.default_rng(1)
    for variable in model.variables:
        if variable.dtype.startswith("float"):
            moved = variable * (1 + 0.1 * rng.normal(size=variable.shape))
            # Positive where a scale or a variance is meant; kernels keep their mean of 0.
            variable.assign(moved + (0.05 * rng.random(variable.shape)) * (len(variable.shape) < 2))
    return model


def created(name: str, **changes: object) -> tuple[keras.Model, RawInput, np.ndarray]:
    """A network by name, what its export is given, and an example of that."""
    kind = networks.REGISTRY.get(name).takes
    shape, dtype = OTHERS.get(kind, ((16, 16, 3), "uint8"))
    network = networks.create(name, shape, CLASSES, kind=kind, dropout_rate=0.3, **changes)
    examples = (pixels(4, *shape) // (12 if kind == "tokens" else 1)).astype(dtype)
    return shaken(network), RawInput(shape, dtype, is_image=kind == "images"), examples


def expected(network: keras.Model, examples: np.ndarray) -> np.ndarray:
    """Softmax of the network's logits."""
    return tf.nn.softmax(network(seen(examples), training=False)).numpy()


def seen(examples: np.ndarray) -> tf.Tensor:
    """What evaluation makes of examples: pixels in [-1, 1], others as they are."""
    if examples.dtype != np.uint8:
        return tf.constant(examples)
    return tf.cast(examples, tf.float32) * (2 / 255) - 1


def modules_of(model: keras.Model) -> set[str]:
    """Packages that the layers and operations of a model come from."""
    found = set()
    for operation in model.operations:
        found.add(type(operation).__module__.split(".")[0])
        if isinstance(operation, keras.Model):
            found |= modules_of(operation)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_network_becomes_a_file_of_keras_own_layers(name: str, tmp_path: Path) -> None:
    network, raw, examples = created(name)
    model = inference.probability_model(inference.standard_copy(network), raw)
    assert modules_of(model) == {"keras"}
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found = loaded(examples).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(network, examples), atol=1e-5)
    # Probabilities of such weights may be 0 and 1; logits say more.
    before, after = (m.layers[-2](seen(examples), training=False).numpy() for m in (model, loaded))
    assert np.isfinite(after).all() and np.ptp(after, axis=0).max() > 0
    np.testing.assert_allclose(after, network(seen(examples), training=False), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(after, before)


def test_directions_alone_count_for_an_exported_cosine_classifier() -> None:
    network, raw, examples = created("cnn", cosine_classifier=True)
    copy = inference.standard_copy(network)
    assert modules_of(copy) == {"keras"}
    found = inference.probability_model(copy, raw)(examples)
    np.testing.assert_allclose(found, expected(network, examples), atol=1e-5)


def test_a_copy_has_weights_of_its_own() -> None:
    network, _, _ = created("cnn")
    copy = inference.standard_copy(network)
    before = copy.get_weights()
    shaken(network)
    for old, new in zip(before, copy.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_are_replaced_by_their_averages() -> None:
    params = [tf.Variable([1.0, 2.0]), tf.Variable(3.0)]
    inference.take_weights(params, [tf.Variable([4.0, 5.0]), tf.Variable(6.0)])
    assert [p.numpy().tolist() for p in params] == [[4.0, 5.0], 6.0]


@pytest.mark.parametrize("deviation", [None, (0.2, 0.5, 1.0)])
def test_pixels_are_normalized(deviation: tuple[float, ...] | None) -> None:
    inputs = keras.Input((2, 2, 3))
    network = keras.Model(inputs, keras.layers.Flatten()(inputs))
    raw = RawInput((2, 2, 3), "uint8", is_image=True, mean=(0.1, 0.2, 0.3), deviation=deviation)
    image = pixels(1, 2, 2, 3)
    seen = ((image / 255 - [0.1, 0.2, 0.3]) / (deviation or 1)).reshape(1, -1)
    found = inference.probability_model(network, raw)(image)
    np.testing.assert_allclose(found, tf.nn.softmax(seen), atol=1e-6)


def test_examples_that_are_no_images_reach_the_network_as_they_are() -> None:
    inputs = keras.Input((3,))
    raw = RawInput((3,), "float32", is_image=False)
    model = inference.probability_model(keras.Model(inputs, inputs * 1.0), raw)
    found = model(np.log([[1.0, 2.0, 5.0]]).astype(np.float32))
    np.testing.assert_allclose(found, [[0.125, 0.25, 0.625]], atol=1e-6)


def test_a_small_middle_square_by_hand() -> None:
    """Of 1x4 the middle is place 2 of 1, 2, 3, 4; of 4x6 the 4x4 around the middle."""
    model = middle_model(2)
    row = np.arange(4, dtype=np.uint8).reshape(1, 1, 4, 1).repeat(3, axis=3)
    np.testing.assert_allclose(model(row), np.full([1, 2, 2, 3], 1.0))
    # Columns 1 .. 4 of 0 .. 5 at half the size: weights 3, 3, 1 of 7 for places 1, 2, 3.
    wide = np.tile(np.arange(6, dtype=np.uint8)[None, None, :, None], [1, 4, 1, 3])
    columns = model(wide)[0, 0, :, 0]
    np.testing.assert_allclose(columns, [(3 * 1 + 3 * 2 + 3) / 7, (2 + 3 * 3 + 3 * 4) / 7])


def middle_model(side: int, middle: area.Middle = area.MIDDLE) -> keras.Model:
    images = keras.Input((None, None, 3), dtype="uint8")
    return keras.Model(images, middle_square(images, side, middle))


@pytest.mark.parametrize("side", [8, 64])
@pytest.mark.parametrize("middle", [area.MIDDLE, area.WHOLE])
def test_the_middle_is_what_tests_look_at(side: int, middle: area.Middle) -> None:
    model = middle_model(side, middle)
    for height, width in [(8, 8), (9, 7), (1, 1), (30, 50), (101, 64), (300, 451), (74, 73)]:
        images = pixels(2, height, width, 3)
        box = area.middle(tf.constant(height), tf.constant(width), middle.part)
        resized = [area.resized(image, box, side, middle.kernel) for image in images]
        np.testing.assert_allclose(model(images), resized, atol=2e-3)


def test_an_exported_model_gives_nan_for_images_on_another_scale(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, 1), dtype="uint8", name="examples")
    mean = keras.layers.GlobalAveragePooling2D()(keras.ops.cast(inputs, "float32"))
    inference.checked(keras.Model(inputs, mean)).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    images = np.array([0, 1, 128, 255, 255, 255], np.uint8).reshape(2, 1, 3, 1)
    for right in (images, images.astype(np.float64), np.minimum(images, 1), 0 * images):
        np.testing.assert_allclose(model(right)[:, 0], right.mean((1, 2, 3)), rtol=1e-6)
    for wrong in (images / 255, images / 127.5 - 1, images - 124.0):
        assert np.isnan(model(wrong)).all()

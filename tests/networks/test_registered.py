"""Every network that can be named: sizes, stages, starting weights, what it says of itself."""

import functools
import inspect
import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.errors import InputError
from ieg.networks import parts

ANY_SIZE = (
    "cnn",
    "cnn4",
    "resnet18",
    "resnet29",
    "resnet32_skip",
    "resnet34",
    "resnet44",
    "resnet50",
    "resnet50_v15",
    "resnet56",
    "shufflenetv2",
)
SIDES_OF_4 = ("resnet20", "resnet32", "wrn28-10")
TWO_STEMS = ("resnet50", "resnet50_v15")
NAMES = sorted(ANY_SIZE + SIDES_OF_4)
CLASSES = 10

# Standard deviation of a kernel from its fan-in and fan-out.
HE, FAN_OUT, GLOROT = (
    lambda n_in, n_out: math.sqrt(2 / n_in),
    lambda n_in, n_out: math.sqrt(2 / n_out),
    lambda n_in, n_out: math.sqrt(2 / (n_in + n_out)),
)
FAN_IN, PYTORCH = lambda n_in, n_out: 1 / math.sqrt(n_in), lambda n_in, n_out: (3 * n_in) ** -0.5
STARTS = {
    "cnn": (HE, GLOROT),
    "cnn4": (HE, GLOROT),
    "resnet18": (PYTORCH, PYTORCH),
    "resnet20": (HE, HE),
    "resnet29": (GLOROT, GLOROT),
    "resnet32": (HE, HE),
    "resnet32_skip": (HE, HE),
    "resnet34": (PYTORCH, PYTORCH),
    "resnet44": (HE, HE),
    "resnet50": (FAN_IN, GLOROT),
    "resnet50_v15": (FAN_OUT, PYTORCH),
    "resnet56": (HE, HE),
    "shufflenetv2": (PYTORCH, PYTORCH),
    "wrn28-10": (FAN_OUT, lambda n_in, n_out: (3 * n_out) ** -0.5),
}


@functools.cache
def model_of(name: str, side: int = 32) -> keras.Model:
    return networks.create(name, (side, side, 3), CLASSES, seed=1)


def parameters(model: keras.Model) -> int:
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def layers_of(model: keras.Model, kind: type) -> list[keras.layers.Layer]:
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += layers_of(layer, kind)
        elif isinstance(layer, kind):
            found.append(layer)
    return found


def test_these_are_all_networks() -> None:
    # Tests register networks too.
    known = [name for name in networks.REGISTRY.names() if not name.startswith("test_")]
    of_images = [name for name in known if networks.REGISTRY.get(name).takes == "images"]
    assert of_images == NAMES == sorted(STARTS)
    assert set(known) - set(NAMES) == {"linear", "mlp", "transformer"}


@pytest.mark.parametrize("name", NAMES)
def test_takes_images_of_32x32(name: str) -> None:
    model = model_of(name)
    assert model.name == name
    images = tf.random.stateless_uniform([2, 32, 32, 3], (0, 1), -1, 1)
    logits = model(images)
    assert logits.shape == (2, CLASSES)
    assert logits.dtype == tf.float32
    assert np.isfinite(logits).all()
    assert np.ptp(logits, axis=0).max() > 0  # tells images apart


@pytest.mark.parametrize("name", [name for name in ANY_SIZE if name not in TWO_STEMS])
def test_takes_images_of_any_size(name: str) -> None:
    assert networks.create(name, (9, 7, 1), 3).output_shape == (None, 3)


@pytest.mark.parametrize("name", SIDES_OF_4)
def test_takes_images_with_sides_that_4_divides_and_refuses_others(name: str) -> None:
    assert networks.create(name, (8, 12, 1), 3).output_shape == (None, 3)
    for height, width in [(30, 32), (32, 30)]:
        with pytest.raises(
            InputError,
            match=f"^{name} halves the image twice and needs sides that 4 divides, "
            f"not {height}x{width}$",
        ):
            networks.create(name, (height, width, 3), 10)


@pytest.mark.parametrize("name", TWO_STEMS)
def test_large_images_are_quartered_by_the_stem(name: str) -> None:
    large, wide = model_of(name, 64), networks.create(name, (63, 96, 3), CLASSES)
    for model, size, kernel in [(large, (16, 16), 7), (wide, (63, 96), 3)]:
        assert model.get_layer("stage1").output_shape[1:3] == size
        assert model.trainable_variables[0].shape == (kernel, kernel, 3, 64)
        assert model.output_shape == (None, CLASSES)


@pytest.mark.parametrize("name", NAMES)
def test_look_ahead_levels_grow_by_whole_stages(name: str) -> None:
    model = model_of(name)
    stages = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
    assert stages == [f"stage{k}" for k in range(1, len(stages) + 1)]
    assert len(stages) == (
        4 if name.startswith(("cnn4", "resnet18", "resnet34", "resnet50")) else 3
    )
    chosen = [set(parts.lookahead_variables(model, level)) for level in (0, 1, 2, -1)]
    assert all(a < b for a, b in itertools.pairwise(chosen))
    assert chosen[0] == set(range(len(model.trainable_variables))[-2:])
    assert chosen[3] == set(range(len(model.trainable_variables)))
    with pytest.raises(InputError, match=f"^`meta_partial_level=5`: network '{name}' has "):
        parts.lookahead_variables(model, 5)


@pytest.mark.parametrize("name", NAMES)
def test_features_come_beside_the_logits_of_the_same_variables(name: str) -> None:
    model = model_of(name)
    both = parts.with_features(model)
    for ours, theirs in [
        (both.trainable_variables, model.trainable_variables),
        (both.non_trainable_variables, model.non_trainable_variables),
    ]:
        assert [id(v) for v in ours] == [id(v) for v in theirs]
    images = tf.random.stateless_uniform([2, 32, 32, 3], (0, 1), -1, 1)
    logits, features = both(images)
    np.testing.assert_allclose(logits, model(images), rtol=1e-5, atol=1e-5)
    assert features.shape == (2, parts.classifier(model).kernel.shape[0])
    np.testing.assert_array_equal(parts.classifier(model)(features), logits)


@pytest.mark.parametrize("name", NAMES)
def test_batch_norm_has_the_momentum_of_the_paper(name: str) -> None:
    norms = layers_of(model_of(name), keras.layers.BatchNormalization)
    momentum = 0.997 if name == "resnet50" else 0.9
    assert {(layer.momentum, layer.epsilon) for layer in norms} == {(momentum, 1e-5)}


@pytest.mark.parametrize("name", NAMES)
def test_convolutions_have_no_bias(name: str) -> None:
    biases = {layer.use_bias for layer in layers_of(model_of(name), keras.layers.Conv2D)}
    assert biases == {name == "shufflenetv2"}  # there they are all with one


@pytest.mark.parametrize("name", NAMES)
def test_kernels_start_as_the_paper_says(name: str) -> None:
    model = model_of(name)
    for kind, spread in zip((keras.layers.Conv2D, keras.layers.Dense), STARTS[name], strict=True):
        for layer in layers_of(model, kind):
            kernel = layer.kernel.numpy()
            receptive = math.prod(kernel.shape[:-2])
            expected = spread(*(receptive * channels for channels in kernel.shape[-2:]))
            # Of n draws a standard deviation is known to 1/sqrt(2n); five times that.
            assert kernel.std() == pytest.approx(expected, rel=5 / math.sqrt(2 * kernel.size))
            assert abs(kernel.mean()) < 5 * expected / math.sqrt(kernel.size)


def test_depthwise_kernels_start_by_the_one_channel_that_they_see() -> None:
    kernels = [
        layer.kernel.numpy()
        for layer in layers_of(model_of("shufflenetv2"), keras.layers.DepthwiseConv2D)
    ]
    assert len(kernels) == 16 + 3
    for kernel in kernels:
        assert 0.3 < np.abs(kernel).max() <= 1 / 3


@pytest.mark.parametrize("name", NAMES)
def test_layers_start_from_different_numbers(name: str) -> None:
    kernels = [v.numpy() for v in model_of(name).trainable_variables if len(v.shape) > 1]
    first = {tuple(np.sort(np.abs(kernel).ravel())[-3:]) for kernel in kernels}
    assert len(first) == len(kernels)


@pytest.mark.parametrize("name", NAMES)
def test_says_in_one_line_what_it_is(name: str) -> None:
    description = networks.REGISTRY.get(name).description
    assert description.endswith(".")
    assert 30 < len(description) < 100


def test_the_network_that_ieg_calls_resnet18_says_so() -> None:
    description = networks.REGISTRY.get("resnet20").description
    assert description == (
        "The 20-layer network with 0.27 M parameters that the IEG release calls resnet18."
    )


@pytest.mark.parametrize("name", NAMES)
def test_docstring_has_the_number_of_parameters(name: str) -> None:
    docstring = " ".join((inspect.getdoc(networks.REGISTRY.get(name).build) or "").split())
    model = networks.create("cnn", (8, 8, 1), CLASSES) if name == "cnn" else model_of(name)
    assert f"{parameters(model):,}" in docstring
    assert "parameters for 10 classes" in docstring
    if name in TWO_STEMS:
        assert f"{parameters(model_of(name, 64)):,} parameters for 10 classes" in docstring

"""Networks: parts told apart, seeded starts."""

import random
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.errors import InputError
from ieg.networks import parts
from ieg.networks.own_layers.dropout import CountedDropout

SHAPES = {"cnn": (8, 8, 1), "resnet32": (32, 32, 3)}


def create(name: str = "cnn", num_classes: int = 10, **more: Any) -> keras.Model:
    return networks.create(name, SHAPES[name], num_classes, **more)


def images(count: int, shape: tuple[int, ...] = SHAPES["cnn"]) -> tf.Tensor:
    return tf.random.stateless_uniform([count, *shape], (0, 1), -1, 1)


@pytest.fixture(scope="module", params=SHAPES)
def model(request: pytest.FixtureRequest) -> keras.Model:
    return create(request.param, num_classes=7)


def test_a_network_maps_images_to_logits(model: keras.Model) -> None:
    shape = SHAPES[model.name]
    assert model.input_shape == (None, *shape)
    logits = model(images(2, shape))
    assert logits.shape == (2, 7)
    assert logits.dtype == tf.float32
    assert tf.reduce_min(logits) < 0  # no softmax at the end


def test_the_classifier_is_the_last_layer_with_weights(model: keras.Model) -> None:
    layer = parts.classifier(model)
    assert layer is model.layers[-1]
    assert [v.shape[-1] for v in layer.trainable_variables] == [7, 7]


def test_layers_without_weights_after_the_classifier_are_passed_over() -> None:
    body = create(num_classes=3)
    softened = keras.Model(body.inputs, keras.layers.Softmax()(body.outputs[0]))
    assert parts.classifier(softened) is body.layers[-1]


def test_dropout_stands_in_front_of_the_classifier() -> None:
    layers = create(dropout_rate=0.3).layers
    assert isinstance(layers[-2], CountedDropout)
    assert layers[-2].rate == 0.3
    assert not any(isinstance(layer, CountedDropout) for layer in create().layers)


def test_a_model_without_weights_has_no_classifier() -> None:
    empty = keras.Sequential([keras.Input([4]), keras.layers.ReLU()], name="empty")
    with pytest.raises(InputError, match=r"^network 'empty' has no layer with weights$"):
        parts.classifier(empty)


def variables_in(model: keras.Model, level: int) -> list[str]:
    """Top-level layers whose variables take the look-ahead, in order; all of each or none."""
    chosen = parts.lookahead_variables(model, level)
    assert chosen == sorted(set(chosen))
    ids = {id(model.trainable_variables[i]) for i in chosen}
    layers = []
    for layer in model.layers:
        inside = {id(v) in ids for v in layer.trainable_variables}
        assert inside in (set(), {True}, {False})
        layers += [layer.name] if True in inside else []
    return layers


def test_lookahead_levels_take_whole_stages_from_the_end(model: keras.Model) -> None:
    head = model.layers[-1].name
    assert variables_in(model, 0) == [head]
    assert variables_in(model, 1) == ["stage3", head]
    assert variables_in(model, 2) == ["stage2", "stage3", head]
    assert variables_in(model, 3) == ["stage1", "stage2", "stage3", head]


def test_lookahead_of_all_variables(model: keras.Model) -> None:
    every = list(range(len(model.trainable_variables)))
    assert parts.lookahead_variables(model, -1) == every


def test_lookahead_of_all_stages_leaves_the_stem() -> None:
    assert parts.lookahead_variables(create("resnet32"), 3) == list(range(3, 95))
    assert parts.lookahead_variables(create("cnn"), 3) == list(range(11))  # there is no stem


def test_lookahead_over_more_stages_than_there_are_is_refused(model: keras.Model) -> None:
    with pytest.raises(
        InputError,
        match=f"^`meta_partial_level=4`: network '{model.name}' has 3 stages; 0 takes the",
    ):
        parts.lookahead_variables(model, 4)


def test_a_model_without_stages_knows_the_levels_0_and_minus_1() -> None:
    flat = keras.Sequential(
        [keras.Input([4]), keras.layers.Dense(3), keras.layers.Dense(2)], name="flat"
    )
    assert parts.lookahead_variables(flat, 0) == [2, 3]
    assert parts.lookahead_variables(flat, -1) == [0, 1, 2, 3]
    with pytest.raises(InputError, match=r"network 'flat' has 0 stages"):
        parts.lookahead_variables(flat, 1)


def test_weight_decay_covers_every_trainable_variable(model: keras.Model) -> None:
    assert parts.weight_decay(model, 0.1) == [0.1] * len(model.trainable_variables)


def test_the_same_seed_gives_the_same_weights() -> None:
    first, same, other = (create(seed=seed).get_weights() for seed in (3, 3, 4))
    for a, b in zip(first, same, strict=True):
        np.testing.assert_array_equal(a, b)
    kernels = [i for i, w in enumerate(first) if w.ndim > 1]
    assert len(kernels) == 4
    for i in kernels:
        assert not np.isclose(first[i], other[i]).any()


def test_layers_of_one_network_start_from_different_numbers() -> None:
    weights = [w for w in create("resnet32").get_weights() if w.shape == (3, 3, 64, 64)]
    assert len({w.tobytes() for w in weights}) == len(weights) == 9


def test_creating_a_network_leaves_the_random_state_of_python_alone() -> None:
    random.seed(5)
    expected = random.random()
    random.seed(5)
    create(seed=1)
    assert random.random() == expected


def test_an_error_while_building_leaves_the_random_state_of_python_alone() -> None:
    state = random.getstate()
    with pytest.raises(InputError):
        networks.create("resnet32", (30, 32, 3), 10)
    assert random.getstate() == state


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        InputError, match=r"^unknown network 'resnet23' .*there are: .*cnn, .*resnet"
    ):
        networks.create("resnet23", (32, 32, 3), 10)


def test_the_counter_is_saved_with_the_network() -> None:
    model = create(dropout_rate=0.5)
    model(images(2), training=True)
    (counter,) = [v for v in model.non_trainable_variables if v.path.endswith("counter")]
    assert int(counter) == 1
    assert counter.dtype == "int32"


def test_dropout_masks_follow_the_seed_of_the_network() -> None:
    seeds = [
        layer.seed
        for seed in (1, 1, 2)
        for layer in networks.create("cnn", (8, 8, 1), 10, dropout_rate=0.5, seed=seed).layers
        if isinstance(layer, CountedDropout)
    ]
    assert seeds[0] == seeds[1] != seeds[2]

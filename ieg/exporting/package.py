"""Folder `export/`: the model in two formats, its classes, and a model card."""

import json
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from ieg import atomic
from ieg.exporting import inference


def write(folder: Path, model: keras.Model, class_names: Sequence[str], card: str) -> None:
    """Write model.keras, saved_model/, classes.json and README.md; an older export is replaced.

    The new folder takes the place of the old one only when it is complete.

    Args:
      folder: to write; the folder above it exists.
      model: raw examples → probabilities, see `inference.probability_model`.
      class_names: K names, in the order of the probabilities. Bytes that are no UTF-8, possible in
        names of folders, become an escape such as `\\udcff`.
      card: text of README.md.
    Raises:
      InputError: the folder cannot be written.
    """
    names, card = [_utf8(name) for name in class_names], _utf8(card)
    with atomic.replacing_folder(folder) as new:
        inference.checked(model).save(new / "model.keras")
        _saved_model(new / "saved_model", model, names)
        classes = json.dumps(names, ensure_ascii=False, indent=2)
        (new / "classes.json").write_text(f"{classes}\n", encoding="utf-8")
        (new / "README.md").write_text(card, encoding="utf-8")


def _utf8(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _saved_model(path: Path, model: keras.Model, names: list[str]) -> None:
    """Write a SavedModel, whose signature also returns the class names."""
    (example,) = model.inputs

    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "probabilities": model(examples, training=False),
            "class_names": tf.constant(names),
        }

    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [tf.TensorSpec(example.shape, example.dtype, name="examples")]
    archive.add_endpoint("serve", serve, signature)
    archive.write_out(str(path), verbose=False)

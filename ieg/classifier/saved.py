"""A fitted classifier as files, model.keras and classifier.json; nothing is unpickled."""

import json
import os
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

import ieg
from ieg.classifier.examples import Form
from ieg.decoding import WHITE
from ieg.errors import InputError
from ieg.networks.own_layers import batch_norm  # noqa: F401  a network of one's own may have it

MODEL, FACTS = "model.keras", "classifier.json"


@dataclass(frozen=True)
class Fitted:
    """State of a fitted classifier, for N training examples and K classes.

    Attributes:
      model: model from examples (pixels in 0 .. 255, or features) to probabilities.
      classes: [K] labels in the order of the probabilities.
      form: form of an example.
      label_quality: [N] in [0, 1], probability that the given label is right.
      suggested: [N] number of the most probable class.
      noise_rate: estimated share of wrong labels, in [0, 1].
      steps: number of training steps.
      card: model card, Markdown.
      feature_names: [D] names, or None.
      paths: [N] image files, or None.
    """

    model: keras.Model
    classes: np.ndarray
    form: Form
    label_quality: np.ndarray
    suggested: np.ndarray
    noise_rate: float
    steps: int
    card: str
    feature_names: list[str] | None
    paths: list[str] | None


def write(folder: Path, fitted: Fitted, params: Mapping[str, Any]) -> None:
    """Write a fitted classifier into a folder, both files at once.

    Args:
      folder: made if it is missing.
      fitted: state to write.
      params: arguments of the constructor. Those that JSON cannot hold are left out, with a warning
        except for `network`.
    Raises:
      InputError: the folder cannot be written, or labels are of a type that JSON does not have.
    """
    plain = {name: value for name, value in params.items() if _is_json(value)}
    lost = sorted(params.keys() - plain.keys() - {"network"})
    if lost:
        warnings.warn(
            f"{', '.join(lost)} cannot be saved; `load` will set the default", stacklevel=3
        )
    facts = {"ieg": ieg.__version__, "params": plain, **_facts(fitted)}
    try:
        text = json.dumps(facts, indent=1, default=_as_json)
    except TypeError as error:
        raise InputError(f"labels must be numbers or text to be saved: {error}") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new") as new:
            fitted.model.save(Path(new) / MODEL)
            (Path(new) / FACTS).write_text(text, encoding="utf-8")
            for name in (MODEL, FACTS):  # complete by now
                os.replace(Path(new) / name, folder / name)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from None


def read(
    folder: Path, custom_objects: Mapping[str, Any] | None = None
) -> tuple[Fitted, dict[str, Any]]:
    """Read a fitted classifier, and the arguments of its constructor.

    Args:
      folder: folder of both files.
      custom_objects: name → class of layers that Keras does not have.
    Raises:
      InputError: the files are missing or damaged.
    """
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        # Keras' safe mode, which is its default, refuses models that hold code.
        model = keras.models.load_model(folder / MODEL, custom_objects, compile=False)
        return _fitted(model, facts), dict(facts["params"])
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{folder} has no classifier that can be read: {' '.join(str(error).split())[:200]}"
        ) from error


def to_bytes(fitted: Fitted) -> dict[str, Any]:
    """State of a fitted classifier as values that can be pickled."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MODEL
        fitted.model.save(path)
        return {"model": path.read_bytes(), "facts": _facts(fitted)}


def from_bytes(state: Mapping[str, Any]) -> Fitted:
    """Fitted classifier from the values of `to_bytes`."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MODEL
        path.write_bytes(state["model"])
        return _fitted(keras.models.load_model(path, compile=False), state["facts"])


def _facts(fitted: Fitted) -> dict[str, Any]:
    """All but the model, as JSON has it."""
    classes = {"values": fitted.classes.tolist(), "dtype": fitted.classes.dtype.str}
    return {
        "classes": classes,
        "form": fitted.form._asdict(),
        "label_quality": fitted.label_quality.tolist(),
        "suggested": fitted.suggested.tolist(),
        "noise_rate": fitted.noise_rate,
        "steps": fitted.steps,
        "card": fitted.card,
        "feature_names": fitted.feature_names,
        "paths": fitted.paths,
    }


def _fitted(model: keras.Model, facts: Mapping[str, Any]) -> Fitted:
    """State from a model and the values of `_facts`."""
    form = dict(facts["form"])
    form["shape"] = tuple(form["shape"])
    form["background"] = tuple(form.get("background", WHITE))
    classes = facts["classes"]
    return Fitted(
        model=model,
        classes=np.array(classes["values"], np.dtype(classes["dtype"])),
        form=Form(**form),
        label_quality=np.array(facts["label_quality"], np.float64),
        suggested=np.array(facts["suggested"], np.int64),
        noise_rate=facts["noise_rate"],
        steps=facts["steps"],
        card=facts["card"],
        feature_names=facts["feature_names"],
        paths=facts["paths"],
    )


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, default=_as_json)
    except TypeError:
        return False
    return True


def _as_json(value: Any) -> Any:
    """Path or NumPy number as JSON has it; a TypeError for anything else."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"JSON has no {type(value).__name__}")

"""A fitted classifier as files, model.keras and classifier.json; nothing is unpickled."""

import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

import ieg
from ieg.classifier.examples import Form
from ieg.errors import InputError

MODEL, FACTS = "model.keras", "classifier.json"


@dataclass(frozen=True)
class Fitted:
    """What a classifier knows after training; N training examples, K classes.

    Attributes:
      model: examples (pixels in 0 .. 255, or features) → probabilities.
      classes: [K] labels in the order of the probabilities.
      form: what an example is like.
      label_quality: [N] in [0, 1] that the given label is right.
      suggested: [N] number of the class that it should be.
      noise_rate: estimated share of wrong labels.
      steps: of training.
      card: text of a model card.
      feature_names: [D] or None.
      paths: [N] files, or None.
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
    """Writes both files into a folder.

    Args:
      folder: created where it is missing.
      fitted: what to write.
      params: constructor's arguments; what JSON cannot hold is left out, with a warning but for
        `network`.
    Raises:
      InputError: the folder cannot be written, or labels are of a kind that JSON does not have.
    """
    plain = {name: value for name, value in params.items() if _is_json(value)}
    lost = sorted(params.keys() - plain.keys() - {"network"})
    if lost:
        warnings.warn(f"{', '.join(lost)} cannot be saved and will be the default", stacklevel=3)
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
            for name in (MODEL, FACTS):  # which are whole by now
                os.replace(Path(new) / name, folder / name)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from None


def read(
    folder: Path, custom_objects: Mapping[str, Any] | None = None
) -> tuple[Fitted, dict[str, Any]]:
    """What was written, and the constructor's arguments.

    Raises:
      InputError: the files are missing or damaged.
    """
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        # Models that hold code are refused: Keras' safe mode, which is its default.
        model = keras.models.load_model(folder / MODEL, custom_objects, compile=False)
        return _fitted(model, facts), dict(facts["params"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{folder} holds no classifier that can be read: {' '.join(str(error).split())[:200]}"
        ) from error


def to_bytes(fitted: Fitted) -> dict[str, Any]:
    """The same as values that any process can take over."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MODEL
        fitted.model.save(path)
        return {"model": path.read_bytes(), "facts": _facts(fitted)}


def from_bytes(state: Mapping[str, Any]) -> Fitted:
    """What `to_bytes` made of it."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MODEL
        path.write_bytes(state["model"])
        return _fitted(keras.models.load_model(path, compile=False), state["facts"])


def _facts(fitted: Fitted) -> dict[str, Any]:
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
    form = dict(facts["form"])
    form["shape"] = tuple(form["shape"])
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
    """Paths and NumPy's numbers as JSON has them."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is nothing for JSON")

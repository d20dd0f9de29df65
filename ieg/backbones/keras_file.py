"""A headless model that was saved by Keras: `file:PATH`."""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from ieg.backbones import (
    REGISTRY,
    SCALES,
    Backbone,
    BackboneEntry,
    Card,
    Request,
    check_vector,
    frozen,
)
from ieg.errors import InputError

_SIDE = 224


def load(request: Request) -> Backbone:
    """The model of a .keras file, which is read in safe mode: nothing in it is executed.

    It sees pixels in 0 .. 255, unless the request names another scale.

    Raises:
      InputError: there is no such file; it is damaged, has a Lambda layer or a layer that is no
        part of Keras, or turns an image into something else than one vector.
    """
    name, path = f"file:{request.argument}", Path(request.argument).expanduser()
    if request.weights is not None:
        raise InputError(f"{name} brings its weights; `backbone_weights` is for keras:NAME")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _bad(name, f"cannot be read: {error.strerror}") from None
    _check_config(path, name)
    try:
        inner = keras.models.load_model(path, safe_mode=True, compile=False)
    except Exception as error:  # whatever Keras makes of a file that is not as it should be
        said = " ".join(str(error).split())[:160]
        raise _bad(name, f"Keras cannot read it: {said}") from None
    side = _side(inner, name, request.side)
    features = check_vector(inner, name)
    scale = request.scale or "pixels"
    inputs = keras.Input((side, side, 3))
    model = frozen(inputs, inner(SCALES[scale].layer()(inputs)))
    of_file = hashlib.sha256(scale.encode() + content).hexdigest()[:16]
    words = f"(x - {SCALES[scale].mean}) / {SCALES[scale].scale}"
    return Backbone(model, Card(name, side, words, features, "", f"the file {path.name}"), of_file)


def _check_config(path: Path, name: str) -> None:
    """Refuse code and foreign layers before Keras looks at the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, NotImplementedError):
        raise _bad(
            name, "is no .keras file, or is damaged; save a model with model.save('NAME.keras')"
        ) from None
    for part in _parts(config):
        module = part.get("module")
        if part.get("class_name") == "Lambda":
            raise _bad(name, "has a Lambda layer, which is code; nothing in it was executed")
        if isinstance(module, str) and module.split(".")[0] not in ("keras", "builtins"):
            raise _bad(
                name, f"has {module}.{part.get('class_name')}, and only layers of Keras are read"
            )


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """All dictionaries in a configuration."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _side(model: Any, name: str, wished: int) -> int:
    """The side of the images that a model takes.

    Raises:
      InputError: it takes no square color images, or none of the side that is wished for.
    """
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 3:
        raise _bad(name, f"must take images [B, side, side, 3], and takes {shape}")
    fixed = [side for side in shape[1:3] if side is not None]
    side = wished or (fixed[0] if fixed else _SIDE)
    if any(length != side for length in fixed):
        raise _bad(name, f"takes images of {shape[1]}x{shape[2]} pixels, not of {side}x{side}")
    return side


def _bad(name: str, problem: str) -> InputError:
    return InputError(problem, option="backbone", value=name)


REGISTRY.register("file")(
    BackboneEntry(load, "a headless model that was saved by Keras", argument="PATH")
)

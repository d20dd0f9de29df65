"""Start from the weights of another run, and freeze all but the classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ieg import checkpoints
from ieg.errors import InputError
from ieg.networks import parts


def load(model: keras.Model, path: str) -> bool:
    """Load the weights of a checkpoint into a network, averaged ones where it has them.

    Args:
      model: the network of that checkpoint. With another number of classes its classifier keeps
        its initial weights.
      path: a run folder (its latest checkpoint), or a checkpoint without its ending, such as
        RUN/checkpoints/step-500.
    Returns:
      True if the classifier was loaded too.
    Raises:
      InputError: there is no checkpoint, or it is damaged or of another network.
    """
    values = read(model, path, "pretrained_ckpt")
    variables = parts.values_of(model)
    head = {id(v.value) for v in parts.classifier(model).variables}
    whole = all(tuple(v.shape) == x.shape for v, x in zip(variables, values, strict=True))
    for variable, value in zip(variables, values, strict=True):
        if whole or id(variable) not in head:
            variable.assign(value)
    return whole


def read(model: keras.Model, path: str, option: str) -> list[np.ndarray]:
    """Read the weights and moving statistics of a checkpoint, in the order of `parts.values_of`.

    Args:
      model: the network that they must fit, except for the number of classes.
      path: as for `load`.
      option: the option that named the path, for errors.
    Raises:
      InputError: there is no checkpoint, or it is damaged or of another network.
    """
    reader = _open(path, option)
    head = {id(v.value) for v in parts.classifier(model).variables}
    values = []
    for place, variable in enumerate(parts.values_of(model)):
        value = _read(reader, place, path, option)
        if value is None or (value.shape != tuple(variable.shape) and id(variable) not in head):
            raise InputError(
                f"weights of another network than {model.name!r}", option=option, value=path
            )
        values.append(value)
    return values


def freeze_features(model: keras.Model) -> None:
    """Freeze all layers but the classifier, in place; batch norm keeps its moving statistics."""
    head = parts.classifier(model)
    for layer in model.layers:
        layer.trainable = layer is head


def _open(path: str, option: str) -> Any:
    folder = Path(path).expanduser()
    prefix = checkpoints.latest(folder / "checkpoints") or str(folder)
    try:
        return tf.train.load_checkpoint(prefix)
    except checkpoints.damage():
        raise InputError(
            "no checkpoint there; give a run folder, or a checkpoint such as "
            "RUN/checkpoints/step-500",
            option=option,
            value=path,
        ) from None


def _read(reader: Any, place: int, path: str, option: str) -> np.ndarray | None:
    for group in ("average", "network"):
        name = f"{group}/{place}/.ATTRIBUTES/VARIABLE_VALUE"
        if reader.has_tensor(name):
            try:
                return reader.get_tensor(name)
            except checkpoints.damage():
                raise InputError("the checkpoint is damaged", option=option, value=path) from None
    return None

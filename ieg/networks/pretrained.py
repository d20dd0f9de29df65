"""Starting from the weights of another run, and training the classifier alone."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ieg import checkpoints
from ieg.errors import InputError
from ieg.networks import parts


def load(model: keras.Model, path: str) -> bool:
    """Sets a network to the weights of a checkpoint, averaged ones where it holds them.

    Args:
      model: the network; it must be the one of that checkpoint, but may tell other classes apart:
        then the classifier keeps its own start.
      path: a run folder (its latest checkpoint), or a checkpoint without its ending, such as
        RUN/checkpoints/step-500.
    Returns:
      whether the classifier was set too.
    Raises:
      InputError: no checkpoint there, or of another network.
    """
    values = read(model, path, "pretrained_ckpt")
    variables = parts.values_of(model)
    head = {id(v.value) for v in parts.classifier(model).variables}
    whole = all(tuple(v.shape) == x.shape for v, x in zip(variables, values, strict=True))
    for variable, value in zip(variables, values, strict=True):
        if whole or id(variable) not in head:
            variable.assign(value)
    return whole


def read(model: keras.Model, path: str, flag: str) -> list[np.ndarray]:
    """Weights and moving statistics of a checkpoint, at the places of `parts.values_of`.

    Args:
      model: the network that they must fit, but for the size of its classifier.
      path: as for `load`.
      flag: which one named the path, for errors.
    Raises:
      InputError: no checkpoint there, or of another network.
    """
    reader = _open(path, flag)
    head = {id(v.value) for v in parts.classifier(model).variables}
    values = []
    for place, variable in enumerate(parts.values_of(model)):
        value = _read(reader, place, path, flag)
        if value is None or (value.shape != tuple(variable.shape) and id(variable) not in head):
            raise InputError(f"--{flag}={path}: weights of another network than {model.name!r}")
        values.append(value)
    return values


def freeze_features(model: keras.Model) -> None:
    """Leaves the classifier as the only trainable layer; batch norm keeps its moving statistics."""
    head = parts.classifier(model)
    for layer in model.layers:
        layer.trainable = layer is head


def _open(path: str, flag: str) -> Any:
    folder = Path(path).expanduser()
    prefix = checkpoints.latest(folder / "checkpoints") or str(folder)
    try:
        return tf.train.load_checkpoint(prefix)
    except checkpoints.DAMAGED:
        raise InputError(
            f"--{flag}={path}: no checkpoint there; give a run folder, or a checkpoint "
            "such as RUN/checkpoints/step-500"
        ) from None


def _read(reader: Any, place: int, path: str, flag: str) -> np.ndarray | None:
    for group in ("average", "network"):
        name = f"{group}/{place}/.ATTRIBUTES/VARIABLE_VALUE"
        if reader.has_tensor(name):
            try:
                return reader.get_tensor(name)
            except checkpoints.DAMAGED:
                raise InputError(f"--{flag}={path}: the checkpoint is damaged") from None
    return None

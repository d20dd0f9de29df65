"""Networks that a caller in Python brings along: what they must be, and what is found in them."""

from typing import Any

import keras
import numpy as np

from ieg.errors import InputError
from ieg.networks import parts

#: Two networks say the same when their logits differ by less than this, relative to the largest.
_SAME = 1e-4


def logits_of(model: Any, examples: np.ndarray, num_classes: int) -> np.ndarray:
    """What the network says of examples, once it is clear that these are logits of the K classes.

    Args:
      model: what the caller has brought.
      examples: [B, ...] as the network will see them.
      num_classes: K.
    Returns:
      [B, K].
    Raises:
      InputError: it is no Keras model with variables to train, cannot take the examples, or gives
        something else than K logits.
    """
    if not isinstance(model, keras.Model):
        raise InputError(
            f"network must be a name, a keras.Model or a function that returns one, not {model!r}"
        )
    try:
        outputs = model(examples, training=False)
    except Exception as error:  # whatever a network of the user's own may raise
        raise InputError(
            f"network {model.name!r} cannot take examples of shape {examples.shape[1:]}: "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    shape = getattr(outputs, "shape", None)
    if shape is None or tuple(shape) != (len(examples), num_classes):
        found = "several outputs" if shape is None else f"outputs of shape {tuple(shape)}"
        raise InputError(
            f"network {model.name!r} gives {found} for {len(examples)} examples; for the "
            f"{num_classes} classes of y it must be one array ({len(examples)}, {num_classes}): "
            f"end with keras.layers.Dense({num_classes})"
        )
    if not model.trainable_variables:
        raise InputError(f"network {model.name!r} has nothing to train")
    logits = np.asarray(keras.ops.convert_to_numpy(outputs), np.float32)
    if _are_probabilities(logits):
        raise InputError(
            f"network {model.name!r} ends with a softmax: its outputs are in [0, 1] and sum to 1; "
            "logits are needed, so leave out the last activation"
        )
    return logits


def as_graph(model: keras.Model, shape: tuple[int, ...]) -> keras.Model:
    """The model itself, or, where it is no graph of layers, a graph that has it as its one layer.

    Such a model need not have an argument `training`, and nobody knows what it takes.
    """
    if getattr(model, "inputs", None):
        return model
    inputs = keras.Input(shape)
    return keras.Model(inputs, model(inputs), name=model.name)


def _are_probabilities(outputs: np.ndarray) -> bool:
    inside = (outputs >= 0).all() and (outputs <= 1).all()
    return bool(inside and np.allclose(outputs.sum(axis=1), 1, atol=1e-3))


def has_classifier(model: keras.Model, examples: np.ndarray, logits: np.ndarray) -> bool:
    """Whether the last layer with weights turns features [B, D] into the logits, and nothing else.

    Args:
      model: a network whose `logits_of` the examples these are.
      examples: [B, ...].
      logits: [B, K].
    """
    try:
        both = parts.with_features(model)
        _, features = both(examples, training=False)
        again = parts.classifier(model)(features)
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return False  # such as a model that is no graph of layers
    if len(features.shape) != 2 or tuple(again.shape) != logits.shape:
        return False
    same = [v is w for v, w in zip(both.variables, model.variables, strict=False)]
    if not all(same) or len(both.variables) != len(model.variables):
        return False
    difference = np.abs(keras.ops.convert_to_numpy(again) - logits).max()
    return bool(difference <= _SAME * max(1.0, np.abs(logits).max()))

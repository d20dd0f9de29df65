"""A trained network as one model from raw examples to probabilities, in Keras' own layers alone.

Files of such a model load wherever Keras or TensorFlow are installed, without this package.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ieg.features.middle import middle_square, square
from ieg.features.standardization import Standardization
from ieg.networks.own_layers.base import OwnLayer


class RawInput(NamedTuple):
    """Input of a model, and its way to the input of the network.

    Attributes:
      shape: shape of one example as the network sees it, (H, W, C) for images.
      dtype: of the input; "uint8" or "float32" for pixels in 0 .. 255.
      is_image: true if the values are pixels; others reach the network as they are.
      any_size: true for images of any size, whose middle is brought to H = W.
      mean: mean of each color in [0, 1], which is subtracted; None for pixels in [-1, 1].
      deviation: standard deviation of each color that the difference is divided by; None for 1.
      scaling: mean and standard deviation of each feature, for standardization; None for features
        that reach the network as they are.
      square: side that the largest square in the middle of an image is brought to for a backbone;
        None for a network without one.
    """

    shape: tuple[int, ...]
    dtype: str
    is_image: bool
    any_size: bool = False
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    scaling: tuple[list[float], list[float]] | None = None
    square: int | None = None


def probability_model(network: keras.Model, raw: RawInput) -> keras.Model:
    """Model from raw examples [B, ...] to probabilities [B, K]; shares the variables of `network`.

    It takes pixels, not files, which TensorFlow alone cannot decode as `--mode=predict` does unless
    they are plain, see `ieg.decoding.is_plain`.

    Args:
      network: model from its own input to logits.
      raw: input of the model.
    """
    shape = (None, None, raw.shape[-1]) if raw.any_size else raw.shape
    inputs = keras.Input(shape, dtype=raw.dtype, name="examples")
    x = inputs
    if raw.square is not None:  # of pixels, which a backbone takes as they are
        x = square(x, raw.square)
    elif raw.is_image:
        x = middle_square(x, raw.shape[0]) if raw.any_size else x
        x = _scaled(x, raw)
    if raw.scaling is not None:
        # Not by a Normalization layer, whose constants are lost on the way to ONNX.
        mean, deviation = np.array(raw.scaling, np.float32)
        x = (x - mean) / deviation
    probabilities = keras.layers.Softmax(name="probabilities", dtype="float32")(network(x))
    return keras.Model(inputs, probabilities, name="classifier")


def checked(model: keras.Model) -> keras.Model:
    """The same model with probabilities of nan for a batch on another scale than 0 .. 255.

    Keras casts its inputs without a word, so images from 0 to 1 would be black. Another scale has
    values below 0, or fractions and nothing above 1.

    Args:
      model: from images [B, H, W, C] uint8; others come back as they are.
    """
    (images,) = model.inputs
    if images.dtype != "uint8":
        return model
    ops = keras.ops
    pixels = keras.Input(images.shape[1:], dtype="float32", name=images.name)
    parts = ops.any(ops.not_equal(pixels, ops.floor(pixels)))
    to_one = ops.logical_and(parts, ops.max(pixels) <= 1.0)
    wrong = ops.logical_or(to_one, ops.min(pixels) < 0.0)
    p = ops.where(wrong, float("nan"), model(ops.cast(pixels, "uint8")))
    return keras.Model(pixels, p, name=model.name)


def _scaled(pixels: Any, raw: RawInput) -> Any:
    """Pixels in 0 .. 255 as networks that train on them see them."""
    if raw.mean is None:
        return keras.layers.Rescaling(2 / 255, -1.0, dtype="float32")(pixels)
    deviation = raw.deviation or (1.0,) * len(raw.mean)
    scale = [1 / (255 * d) for d in deviation]
    offset = [-m / d for m, d in zip(raw.mean, deviation, strict=True)]
    return keras.layers.Rescaling(scale, offset, dtype="float32")(pixels)


def behind(
    backbone: keras.Model, standardization: Standardization | None, network: keras.Model
) -> keras.Model:
    """A network from pixels to logits: the backbone, standardization, and the head.

    Args:
      backbone: pixels [B, S, S, 3] in 0 .. 255 → features [B, D].
      standardization: of the features; None for features as they are.
      network: standardized features → logits.
    """
    pixels = keras.Input(backbone.input_shape[1:], name="pixels")
    features = backbone(pixels)
    if standardization is not None:
        features = standardization.layer()(features)
    return keras.Model(pixels, network(features), name=network.name)


def standard_copy(network: keras.Model) -> keras.Model:
    """Copy of a network in Keras' own layers alone, in float32, with weights of its own.

    Args:
      network: one of `ieg.networks`, whose own layers know their standard counterparts.
    """
    pairs: list[tuple[Any, Any]] = []

    def copy(layer: Any) -> Any:
        if isinstance(layer, OwnLayer):
            new = layer.standard()
        else:
            config = layer.get_config()
            if "dtype" in config:  # which may be that of mixed precision
                config["dtype"] = "float32"
            new = layer.__class__.from_config(config)
        pairs.append((layer, new))
        return new

    model = keras.models.clone_model(network, clone_function=copy, recursive=True)
    for old, new in pairs:
        if isinstance(old, OwnLayer):
            new.set_weights(old.standard_weights())
        elif isinstance(old, keras.Layer) and not isinstance(old, keras.Model):
            new.set_weights(old.get_weights())
    return model


def take_weights(params: list[tf.Variable], weights: list[tf.Variable]) -> None:
    """Set the network's variables to other values, such as their moving averages.

    Args:
      params: trainable variables of the network.
      weights: variables to take the values from, in the same order.
    """
    for param, weight in zip(params, weights, strict=True):
        param.assign(tf.convert_to_tensor(weight))

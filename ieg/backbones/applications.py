"""Any network of keras.applications: `keras:NAME`, with ImageNet weights or those of a file."""

from __future__ import annotations

import difflib
import inspect
import math
import warnings
from collections.abc import Callable
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
    Scale,
    check_vector,
    digest,
    frozen,
)
from ieg.errors import InputError

_SIDE = 224
#: Sides that networks were trained with, where they are not 224.
SIDES = {
    "EfficientNetB1": 240,
    "EfficientNetB2": 260,
    "EfficientNetB3": 300,
    "EfficientNetB4": 380,
    "EfficientNetB5": 456,
    "EfficientNetB6": 528,
    "EfficientNetB7": 600,
    "EfficientNetV2B1": 240,
    "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300,
    "EfficientNetV2S": 384,
    "EfficientNetV2M": 480,
    "EfficientNetV2L": 480,
    "InceptionResNetV2": 299,
    "InceptionV3": 299,
    "NASNetLarge": 331,
    "Xception": 299,
}
#: BGR, less the mean color of ImageNet.
_CAFFE = Scale((103.939, 116.779, 123.68), 1.0)
#: Module of keras.applications → its name for the scale; others compute it in the network.
_MODES = {
    "densenet": "torch",
    "inception_resnet_v2": "tf",
    "inception_v3": "tf",
    "mobilenet": "tf",
    "mobilenet_v2": "tf",
    "nasnet": "tf",
    "resnet": "caffe",
    "resnet_v2": "tf",
    "vgg16": "caffe",
    "vgg19": "caffe",
    "xception": "tf",
}
_WORDS = {
    "caffe": "BGR, x - (103.939, 116.779, 123.68)",
    "tf": "x / 127.5 - 1",
    "torch": "(x / 255 - mean) / deviation of ImageNet",
    "": "x in 0 .. 255; the network scales it",
}


def names() -> list[str]:
    """Networks that keras.applications has."""
    return sorted(
        name
        for name, value in vars(keras.applications).items()
        if inspect.isfunction(value) and "weights" in inspect.signature(value).parameters
    )


def load(request: Request) -> Backbone:
    """The network without its classifier, followed by global average pooling.

    Raises:
      InputError: there is no such network; its weights cannot be downloaded, or the file has
        others; it cannot take images of that side.
    """
    name = request.argument
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        raise InputError(
            f"keras.applications has no such network; {hint}",
            option="backbone",
            value=f"keras:{name}",
        )
    make = getattr(keras.applications, name)
    side = request.side or SIDES.get(name, _SIDE)
    inner = _weighted(make, name, side, request.weights)
    mode = _MODES.get(make.__module__.rsplit(".", 1)[-1], "")
    inputs = keras.Input((side, side, 3))
    features = inner(_scaled(inputs, mode))
    model = frozen(inputs, features)
    card = Card(
        name=f"keras:{name}",
        side=side,
        scale=_WORDS[mode],
        features=check_vector(model, f"keras:{name}"),
        license="see keras.io/api/applications" if request.weights is None else "",
        source="ImageNet weights of keras.applications"
        if request.weights is None
        else f"the file {Path(request.weights).name}",
    )
    return Backbone(model, card, digest(f"keras:{name}", model))


def _weighted(make: Callable[..., Any], name: str, side: int, weights: str | None) -> keras.Model:
    shape = (side, side, 3)
    if weights is None:
        try:
            return make(include_top=False, weights="imagenet", input_shape=shape, pooling="avg")
        except ValueError as error:
            raise _unfit(name, side, error) from None
        except Exception as error:  # Keras raises a plain Exception when a download fails
            raise InputError(
                f"the weights of keras:{name} cannot be downloaded ({_line(error)}): name a file "
                "of weights with `backbone_weights`, put the one that Keras wants into "
                "~/.keras/models, or take `backbone=efficientnet_lite0`"
            ) from None
    try:
        model = make(include_top=False, weights=None, input_shape=shape, pooling="avg")
    except ValueError as error:
        raise _unfit(name, side, error) from None
    path = Path(weights).expanduser()
    if not path.is_file():
        raise InputError("there is no such file", option="backbone_weights", value=weights)
    try:
        _fill(model, path)
    except Exception as error:  # whatever h5py or Keras make of another file
        raise InputError(
            f"no weights of keras:{name} without its classifier; it must be a .weights.h5, .h5 or "
            f".keras file of that network ({_line(error)})",
            option="backbone_weights",
            value=weights,
        ) from None
    return model


def _fill(model: keras.Model, path: Path) -> None:
    """Loads all weights or raises: Keras itself only warns of those that the file lacks."""
    for weight in model.weights:
        weight.assign(keras.ops.full(weight.shape, math.nan, weight.dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.load_weights(path)
    missing = [w.path for w in model.weights if bool(keras.ops.any(keras.ops.isnan(w)))]
    if missing:
        raise ValueError(f"it lacks {len(missing)} of {len(model.weights)} weights: {missing[0]}")


def _scaled(pixels: keras.KerasTensor, mode: str) -> keras.KerasTensor:
    """Pixels in 0 .. 255 as networks of that mode want them."""
    if mode == "caffe":
        return _CAFFE.layer()(keras.ops.flip(pixels, axis=-1))
    if mode:
        return SCALES["symmetric" if mode == "tf" else "imagenet"].layer()(pixels)
    return pixels


def _unfit(name: str, side: int, error: ValueError) -> InputError:
    return InputError(f"keras:{name} cannot take images of {side} pixels: {_line(error)}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


REGISTRY.register("keras")(BackboneEntry(load, "a network of keras.applications", argument="NAME"))

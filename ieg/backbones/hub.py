"""Image networks of keras-hub, such as DINOv2: `hub:PRESET`, where keras-hub is installed."""

import importlib
import importlib.util
import math
from typing import Any

import keras

from ieg.backbones import (
    REGISTRY,
    Backbone,
    BackboneEntry,
    Card,
    Request,
    check_vector,
    digest,
    frozen,
)
from ieg.errors import InputError


def load(request: Request) -> Backbone:
    """The backbone of a preset, a name or a folder, with the scale that its image converter has.

    Feature maps are averaged over their places. Of a sequence of tokens the first one counts, which
    stands for the whole image, unless there are patches alone: those are averaged.

    Raises:
      InputError: keras-hub is not installed, knows no such preset, or cannot download it; the
        preset is no network of images.
    """
    preset = request.argument
    name = f"hub:{preset}"
    if request.weights is not None:
        raise _bad(name, "a preset brings its weights; `backbone_weights` is for keras:NAME")
    if importlib.util.find_spec("keras_hub") is None:
        raise _bad(name, "needs keras-hub: pip install keras-hub")
    hub: Any = importlib.import_module("keras_hub")
    try:
        converter = hub.layers.ImageConverter.from_preset(preset)
        side = request.side or _side(converter)
        shape = {"image_shape": (side, side, 3)} if request.side else {}
        inner = hub.models.Backbone.from_preset(preset, **shape)
        inputs = keras.Input((side, side, 3))
        scale, offset = _or(converter.scale, 1.0), _or(converter.offset, 0.0)
        scaled = keras.layers.Rescaling(scale, offset)(inputs)
        named = isinstance(inner.input, dict)
        outputs = inner({"images": scaled} if named else scaled)
    except Exception as error:  # whatever keras-hub makes of a name, a folder or a failed download
        said = " ".join(str(error).split())[:160]
        raise _bad(
            name,
            f"cannot be had ({said}); name a preset of images that keras-hub can download, a "
            "folder that it was saved to, or take `backbone=efficientnet_lite0`, whose weights "
            "come with pip",
        ) from None
    model = frozen(inputs, _pooled(outputs))
    card = Card(
        name=name,
        side=side,
        scale=f"x * {scale} + {offset}",
        features=check_vector(model, name),
        license="see the preset's card",
        source=f"the preset {preset} of keras-hub",
    )
    return Backbone(model, card, digest(f"hub:{type(inner).__name__}:{card.scale}", model))


def _side(converter: Any) -> int:
    size = converter.image_size
    return int(size[0]) if size else 224


def _or(value: Any, default: float) -> Any:
    return default if value is None else value


def _pooled(outputs: Any) -> Any:
    """[B, H, W, C], [B, T, C] or [B, C] → [B, C]."""
    rank = len(getattr(outputs, "shape", ()))
    if rank == 4:
        return keras.layers.GlobalAveragePooling2D()(outputs)
    if rank == 3 and math.isqrt(outputs.shape[1]) ** 2 == outputs.shape[1]:
        return keras.layers.GlobalAveragePooling1D()(outputs)
    return outputs[:, 0] if rank == 3 else outputs


def _bad(name: str, problem: str) -> InputError:
    return InputError(problem, option="backbone", value=name)


REGISTRY.register("hub")(
    BackboneEntry(load, "a preset of keras-hub, where that is installed", argument="PRESET")
)

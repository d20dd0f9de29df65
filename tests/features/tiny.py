"""A tiny backbone, and images in memory and in files."""

import os
from pathlib import Path

import keras
import numpy as np

from ieg import backbones
from ieg.backbones import Backbone, Card
from ieg.data.files import Damage, FileImages
from tests.data import trees

SIDE = 32


def tiny_backbone(seed: int = 0, scale: float = 1 / 255) -> Backbone:
    """Eight random filters, averaged over the image."""
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(scale)(inputs)
    start = keras.initializers.GlorotNormal(seed)
    x = keras.layers.Conv2D(8, 3, activation="relu", kernel_initializer=start)(x)
    model = backbones.frozen(inputs, keras.layers.GlobalAveragePooling2D()(x))
    card = Card("tiny", SIDE, "x / 255", 8, "", "made up")
    return Backbone(model, card, backbones.digest("tiny", model))


def save_network(path: Path) -> None:
    """A headless .keras file with twelve random filters, averaged over the image."""
    inputs = keras.Input((SIDE, SIDE, 3))
    start = keras.initializers.GlorotNormal(3)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(12, 5, strides=3, activation="relu", kernel_initializer=start)(x)
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)).save(path)


def arrays(count: int, channels: int = 3) -> np.ndarray:
    """[count, 20, 24, channels] uint8."""
    shape = (count, 20, 24, channels)
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


def files(root: Path, count: int, limit: float = 0.5) -> FileImages:
    """`count` JPEG files below a folder, which are written unless they are there."""
    names = [f"{i:02d}.jpg" for i in range(count)]
    for number, name in enumerate(names):
        if not (root / name).exists():
            trees.write_image(root / name, number % 3, number)
    paths = np.array([os.fsencode(name) for name in names])
    return FileImages(str(root), paths, SIDE, Damage(count, limit))

"""Policies of AutoAugment and RandAugment: operations, probabilities and amounts as tables.

A policy is a list of sub-policies, of which an image draws one; a sub-policy is two operations in
a row, each with a probability and a level. AutoAugment [1] found its lists by search. RandAugment
[2], as IEG uses it, draws two of 14 operations with replacement and applies each with probability
1/2 at a level uniform in 1 .. 9: its list is all pairs. The amount that a level stands for differs
between the published programs: `_IEG`, `_TEN_STEPS` and `_IMAGENET`.

[1] Cubuk, Zoph, Mané, Vasudevan and Le, "AutoAugment: Learning Augmentation Strategies from Data",
    CVPR 2019, arXiv 1805.09501.
[2] Cubuk, Zoph, Shlens and Le, "RandAugment: Practical automated data augmentation with a reduced
    search space", NeurIPS 2020, arXiv 1909.13719.
"""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

# Two operations per sub-policy: name, probability in tenths, level.
_CIFAR10_95 = """
    Invert 1 7 Contrast 2 6 | Rotate 7 2 TranslateX 3 9 | Sharpness 8 1 Sharpness 9 3 |
    ShearY 5 8 TranslateY 7 9 | AutoContrast 5 8 Equalize 9 2 | Solarize 4 5 AutoContrast 9 3 |
    TranslateY 9 9 TranslateY 7 9 | AutoContrast 9 2 Solarize 8 3 | Equalize 8 8 Invert 1 3 |
    TranslateY 7 9 AutoContrast 9 1 | Solarize 4 5 AutoContrast 0 2 |
    TranslateY 7 9 TranslateY 7 9 | AutoContrast 9 0 Solarize 4 3 | Equalize 7 5 Invert 1 3 |
    TranslateY 7 9 TranslateY 7 9 | Solarize 4 5 AutoContrast 9 1 | TranslateY 8 9 TranslateY 9 9 |
    AutoContrast 8 0 TranslateY 7 9 | TranslateY 2 7 Color 9 6 | Equalize 7 6 Color 4 9 |
    ShearY 2 7 Posterize 3 7 | Color 4 3 Brightness 6 7 | Sharpness 3 9 Brightness 7 9 |
    Equalize 6 5 Equalize 5 1 | Contrast 6 7 Sharpness 6 5 | Brightness 3 7 AutoContrast 5 8 |
    AutoContrast 9 4 AutoContrast 5 6 | Solarize 3 5 Equalize 6 5 | TranslateY 2 4 Sharpness 3 3 |
    Brightness 0 8 Color 8 8 | Solarize 2 6 Color 8 6 | Solarize 2 6 AutoContrast 8 1 |
    Solarize 4 1 Equalize 6 5 | Brightness 0 0 Solarize 5 2 | AutoContrast 9 5 Brightness 5 3 |
    Contrast 7 5 Brightness 0 2 | Solarize 2 8 Solarize 1 5 | Contrast 5 1 TranslateY 2 9 |
    AutoContrast 6 5 TranslateY 0 9 | AutoContrast 9 4 Equalize 8 4 | Brightness 0 7 Equalize 4 7 |
    Solarize 2 5 Equalize 7 5 | Equalize 6 8 Color 6 2 | Color 3 7 Color 2 4 |
    AutoContrast 5 2 Solarize 7 2 | AutoContrast 2 0 Equalize 1 0 | ShearY 6 5 Equalize 6 5 |
    Brightness 9 3 AutoContrast 4 1 | Equalize 8 8 Equalize 7 7 | Equalize 7 7 Solarize 5 0 |
    Equalize 8 4 TranslateY 8 9 | TranslateY 8 9 TranslateY 6 9 | TranslateY 9 0 TranslateY 5 9 |
    AutoContrast 5 3 Solarize 3 4 | Solarize 5 3 Equalize 4 4 | Color 7 7 TranslateX 5 8 |
    Equalize 3 7 AutoContrast 4 8 | TranslateY 4 3 Sharpness 2 6 | Brightness 9 6 Color 2 8 |
    Solarize 5 2 Invert 0 3 | AutoContrast 1 5 Brightness 0 0 | Cutout 2 4 Equalize 1 1 |
    Equalize 7 7 AutoContrast 6 4 | Color 1 8 ShearY 2 3 | ShearY 4 2 Rotate 7 0 |
    ShearY 1 3 AutoContrast 9 5 | TranslateY 3 6 Cutout 3 3 | Equalize 5 0 Solarize 6 6 |
    AutoContrast 3 5 Rotate 2 7 | Equalize 8 2 Invert 4 0 | Equalize 9 5 Color 7 0 |
    Equalize 1 1 ShearY 1 3 | AutoContrast 7 3 Equalize 7 0 | Brightness 5 1 Contrast 1 7 |
    Contrast 1 4 Solarize 6 5 | Solarize 2 3 ShearX 0 0 | TranslateX 3 0 TranslateX 6 0 |
    Equalize 5 9 TranslateY 6 7 | ShearX 1 0 Sharpness 5 1 | Equalize 8 6 Invert 3 6 |
    AutoContrast 3 9 Cutout 5 3 | ShearX 4 4 AutoContrast 9 2 | ShearX 0 3 Posterize 0 3 |
    Solarize 4 3 Color 2 4 | Equalize 1 4 Equalize 7 6 | Equalize 3 8 AutoContrast 4 3 |
    Solarize 6 4 AutoContrast 7 6 | AutoContrast 2 9 Brightness 4 8 | Equalize 1 0 Equalize 0 6 |
    Equalize 8 4 Equalize 0 4 | Equalize 5 5 AutoContrast 1 2 | Solarize 5 5 AutoContrast 9 5 |
    AutoContrast 6 1 AutoContrast 7 8 | Equalize 2 0 AutoContrast 1 2 | Equalize 6 9 Equalize 4 4
"""

_CIFAR10_25 = """
    Invert 1 7 Contrast 2 6 | Rotate 7 2 TranslateX 3 9 | Sharpness 8 1 Sharpness 9 3 |
    ShearY 5 8 TranslateY 7 9 | AutoContrast 5 8 Equalize 9 2 | ShearY 2 7 Posterize 3 7 |
    Color 4 3 Brightness 6 7 | Sharpness 3 9 Brightness 7 9 | Equalize 6 5 Equalize 5 1 |
    Contrast 6 7 Sharpness 6 5 | Color 7 7 TranslateX 5 8 | Equalize 3 7 AutoContrast 4 8 |
    TranslateY 4 3 Sharpness 2 6 | Brightness 9 6 Color 2 8 | Solarize 5 2 Invert 0 3 |
    Equalize 2 0 AutoContrast 6 0 | Equalize 2 8 Equalize 6 4 | Color 9 9 Equalize 6 6 |
    AutoContrast 8 4 Solarize 2 8 | Brightness 1 3 Color 7 0 | Solarize 4 5 AutoContrast 9 3 |
    TranslateY 9 9 TranslateY 7 9 | AutoContrast 9 2 Solarize 8 3 | Equalize 8 8 Invert 1 3 |
    TranslateY 7 9 AutoContrast 9 1
"""

_IMAGENET_25 = """
    Equalize 8 1 ShearY 8 4 | Color 4 9 Equalize 6 3 | Color 4 1 Rotate 6 8 |
    Solarize 8 3 Equalize 4 7 | Solarize 4 2 Solarize 6 2 | Color 2 0 Equalize 8 8 |
    Equalize 4 8 SolarizeAdd 8 3 | ShearX 2 9 Rotate 6 8 | Color 6 1 Equalize 10 2 |
    Invert 4 9 Rotate 6 0 | Equalize 10 9 ShearY 6 3 | Color 4 7 Equalize 6 0 |
    Posterize 4 6 AutoContrast 4 7 | Solarize 6 8 Color 6 9 | Solarize 2 4 Rotate 8 9 |
    Rotate 10 7 TranslateY 8 9 | ShearX 0 0 Solarize 8 4 | ShearY 8 0 Color 6 4 |
    Color 10 0 Rotate 6 2 | Equalize 8 4 Equalize 0 8 | Equalize 10 4 AutoContrast 6 2 |
    ShearY 4 7 SolarizeAdd 6 7 | Posterize 8 2 Solarize 6 10 | Solarize 6 8 Equalize 6 1 |
    Color 8 6 Rotate 4 5
"""

_RANDAUGMENT = (
    *("Identity", "AutoContrast", "Equalize", "Rotate", "Solarize", "Color", "Contrast"),
    *("Brightness", "Sharpness", "ShearX", "TranslateX", "TranslateY", "Posterize", "ShearY"),
)

_LEVEL = np.arange(11)
_NONE = np.zeros(11)

#: Operation → (base [11], swing [11]). The amount at level 0 .. 10 is base ± swing, either sign
#: with probability 1/2. Translate and Cutout take shares of the image's side, where the published
#: programs count pixels of 32 or of 224.
Amounts = dict[str, tuple[np.ndarray, np.ndarray]]


def _amounts(**rows: tuple[np.ndarray, np.ndarray]) -> Amounts:
    """Amounts by operation; a name like "ShearX_ShearY" stands for several with the same row."""
    return {name: row for names, row in rows.items() for name in names.split("_")}


#: IEG on CIFAR.
_IEG = _amounts(
    ShearX_ShearY=(_NONE, 0.3 * _LEVEL / 10),
    TranslateX_TranslateY=(_NONE, _LEVEL / 32),
    Rotate=(_NONE, 3 * _LEVEL),
    Solarize=(256 - 256 * _LEVEL // 10, _NONE),
    Posterize=(4 - 4 * _LEVEL // 10, _NONE),
    Contrast_Color_Brightness_Sharpness=(0.1 + 1.8 * _LEVEL / 10, _NONE),
    Cutout=(2 * _LEVEL / 32, _NONE),
    AutoContrast_Equalize_Invert_Identity=(_NONE, _NONE),
)

#: DRO-LT and Dynamic Loss on CIFAR: ten equal steps up to level 9. They shear with bicubic
#: interpolation, here it is the nearest pixel as everywhere; DRO-LT never rotates clockwise.
_TEN_STEPS = _IEG | _amounts(
    ShearX_ShearY=(_NONE, 0.3 * _LEVEL / 9),
    TranslateX_TranslateY=(_NONE, 150 / 331 * _LEVEL / 9),
    Rotate=(_NONE, 30 * _LEVEL / 9),
    Solarize=(256 - 256 * _LEVEL / 9, _NONE),
    Posterize=(np.round(8 - 4 * _LEVEL / 9), _NONE),
    Contrast_Color_Brightness_Sharpness=(1 + _NONE, 0.9 * _LEVEL / 9),
)

#: AutoAugment on ImageNet. At least one bit is kept: the original's kernel cannot shift out all 8.
#: It shears about the center of the first pixel, here it is the corner: half a pixel apart.
_IMAGENET = _IEG | _amounts(
    TranslateX_TranslateY=(_NONE, 250 / 224 * _LEVEL / 10),
    Solarize=(256 * _LEVEL // 10, _NONE),
    SolarizeAdd=(11 * _LEVEL, _NONE),
    Posterize=(np.maximum(4 * _LEVEL // 10, 1), _NONE),
)


class _Choice(NamedTuple):
    name: str
    probability: float
    level: int


class Policy(NamedTuple):
    """S sub-policies of two operations each, out of K operations.

    Attributes:
      operations: K names; Identity is the first.
      operation: [S, 2] int32, index into `operations`.
      probability: [S, 2] float32 in [0, 1], of applying the operation at all.
      level: [S, 2] int32 in 0 .. 10.
      base, swing: [K, 11] float32; the amount at a level is base ± swing.
      fill: gray value of pixels moved in from outside; None marks them as invalid.
    """

    operations: tuple[str, ...]
    operation: np.ndarray
    probability: np.ndarray
    level: np.ndarray
    base: np.ndarray
    swing: np.ndarray
    fill: int | None


def choose(
    policy: Policy, sub_policy: tf.Tensor, applied: tf.Tensor, sign: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Choose the operations and amounts of each image from uniform numbers in [0, 1).

    Args:
      policy: the sub-policies to choose from.
      sub_policy: [B], selects one of the S.
      applied: [B, 2]; an operation is applied where this is below its probability.
      sign: [B, 2]; below ½ the swing is subtracted.
    Returns:
      Operation [B, 2] int32, 0 (Identity) where it is not applied, and argument [B, 2] float32.
    """
    row = tf.cast(sub_policy * len(policy.operation), tf.int32)  # [B]
    drawn = tf.gather(policy.operation, row)  # [B, 2]
    cell = tf.stack([drawn, tf.gather(policy.level, row)], axis=2)  # [B, 2, 2]
    direction = tf.where(sign < 0.5, -1.0, 1.0)
    argument = tf.gather_nd(policy.base, cell) + direction * tf.gather_nd(policy.swing, cell)
    return tf.where(applied < tf.gather(policy.probability, row), drawn, 0), argument


@functools.cache
def get(name: str, channels: int) -> Policy:
    """Look up a policy by name.

    Args:
      name: one of NAMES.
      channels: of the images; with fewer than 3, RandAugment leaves out Color.
    """
    return _MAKERS[name](channels)


def _autoaugment(text: str, amounts: Amounts, fill: int | None) -> Policy:
    words = text.replace("|", " ").split()
    triples = zip(words[::3], words[1::3], words[2::3], strict=True)
    steps = [_Choice(name, int(tenths) / 10, int(level)) for name, tenths, level in triples]
    return _policy(list(zip(steps[::2], steps[1::2], strict=True)), amounts, fill)


def _randaugment(channels: int) -> Policy:
    names = [name for name in _RANDAUGMENT if channels >= 3 or name != "Color"]
    steps = [_Choice(name, 0.5, level) for name in names for level in range(1, 10)]
    return _policy(list(itertools.product(steps, steps)), _IEG, None)


def _policy(pairs: list[tuple[_Choice, _Choice]], amounts: Amounts, fill: int | None) -> Policy:
    operations = tuple(dict.fromkeys(["Identity", *(s.name for pair in pairs for s in pair)]))
    number = {name: i for i, name in enumerate(operations)}
    return Policy(
        operations=operations,
        operation=np.array([[number[s.name] for s in pair] for pair in pairs], np.int32),
        probability=np.array([[s.probability for s in pair] for pair in pairs], np.float32),
        level=np.array([[s.level for s in pair] for pair in pairs], np.int32),
        base=np.array([amounts[name][0] for name in operations], np.float32),
        swing=np.array([amounts[name][1] for name in operations], np.float32),
        fill=fill,
    )


_MAKERS = {
    "cifar10": lambda channels: _autoaugment(_CIFAR10_95, _IEG, None),
    "cifar10_25": lambda channels: _autoaugment(_CIFAR10_25, _TEN_STEPS, 128),
    "imagenet": lambda channels: _autoaugment(_IMAGENET_25, _IMAGENET, 128),
    "randaug": _randaugment,
}
NAMES = tuple(_MAKERS)

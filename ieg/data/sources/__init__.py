"""Base data sets, one file each: what they hold and how they are weakly augmented."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ieg.augment.weak import WeakAugmentation
from ieg.registry import Registry


@dataclass(frozen=True)
class Split:
    """Images and true labels.

    Attributes:
      images: [N, H, W, C] uint8.
      labels: [N] int64 in [0, K).
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Source:
    """A base data set in memory.

    Attributes:
      train, test: the two splits, always the same examples in the same order.
      class_names: K names.
      confusion: [K] the class that each class is mistaken for, for asymmetric noise.
      weak: the weak augmentation that suits these images.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    confusion: np.ndarray | None
    weak: WeakAugmentation


@dataclass(frozen=True)
class SourceEntry:
    """How a source is registered.

    Attributes:
      load: reads it; the argument is the folder where data sets live.
      preset: settings that suit this data set, by the name of the flag.
    """

    load: Callable[[str], Source]
    preset: Mapping[str, Any] = field(default_factory=dict)


REGISTRY: Registry[SourceEntry] = Registry("data set", __name__)

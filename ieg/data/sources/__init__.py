"""Base data sets, one file each: what they hold and how they are weakly augmented."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ieg.augment.strong import StrongAugmentation
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
      strong: the strong one; None where no second view makes sense.
      superclass: [K] the group that each class belongs to, for superpair noise.
      given_labels: [N] the labels to train on, of a data set that has others than the true ones.
      note: what a reader of results must know, such as that these are not the official images.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    confusion: np.ndarray | None
    weak: WeakAugmentation
    strong: StrongAugmentation | None = None
    superclass: np.ndarray | None = None
    given_labels: np.ndarray | None = None
    note: str | None = None


@dataclass(frozen=True)
class SourceEntry:
    """How a source is registered.

    Attributes:
      load: reads it; the argument is the folder where data sets live.
      preset: settings that suit this data set, by the name of the flag.
      method_presets: method → the same for that method alone, which wins.
      own_noise: what made the `given_labels` that the source comes with, such as "human labels";
        None for a source that comes with true labels only.
    """

    load: Callable[[str], Source]
    preset: Mapping[str, Any] = field(default_factory=dict)
    own_noise: str | None = None
    method_presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


REGISTRY: Registry[SourceEntry] = Registry("data set", __name__)

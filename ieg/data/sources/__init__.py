"""Base data sets, one file each: what they hold and how they are weakly augmented."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.data.files import Damage
from ieg.data.images import Images
from ieg.registry import Registry


@dataclass(frozen=True)
class Split:
    """Images and labels.

    Attributes:
      images: N images of one shape [H, W, C], or N examples of another kind.
      labels: [N] int64 in [0, K): the true ones, or, where those are not known, the given ones.
      names: [N] what the examples are called, of those that are no files and have names.
    """

    images: Images
    labels: np.ndarray
    names: np.ndarray | None = None


@dataclass(frozen=True)
class Source:
    """A base data set.

    Attributes:
      train, test: the two splits, always the same examples in the same order.
      class_names: K names.
      confusion: [K] the class that each class is mistaken for, for asymmetric noise.
      weak: the weak augmentation that suits these images; None for examples that are no images.
      strong: the strong one; None where no second view makes sense.
      superclass: [K] the group that each class belongs to, for superpair noise.
      given_labels: [N] the labels to train on, of a data set that has others than the true ones.
      note: what a reader of results must know, such as that these are not the official images.
      truth_known: [N] bool, whether the training label is known to be the true one; None: all are.
      trusted: [n] training examples that are clean and serve as probe data only; None for a data
        set whose probe data are held out of it.
      trusted_as_is: whether probe batches have the classes in the shares that `trusted` has them,
        which may lack some; else classes take turns, and each needs an example.
      damage: what is found out about damaged image files; None for images in memory.
      made_split: columns of a table that says what was split off for testing, if ieg did that.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    confusion: np.ndarray | None
    weak: WeakAugmentation | None
    strong: StrongAugmentation | None = None
    superclass: np.ndarray | None = None
    given_labels: np.ndarray | None = None
    note: str | None = None
    truth_known: np.ndarray | None = None
    trusted: np.ndarray | None = None
    trusted_as_is: bool = False
    damage: Damage | None = None
    made_split: Mapping[str, Sequence[str]] | None = None


@dataclass(frozen=True)
class FileRequest:
    """What is asked of a data set of image files.

    Attributes:
      dataset_dir: the folder where data sets live.
      path: of a data set that is named by its path.
      seed: of the test split where there is none, and of the choice of probe images.
      image_size: side of the images in pixels; 0: what the data set says.
      imagenet_as_eval: whether ImageNet's validation images are the test images.
      damaged_limit: share of the files that may turn out to be damaged.
    """

    dataset_dir: str = "data"
    path: str = ""
    seed: int = 0
    image_size: int = 0
    imagenet_as_eval: bool = False
    damaged_limit: float = 0.01


@dataclass(frozen=True)
class SourceEntry:
    """How a source is registered.

    Attributes:
      load: reads it; the argument is the folder where data sets live, or, for a data set of image
        files or one that is `seeded`, a `FileRequest`.
      preset: settings that suit this data set, by the name of the flag.
      method_presets: method → the same for that method alone, which wins.
      own_noise: what made the `given_labels` that the source comes with, such as "human labels";
        None for a source that comes with true labels only.
      files: whether it is made of image files.
      seeded: whether what it holds depends on the run's seed.
      takes_path: whether the user's path follows the name, as in "folder:/path".
      imagenet_eval: whether it can be tested on ImageNet's validation images.
    """

    load: Callable[[Any], Source]
    preset: Mapping[str, Any] = field(default_factory=dict)
    own_noise: str | None = None
    files: bool = False
    seeded: bool = False
    takes_path: bool = False
    imagenet_eval: bool = False
    method_presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


REGISTRY: Registry[SourceEntry] = Registry("data set", __name__)

"""Base data sets, one file each: examples, labels and the augmentation that suits them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.data.files import Damage
from ieg.data.images import Images
from ieg.decoding import RGB, WHITE
from ieg.errors import InputError
from ieg.registry import Registry


@dataclass(frozen=True)
class Split:
    """Examples with their labels.

    Attributes:
      images: N images of one shape [H, W, C], or N examples of another kind.
      labels: [N] int64 in [0, K), the given labels: those to train on, or to measure accuracy with.
      names: [N] names of examples that are no files, or None.
      true_labels: [N] int64, -1 where unknown; None if all given labels are true.
      features: N features of the images by a frozen backbone, which networks see in their place;
        None for networks that see the images.
    """

    images: Images
    labels: np.ndarray
    names: np.ndarray | None = None
    true_labels: np.ndarray | None = None
    features: Images | None = None

    @property
    def inputs(self) -> Images:
        """N examples as networks see them."""
        return self.images if self.features is None else self.features


@dataclass(frozen=True)
class ProbeSet:
    """Examples of the training split with labels that somebody has checked.

    They are probe examples and nothing else: no method trains on them as on the others.

    Attributes:
      indices: [m] into the training split.
      labels: [m] int64 in [0, K), the right labels.
      class_balanced: True if classes take turns in probe batches, so that each needs an example;
        False if they come with their frequencies in this set, which may lack some.
    """

    indices: np.ndarray
    labels: np.ndarray
    class_balanced: bool = True


class Annotations(NamedTuple):
    """Labels that several people gave to the training split.

    Attributes:
      example: [m] int64, into the training split; each example has at least one label.
      annotator: [m] str, the person.
      label: [m] int64 in [0, K).
    """

    example: np.ndarray
    annotator: np.ndarray
    label: np.ndarray


@dataclass(frozen=True)
class Source:
    """A base data set.

    Attributes:
      train, test: the two splits, always the same examples in the same order. Accuracy is measured
        with `test.labels`.
      class_names: K names.
      confusion: [K] class that each class is mistaken for, for asymmetric noise; None for no map.
      weak: weak augmentation of the images; None for examples that are no images.
      strong: strong augmentation; None where a second view makes no sense.
      superclass: [K] group of each class, for superpair noise; None without groups.
      note: remark for readers of results, for example that these are not the official images.
      probe: probe set of the data set's own; None to hold one out of the training split.
      damage: record of unreadable image files; None for images in memory.
      made_split: columns path (bytes) and split of a table of a split made by ieg, or None.
      validation: validation split of the data set's own; None to hold one out of the training
        split.
      annotations: labels of the people whose consensus the given labels are; None for one label
        per example.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    confusion: np.ndarray | None
    weak: WeakAugmentation | None
    strong: StrongAugmentation | None = None
    superclass: np.ndarray | None = None
    note: str | None = None
    probe: ProbeSet | None = None
    damage: Damage | None = None
    made_split: Mapping[str, Any] | None = None
    validation: Split | None = None
    annotations: Annotations | None = None

    def check(self, dataset: str) -> None:
        """Check that the labels fit examples and classes.

        Args:
          dataset: name for the message.
        Raises:
          InputError: labels are no whole numbers [N] in [0, K), or true labels none in [-1, K).
        """
        splits = {"train": self.train, "test": self.test, "validation": self.validation}
        for which, split in splits.items():
            if split is None:
                continue
            for name, values, least in (
                ("labels", split.labels, 0),
                ("true_labels", split.true_labels, -1),
            ):
                wrong = None
                if name == "labels" or values is not None:
                    wrong = _wrong(values, len(split.images), least, len(self.class_names))
                if wrong is not None:
                    raise InputError(f"{which}.{name} {wrong}", option="dataset", value=dataset)

    @cached_property
    def best_labels(self) -> np.ndarray:
        """[N] best knowledge of each training example's class.

        The checked label in the probe set, else the true label where it is known, else the given
        one. Splits are stratified by these, classes are thinned out by them, and noise is added to
        them.
        """
        labels, true = self.train.labels, self.train.true_labels
        if true is not None and (true >= 0).any():
            labels = np.where(true < 0, labels, true)
        if self.probe is not None:
            labels = labels.copy()
            labels[self.probe.indices] = self.probe.labels
        return labels


def _wrong(values: Any, count: int, least: int, classes: int) -> str | None:
    """Describe labels that are not [count] whole numbers from `least` on and below `classes`."""
    if not isinstance(values, np.ndarray):
        return f"must be a NumPy array, got {type(values).__name__}"
    if values.ndim != 1 or values.dtype.kind not in "iu":
        return f"must be whole numbers [N], got {values.dtype} {list(values.shape)}"
    if len(values) != count:
        return f"must be as many as the {count} examples, got {len(values)}"
    outside = [x for x in (values.min(), values.max()) if not least <= x < classes] if count else []
    if outside:
        return f"must be in {least} .. {classes - 1} for {classes} classes, got {outside[0]}"
    return None


@dataclass(frozen=True)
class Request:
    """Place, seed and image size of a base data set.

    Attributes:
      dataset_dir: folder of data sets.
      path: path, or name in a catalogue, of a data set that is named by one; otherwise "".
      seed: of a test split that has to be made, and of drawn labels and probe sets.
      image_size: side of images from files in pixels; 0 for the data set's own.
      imagenet_as_eval: True to test on ImageNet's validation images.
      damaged_limit: in [0, 1], share of the image files that may turn out to be damaged.
      background: color behind transparent pixels of image files.
    """

    dataset_dir: str = "data"
    path: str = ""
    seed: int = 0
    image_size: int = 0
    imagenet_as_eval: bool = False
    damaged_limit: float = 0.01
    background: RGB = WHITE


class Presets(NamedTuple):
    """Suggested settings by name of the flag: of all methods, and of a method beside those."""

    settings: Mapping[str, Any]
    of_methods: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class SourceEntry:
    """Registration of a base data set.

    Attributes:
      load: reads it; fields of the request that do not concern it are ignored.
      preset: suggested settings, by name of the flag.
      own_noise: origin of wrong labels that the data set comes with, for example "human labels";
        no noise can be added to those. None for a data set without.
      files: True for image files, which `image_size` brings to another size.
      takes_path: True if a path follows the name, as in "folder:/path".
      takes_name: True if the name in a catalogue follows, as in "tfds:mnist".
      imagenet_eval: True if it can be tested on ImageNet's validation images.
      method_presets: method → settings for that method alone, which go before `preset`.
      of_networks: network → presets in the place of `preset` and `method_presets`.
      backbone: name of the pretrained network that suits the data, or "none"; `preset` is for
        training from pixels.
      published_start: weights that published runs on these data begin with, in words; a run from
        random weights says that it cannot be compared with them. "" for random weights.
    """

    load: Callable[[Request], Source]
    preset: Mapping[str, Any] = field(default_factory=dict)
    own_noise: str | None = None
    files: bool = False
    takes_path: bool = False
    takes_name: bool = False
    imagenet_eval: bool = False
    method_presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    of_networks: Mapping[str, Presets] = field(default_factory=dict)
    backbone: str = "none"
    published_start: str = ""


REGISTRY: Registry[SourceEntry] = Registry("data set", __name__)

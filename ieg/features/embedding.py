"""Features of a data set's images beside them, from a store that computes each of them once."""

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ieg.backbones import Backbone
from ieg.data.dataset import Dataset
from ieg.data.images import Images
from ieg.errors import InputError
from ieg.features.cached import CachedImages
from ieg.features.parts import Note, complete
from ieg.features.pictures import Pictures
from ieg.features.standardization import Standardization
from ieg.features.store import FeatureStore, Progress
from ieg.features.views import Views


class Wanted(NamedTuple):
    """Views of the training images that a run asks for.

    Attributes:
      weak, strong: numbers of weak and strong views beside the image itself.
    """

    weak: int = 0
    strong: int = 0


class Kept(NamedTuple):
    """Images of a split, and the store that has their features."""

    store: FeatureStore
    pictures: Pictures

    def images(self) -> CachedImages:
        """The images as features, see `FeatureStore.images`."""
        return self.store.images(self.pictures)

    def missing(self) -> int:
        """Number of images without features."""
        return len(self.store.missing(self.pictures))


def store_folder(root: Path, backbone: Backbone) -> Path:
    """The folder of a backbone's features below that of all features."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", backbone.card.name).strip("-")[-40:]
    return root / f"{slug}-{backbone.digest}"


def compute(
    dataset: Dataset,
    backbone: Backbone,
    root: Path,
    wanted: Wanted,
    *,
    part: tuple[int, int] = (1, 1),
    progress: Progress | None = None,
) -> tuple[Kept, Kept]:
    """Compute the features that are missing of a data set's images and keep them.

    Args:
      dataset: with images, of which each has its own seed of views whatever the seed of the run.
      backbone: the network.
      root: folder of all features.
      wanted: views of the training images.
      part: (i, n) for the i-th of n equal parts of each split.
      progress: told of each batch, for training and evaluation images together.
    Returns:
      the training and the evaluation split, in the same folder.
    Raises:
      InputError: the examples are no images, or the folder cannot be used.
      TrainingStopped: too many files are damaged.
    """
    folder, kept = store_folder(root, backbone), []
    splits = _splits(dataset, backbone, wanted)
    counts = [-(-len(images) // part[1]) for images, _ in splits]
    for number, (images, views) in enumerate(splits):
        # Keys are hashes of whole files: the same `Pictures` serves all that follows.
        split = Kept(FeatureStore.open(folder, backbone, views), Pictures(images))
        if len(images):
            told = _of_all(progress, sum(counts[:number]), sum(counts))
            split.store.compute(split.pictures, part, told)
        kept.append(split)
    return kept[0], kept[1]


def finish(splits: Sequence[Kept], part: tuple[int, int]) -> None:
    """Leave a note that all features of a part are there.

    Args:
      splits: of `compute`, training images first.
      part: (i, n) that was computed.
    Raises:
      InputError: the folder cannot be written to.
    """
    damaged = [split.pictures.damaged() for split in splits]
    rows = [[] if marks is None else np.flatnonzero(marks).tolist() for marks in damaged]
    store = splits[0].store
    Note(*part, _digest(splits), store.definitions, rows).write(store.folder)


def merge(dataset: Dataset, backbone: Backbone, folder: Path, wanted: Wanted) -> tuple[Kept, Kept]:
    """The features that one process or several have left, none of which is computed here.

    Args:
      dataset, backbone, wanted: as for `compute`.
      folder: has the features of all parts, in it or in folders below it.
    Raises:
      InputError: parts are missing, double, half written or of other settings, images or views.
      TrainingStopped: too many files are damaged.
    """
    first, second = (
        Kept(FeatureStore.merged(folder, backbone, views), Pictures(images))
        for images, views in _splits(dataset, backbone, wanted)
    )
    digest = _digest([first, second])
    for note in complete(first.store.folders, digest, first.store.definitions):
        for split, rows in zip((first, second), note.damaged, strict=True):
            if rows:
                split.pictures.report_damage(rows)
    return first, second


def _splits(dataset: Dataset, backbone: Backbone, wanted: Wanted) -> list[tuple[Images, Views]]:
    """Images of the training and the evaluation split, and the views of each that are kept."""
    weak = dataset.weak
    if weak is None:
        name = backbone.card.name
        raise InputError(f"{dataset.name} has no images", option="backbone", value=name)
    return [
        (dataset.train.images, Views(wanted.weak, wanted.strong, flip=weak.flip)),
        (dataset.evaluation.images, Views(flip=weak.flip)),
    ]


def _digest(splits: Sequence[Kept]) -> str:
    """Digest of the content of all images, in their order."""
    content = hashlib.sha256()
    for split in splits:
        content.update(b"".join(split.pictures.keys) + b"end of split")
    return content.hexdigest()


def _of_all(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress on a split as progress on both."""
    if progress is None:
        return None
    return lambda done, of: progress(min(before + done, total), total)


def embedded(
    dataset: Dataset,
    backbone: Backbone,
    root: Path,
    wanted: Wanted,
    progress: Progress | None = None,
    *,
    merged: Path | None = None,
) -> Dataset:
    """The data set with standardized features, which networks see in the place of its images.

    The examples to train on have mean 0 and standard deviation 1.

    Args:
      dataset, backbone, root, wanted, progress: as for `compute`.
      merged: folder of features for `merge`; None to compute those that are missing.
    """
    if merged is None:
        train, evaluation = compute(dataset, backbone, root, wanted, progress=progress)
    else:
        train, evaluation = merge(dataset, backbone, merged, wanted)
    features = train.images()
    readable = dataset.train_indices
    if features.damaged is not None:
        readable = readable[~features.damaged[readable]]
    standardization = Standardization.of(features.table[:, 0], readable)
    tested: Images = np.zeros([0, backbone.card.features], np.float32)
    if len(dataset.evaluation.images):
        tested = evaluation.images().standardized(standardization)
    return dataclasses.replace(
        dataset,
        train=dataclasses.replace(dataset.train, features=features.standardized(standardization)),
        evaluation=dataclasses.replace(dataset.evaluation, features=tested),
    )

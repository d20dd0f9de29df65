"""Reader of CIFAR through TensorFlow Datasets, in the order of the official archive.

The package shuffles, but every example has an id such as "train_00042": the number counts the
archive's records from 0, over the files in the order of their names.
"""

import shlex
from pathlib import Path
from typing import Any

import numpy as np

from ieg.data import tfds
from ieg.data.cifar import IMAGE_SHAPE, Contents, Layout, Records
from ieg.errors import InputError

_BATCH = 1000


def load(layout: Layout, folder: Path) -> Contents:
    """Load a data set from the usual place of TensorFlow Datasets, else download it into `folder`.

    Raises:
      InputError: that package is not installed or cannot provide the data. The message tells how to
        get the archive without it.
    """
    try:
        package = tfds.package()
        builder = tfds.prepared(package, layout.name, folder)
    except InputError as error:
        raise InputError(
            f"{layout.title} is not in {folder} (`dataset_dir`), and {error}. To have the archive "
            "there, where there is a network: curl -L --create-dirs -o "
            f"{shlex.quote(str(folder / layout.archive))} {layout.url}"
        ) from None
    return read(layout, builder, package)


def read(layout: Layout, builder: Any, package: Any) -> Contents:
    """Read a data set in the order of its ids.

    Args:
      layout: CIFAR10 or CIFAR100.
      builder: a `tfds.core.DatasetBuilder` whose data are prepared.
      package: the module `tensorflow_datasets`.
    Raises:
      InputError: the ids are not those of the archive's records.
    """
    train, test = (_split(layout, builder, package, split) for split in ("train", "test"))
    return Contents(train, test, tuple(builder.info.features["label"].names))


def _split(layout: Layout, builder: Any, package: Any, split: str) -> Records:
    size = builder.info.splits[split].num_examples
    records, seen = Records.empty(size), np.zeros(size, np.int64)
    for batch in package.as_numpy(builder.as_dataset(split=split, batch_size=_BATCH)):
        place = np.array([_number(name.decode(), split) for name in batch["id"]])
        if place.min() < 0 or place.max() >= size or batch["image"].shape[1:] != IMAGE_SHAPE:
            break
        seen[place] += 1
        records.images[place] = batch["image"]
        records.labels[place] = batch["label"]
        if layout.num_superclasses:
            records.superlabels[place] = batch["coarse_label"]
    if not (seen == 1).all():
        raise InputError(
            f"{layout.title} of TensorFlow Datasets in {builder.data_dir} is not as expected: the "
            f"ids must be {split}_00000 to {split}_{size - 1:05d}, each once, with images of 32x32"
        )
    return records


def _number(name: str, split: str) -> int:
    """Number of an id: 42 for "train_00042", -1 for any other text."""
    digits = name.removeprefix(f"{split}_")
    return int(digits) if digits.isdecimal() and digits != name else -1

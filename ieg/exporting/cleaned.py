"""A data set with decisions applied: a folder of links or copies, or a table."""

import csv
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ieg import atomic
from ieg.data.dataset import Dataset
from ieg.data.files import FileImages
from ieg.errors import InputError


class Example(NamedTuple):
    """Example that stays in the data set.

    Attributes:
      split: "train", "probe" or "test".
      label: class name after the decisions.
      row: place in its split of the base data set.
      path: whole path of the image file; None for an example in memory.
    """

    split: str
    label: str
    row: int
    path: Path | None


def examples(dataset: Dataset) -> Iterator[Example]:
    """Yield what stays: examples to train on, probe examples and those to measure accuracy on.

    Args:
      dataset: prepared with decisions.
    """
    probe = set() if dataset.probe_indices is None else set(dataset.probe_indices.ravel())
    parts = [
        ("train", dataset.train.images, dataset.given_labels, sorted(dataset.train_indices)),
        ("probe", dataset.train.images, dataset.given_labels, sorted(probe)),
        ("test", dataset.evaluation.images, dataset.evaluation.labels, None),
    ]
    for split, images, labels, rows in parts:
        for i in range(len(labels)) if rows is None else map(int, rows):
            path = None
            if isinstance(images, FileImages):
                path = Path(os.fsdecode(images.paths[i]))
                if images.pack is None:
                    path = Path(images.root, path).absolute()
            yield Example(split, dataset.class_names[labels[i]], i, path)


def write_folder(dataset: Dataset, path: Path, *, copy: bool) -> None:
    """Write SPLIT/CLASS/FILE with a link to each image, or a copy.

    Files of one name that come together in a class get a number.

    Args:
      dataset: prepared with decisions.
      path: of the new folder.
      copy: True for copies, False for symbolic links to whole paths.
    Raises:
      InputError: the path exists, the examples are no files, a class name is no name of a folder,
        or the folder cannot be written.
    """
    images = dataset.train.images
    if not isinstance(images, FileImages) or images.pack is not None:
        raise InputError(
            f"{dataset.name} has no image files; write a table: `output=NAME.csv`", option="output"
        )
    _refuse_existing(path)
    for name in dataset.class_names:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise InputError(
                f"the class {name!r} is no name for a folder; write a table: `output=NAME.csv`",
                option="output",
            )
    place: Callable[[Path, Path], object] = shutil.copy2 if copy else _link
    with atomic.replacing_folder(path) as new:
        taken: set[Path] = set()
        for example in examples(dataset):
            assert example.path is not None  # its split is of files
            folder = new / example.split / example.label
            folder.mkdir(parents=True, exist_ok=True)
            place(example.path, _free(folder, example.path, taken))


def _link(source: Path, target: Path) -> None:
    target.symlink_to(source)


def _free(folder: Path, source: Path, taken: set[Path]) -> Path:
    """Path for a file in a folder; a name that is taken gets a number: rose.jpg, rose-2.jpg."""
    target, number = folder / source.name, 1
    while target in taken:
        number += 1
        target = folder / f"{source.stem}-{number}{source.suffix}"
    taken.add(target)
    return target


def write_table(dataset: Dataset, path: Path) -> None:
    """Write a CSV file with the columns path, label and split; index for examples in memory.

    Args:
      dataset: prepared with decisions.
      path: of the new file.
    Raises:
      InputError: the path exists, or cannot be written.
    """
    _refuse_existing(path)
    of_files = isinstance(dataset.train.images, FileImages)
    with atomic.text(path) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["path" if of_files else "index", "label", "split"])
        for example in examples(dataset):
            name = example.path if of_files else example.row
            rows.writerow([name, example.label, example.split])


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise InputError(f"{path} exists, and nothing is overwritten", option="output")

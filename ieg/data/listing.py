"""Lists of image files, from class folders or tables, and the data sets that they make."""

import csv
import logging
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ieg import keys
from ieg.augment.area import MIDDLE, Middle, TrainingArea
from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.data.files import Damage, FileImages, first_few
from ieg.data.sources import ProbeSet, Request, Source, Split
from ieg.errors import InputError

#: Formats that TensorFlow decodes; of an animated GIF the first picture counts.
ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
#: Share of each class in a test split made by ieg.
TEST_SHARE = 0.2


@dataclass
class LeftOut:
    """Files left out of a list, by reason; paths relative to the root of the data set."""

    empty: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    def warn(self) -> None:
        """Log one line per reason with the number of files and the first of them."""
        reasons = {
            "empty (0 bytes)": self.empty,
            "missing": self.missing,
            f"with other endings than {' '.join(ENDINGS)}": self.foreign,
            "that are listed elsewhere too": self.repeated,
        }
        for reason, paths in reasons.items():
            if paths:
                logging.getLogger("ieg").warning(
                    "files left out: %d %s: %s", len(paths), reason, first_few(sorted(paths))
                )


@dataclass
class Listed:
    """Image files with a label each.

    Attributes:
      paths: n paths relative to the root of the data set.
      labels: n class numbers.
    """

    paths: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)


def class_folders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted, without hidden ones."""
    entries = _entries(folder)
    return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))


def images_below(root: Path, folder: str, left_out: LeftOut) -> list[str]:
    """Sorted paths, relative to the root, of all images in a folder and in those inside it."""
    found = []
    for entry in _entries(root / folder):
        path = f"{folder}/{entry.name}" if folder else entry.name
        if entry.name.startswith(".") or entry.name.lower() in ("thumbs.db", "desktop.ini"):
            continue
        if entry.is_dir():
            found += images_below(root, path, left_out)
        elif not entry.name.lower().endswith(ENDINGS):
            left_out.foreign.append(path)
        elif is_usable(root, path, left_out):
            found.append(path)
    return sorted(found)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror}") from None


def is_usable(root: Path, path: str, left_out: LeftOut) -> bool:
    """True if there is a file that is not empty; decoding is tried only in use."""
    try:
        found = os.stat(root / path)
    except OSError:
        found = None
    if found is None or not stat.S_ISREG(found.st_mode):
        left_out.missing.append(path)
        return False
    if not found.st_size:
        left_out.empty.append(path)
    return found.st_size > 0


def list_images(path: Path) -> tuple[Path, list[str]]:
    """List images without labels.

    Args:
      path: a folder, with everything below it; an image file; or a CSV file with a column path.
        Those paths are relative to the file.
    Returns:
      the folder that relative paths begin at; the paths, of a table one for each row as it is
      given, whether there is such a file or not.
    Raises:
      InputError: there is no such folder or file, or no image in it.
    """
    if path.is_dir():
        left_out = LeftOut()
        paths = images_below(path, "", left_out)
        left_out.warn()
        if not paths:
            raise InputError(f"{path} has no image ({' '.join(ENDINGS)})")
        return path, paths
    if not path.is_file():
        raise InputError(f"{path}: there is no such folder, image or CSV file")
    if path.name.lower().endswith(ENDINGS):
        return path.parent, [path.name]
    paths = _path_column(path)
    if not any((path.parent / name).is_file() for name in paths):
        named = f", such as {path.parent / paths[0]}" if paths else ""
        raise InputError(f"{path} names no file that exists{named}")
    return path.parent, paths


def _path_column(path: Path) -> list[str]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a CSV file: {error}") from None
    if "path" not in (reader.fieldnames or ()):
        raise InputError(f"{path} lacks the column path; its first line must name it")
    return [(row["path"] or "").strip() for row in rows]


def to_predict(
    root: Path, paths: Sequence[str], side: int, *, middle: Middle = MIDDLE
) -> FileImages:
    """Images to predict, of which any number may turn out to be damaged.

    Args:
      root: folder that relative paths begin at.
      paths: N files, as they are given.
      side: side in pixels of the images that the network was trained on.
      middle: square that the network sees.
    """
    names = np.array([os.fsencode(path) for path in paths])
    return FileImages(str(root), names, side, Damage(len(paths), limit=1.0), middle=middle)


def warn_of_damage(images: FileImages) -> None:
    """Log one line with the number of files that could not be read, if any.

    Args:
      images: images after a pass over all of them.
    """
    damaged = images.damage.among(images.paths)
    if damaged is not None and damaged.any():
        names = [os.fsdecode(path) or "(no path)" for path in images.paths[damaged]]
        logging.getLogger("ieg").warning(
            "%d of %d files cannot be read, and nothing is predicted for them: %s",
            len(names),
            len(images),
            first_few(names),
        )


def class_tree(
    root: Path,
    folder: str,
    classes: Sequence[str],
    left_out: LeftOut,
    *,
    every_class: bool = True,
) -> Listed:
    """List the images of `folder/<class>/*` below the root.

    Args:
      root: folder that the paths will be relative to.
      folder: folder of the class folders below the root; "" for the root itself.
      classes: K names of folders; images in classes[k] have label k.
      left_out: takes in files that are no images.
      every_class: True if a class without images is an error.
    Raises:
      InputError: a class has no image, or there is a folder of another class.
    """
    place = root / folder
    present = set(class_folders(place))
    foreign = sorted(present - set(classes))
    if foreign:
        raise InputError(
            f"{place} has folders of classes that are not among those to train on: "
            f"{first_few(foreign)}"
        )
    listed = Listed()
    for label, name in enumerate(classes):
        path = f"{folder}/{name}" if folder else name
        images = images_below(root, path, left_out) if name in present else []
        listed.paths += images
        listed.labels += [label] * len(images)
    without = sorted(set(range(len(classes))) - set(listed.labels))
    if every_class and without:
        names = first_few([classes[k] for k in without])
        raise InputError(f"{len(without)} classes have no image in {place}: {names}")
    return listed


def check_classes(classes: Sequence[str], where: str) -> None:
    """Raise InputError for fewer than two classes."""
    if len(classes) < 2:
        found = f"only the class {classes[0]}" if classes else "no class"
        raise InputError(f"{where} has {found}; a classifier needs at least two")


def split_off(
    everything: Listed, classes: Sequence[str], seed: int
) -> tuple[Listed, Listed, dict[str, list[str]]]:
    """Draw a test split: a fifth of every class, at least one image.

    Args:
      everything: the images to split.
      classes: K names.
      seed: the run's seed.
    Returns:
      training images; test images; a table with the columns path and split.
    Raises:
      InputError: a class has fewer than two images.
    """
    labels = np.array(everything.labels)
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < 2:
        small = first_few([name for name, n in zip(classes, counts, strict=True) if n < 2])
        raise InputError(
            f"there is no test split, and none can be made of classes with less than two images: "
            f"{small}"
        )
    order = keys.generator(seed, "test split").permutation(len(labels))
    tested = np.zeros(len(labels), bool)
    for k, count in enumerate(counts):
        members = order[labels[order] == k]
        tested[members[: max(1, round(TEST_SHARE * count))]] = True
    parts = [
        Listed([everything.paths[i] for i in chosen], labels[chosen].tolist())
        for chosen in (np.flatnonzero(~tested), np.flatnonzero(tested))
    ]
    words = ["test" if is_test else "train" for is_test in tested]
    return parts[0], parts[1], {"path": everything.paths, "split": words}


class Views(NamedTuple):
    """Augmentation of image files in training: first a random area, then a view of it."""

    weak: WeakAugmentation
    strong: StrongAugmentation
    area: TrainingArea = TrainingArea()


def small_views(side: int) -> Views:
    """Views for some hundred images that fill the frame; strong ones have CIFAR's proportions.

    The area is larger than ImageNet's, since so few images teach little of which part shows what.
    """
    strong = StrongAugmentation("imagenet", False, pad=side // 8, flip=True, cutout=side // 2)
    return Views(WeakAugmentation(pad=0, flip=True), strong, TrainingArea(smallest=0.4))


def imagenet_views(side: int) -> Views:
    """Views of IEG on WebVision: AutoAugment v0 and a cutout of 16 of 224 pixels."""
    strong = StrongAugmentation("imagenet", False, pad=0, flip=False, cutout=max(1, side // 14))
    return Views(WeakAugmentation(pad=0, flip=True), strong)


def unknown(*lists: Listed) -> np.ndarray:
    """[N] true labels of listed files, none of which is known: -1 each."""
    return np.full(sum(len(listed.paths) for listed in lists), -1)


def make_source(
    request: Request,
    root: Path,
    side: int,
    class_names: Sequence[str],
    *,
    train: Listed,
    test: Listed,
    probe: Listed | None = None,
    class_balanced: bool = True,
    given_labels: np.ndarray | None = None,
    true_labels: np.ndarray | None = None,
    views: Callable[[int], Views],
    **more: Any,
) -> Source:
    """Make a data set of listed files. The training split is `train`, then `probe`.

    Args:
      request: place, seed and image size.
      root: folder that the paths are relative to.
      side: side of the images in pixels, if the request does not name one.
      class_names: K names.
      train, test: files to train and to test on, with their best known labels.
      probe: files of the probe set with their right labels, or None.
      class_balanced: see `ProbeSet`.
      given_labels: [N] given labels of the training split, where they differ from the listed ones.
      true_labels: [N] true labels of the training split, see `Split`.
      views: side → augmentation.
      more: further fields of `Source`.
    """
    probe = probe or Listed()
    side = request.image_size or side
    augmentation = views(side)
    paths = [train.paths + probe.paths, test.paths]
    damage = Damage(len(paths[0]) + len(paths[1]), request.damaged_limit)
    images = [
        FileImages(
            str(root), np.array([os.fsencode(p) for p in part]), side, damage, augmentation.area
        )
        for part in paths
    ]
    labels = np.array(train.labels + probe.labels, np.int64)
    probe_set = ProbeSet(
        np.arange(len(train.paths), len(labels)), np.array(probe.labels, np.int64), class_balanced
    )
    return Source(
        train=Split(
            images[0], labels if given_labels is None else given_labels, true_labels=true_labels
        ),
        test=Split(images[1], np.array(test.labels, np.int64)),
        class_names=tuple(class_names),
        confusion=None,
        weak=augmentation.weak,
        strong=augmentation.strong,
        probe=probe_set if probe.paths else None,
        damage=damage,
        **more,
    )

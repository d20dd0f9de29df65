"""Lists of image files, from class folders or tables."""

from __future__ import annotations

import logging
import os
import stat
import unicodedata
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ieg import keys
from ieg.augment.area import MIDDLE, Middle
from ieg.data import tables
from ieg.data.files import Damage, FileImages, first_few
from ieg.data.left_out import LeftOut
from ieg.decoding import RGB, WHITE
from ieg.errors import InputError

#: Endings of image files in lower case; what a file holds is told by its content.
IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
        *(".heic", ".heif", ".avif"),
    }
)
#: Folders and files, in lower case, that file managers, network drives and archives leave behind.
_SYSTEM = frozenset(
    [
        "__macosx",
        "@eadir",
        "#recycle",
        "@recycle",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
    ]
)
#: Share of each class in a test split made by ieg.
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Listed:
    """Image files with a label each.

    Attributes:
      paths: [n] bytes, relative to the root of the data set. A million of them take a third of the
        memory of as many str.
      labels: [n] int64 class numbers.
    """

    paths: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, paths: Sequence[str] = (), labels: Sequence[int] = ()) -> Listed:
        """List n paths with n class numbers."""
        return cls(encoded(paths), np.array(labels, np.int64))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, chosen: np.ndarray, /) -> Listed:
        return Listed(self.paths[chosen], self.labels[chosen])


def joined(lists: Sequence[Listed]) -> Listed:
    """The files of several lists, one list after the other."""
    full = [listed for listed in lists if listed] or [Listed.of()]
    if len(full) == 1:  # a long list is not copied
        return full[0]
    return Listed(
        np.concatenate([listed.paths for listed in full]),
        np.concatenate([listed.labels for listed in full]),
    )


def is_system(name: str) -> bool:
    """True for hidden names and those of file managers, network drives and archives.

    >>> is_system(".DS_Store"), is_system("@eaDir"), is_system("eagle")
    (True, True, False)
    """
    return name.startswith(".") or name.lower() in _SYSTEM


def class_folders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted, without hidden ones and those of the system."""
    entries = _entries(folder)
    return sorted(e.name for e in entries if _is_folder(e) and not is_system(e.name))


def note_unplaced(root: Path, folder: str, used: Container[str], left_out: LeftOut) -> None:
    """Enter what stands in a folder beside those of its folders that are read.

    Args:
      root: folder of the data set.
      folder: folder below the root; "" for the root itself.
      used: names of the folders that are read.
      left_out: takes in the others.
    """
    for entry in _entries(root / folder):
        path = f"{folder}/{entry.name}" if folder else entry.name
        path += "/" if _is_folder(entry) else ""
        if is_system(entry.name):
            left_out.system.append(path)
        elif entry.name not in used:
            left_out.unplaced.append(path)


def images_below(root: Path, folder: str, left_out: LeftOut) -> list[str]:
    """Sorted paths, relative to the root, of all images in a folder and in those inside it."""
    parts = [part for part in folder.split("/") if part]
    above = [root.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    return sorted(_below(root, folder, left_out, frozenset(map(_identity, above))))


def _below(
    root: Path, folder: str, left_out: LeftOut, above: frozenset[tuple[int, int]]
) -> Iterator[str]:
    """Images in a folder; `above` are the folders that lead to it, itself included."""
    for entry in _entries(root / folder):
        path = f"{folder}/{entry.name}" if folder else entry.name
        if is_system(entry.name):
            left_out.system.append(path)
        elif _is_folder(entry):
            inside = _identity(root / path)
            if inside in above:  # a link; to follow it would give all images this class
                left_out.loops.append(path)
            else:
                yield from _below(root, path, left_out, above | {inside})
        elif os.path.splitext(entry.name)[1].lower() not in IMAGE_SUFFIXES:
            left_out.foreign.append(path)
        elif _is_usable(entry.stat, path, left_out):
            yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(folder: Path) -> tuple[int, int]:
    """Identity of a folder, whatever links lead to it."""
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror}") from None


def is_usable(root: Path, path: str, left_out: LeftOut) -> bool:
    """True if there is a file that is not empty; decoding is tried only in use."""
    return _is_usable(partial(os.stat, os.path.join(root, path)), path, left_out)


def _is_usable(look: Callable[[], os.stat_result], path: str, left_out: LeftOut) -> bool:
    try:
        found = look()
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
        if not paths:
            raise InputError(f"{path} has no image{left_out.told()}")
        left_out.warn()
        return path, paths
    if not path.is_file():
        raise InputError(f"{path}: there is no such folder, image or CSV file")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return path.parent, [path.name]
    paths = _path_column(path)
    if not any(os.path.isfile(path.parent / name) for name in paths):
        named = f", such as {path.parent / paths[0]}" if paths else ""
        raise InputError(f"{path} names no file that exists{named}")
    return path.parent, paths


def _path_column(path: Path) -> list[str]:
    table = tables.read(path)
    column = table.column("path", *tables.PATH_NAMES)
    if column is None:
        raise InputError(f"{path} lacks the column path; its first line must name it")
    return [
        tables.image_path(path.parent, cells[column], table.where(line))
        if cells[column].strip()
        else ""
        for line, cells in table.rows
    ]


def to_predict(
    root: Path,
    paths: Sequence[str],
    side: int,
    *,
    middle: Middle = MIDDLE,
    background: RGB = WHITE,
) -> FileImages:
    """Images to predict, of which any number may turn out to be damaged.

    Args:
      root: folder that relative paths begin at.
      paths: N files, as they are given.
      side: side in pixels of the images that the network was trained on.
      middle: square that the network sees.
      background: color behind transparent pixels.
    """
    damage = Damage(len(paths), limit=1.0)
    return FileImages(str(root), encoded(paths), side, damage, middle=middle, background=background)


def encoded(paths: Sequence[str]) -> np.ndarray:
    """[N] bytes of N paths, without a list of them in between."""
    width = max((len(os.fsencode(path)) for path in paths), default=1)
    return np.fromiter(map(os.fsencode, paths), f"S{max(width, 1)}", len(paths))


def warn_of_damage(images: FileImages) -> None:
    """Log one line with the number of files that could not be read, if any.

    Args:
      images: images after a pass over all of them.
    """
    damaged = images.damage.among(images.paths)
    if damaged is not None and damaged.any():
        logging.getLogger("ieg").warning(
            "%d of %d files cannot be read, and nothing is predicted for them: %s",
            damaged.sum(),
            len(images),
            damaged_files(images),
        )


def damaged_files(images: FileImages) -> str:
    """Names of the first damaged files, and what is wrong with the first."""
    table = images.damage.table()
    names = [path or "(no path)" for path in table["path"]]
    return f"{first_few(names)}; the first: {table['reason'][0]}"


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
    folders = _folders_of(classes, place, left_out)
    note_unplaced(root, folder, folders.values(), left_out)
    lists = []
    for label, name in enumerate(classes):
        path = "/".join(part for part in (folder, folders.get(name, "")) if part)
        images = images_below(root, path, left_out) if name in folders else []
        lists.append(Listed.of(images, [label] * len(images)))
    without = [name for name, listed in zip(classes, lists, strict=True) if not listed]
    if every_class and without:
        few = "1 class has" if len(without) == 1 else f"{len(without)} classes have"
        raise InputError(f"{few} no image in {place}: {first_few(without)}{left_out.told()}")
    return joined(lists)


def _folders_of(classes: Sequence[str], place: Path, left_out: LeftOut) -> dict[str, str]:
    """Class → its folder, which may be spelled with other capitals or accents."""
    present = class_folders(place)
    found = {name: name for name in present if name in classes}
    for folder in (name for name in present if name not in classes):
        meant = [name for name in classes if likeness(name) == likeness(folder)]
        if len(meant) != 1 or meant[0] in found:
            raise InputError(
                f"{place} has folders of classes that are not among those to train on: "
                f"{first_few([name for name in present if name not in classes])}"
            )
        found[meant[0]] = folder
        left_out.notes.append(f"{place / folder} is read as images of the class {meant[0]}")
    return found


def likeness(name: str) -> str | float:
    """Value of a name, or its letters whatever their case: alike for classes that are probably one.

    >>> likeness("Red  ant") == likeness("red ant"), likeness("0") == likeness("0.0")
    (True, True)
    """
    try:
        return float(name)
    except ValueError:
        return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def check_classes(classes: Sequence[str], where: str, left_out: LeftOut) -> None:
    """Check the names of classes, and note those that are probably one.

    Args:
      classes: K names.
      where: place that has them, for the messages.
      left_out: what was left out of that place, which goes into the message.
    Raises:
      InputError: there are fewer than two, or a name is no text of one line.
    """
    if len(classes) < 2:
        found = f"only the class {classes[0]}" if classes else "no class"
        raise InputError(f"{where} has {found}; a classifier needs at least two{left_out.told()}")
    for name in classes:
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
            raise InputError(
                f"{where} has the class {os.fsencode(name)!r}; rename it: it must be one line of "
                "text in UTF-8"
            )
    alike: dict[str | float, list[str]] = {}
    for name in classes:
        alike.setdefault(likeness(name), []).append(name)
    left_out.notes += [
        f"classes that are nearly the same: {' and '.join(map(repr, names))}; if they are one, "
        "give them one name"
        for names in alike.values()
        if len(names) > 1
    ]


def split_off(
    everything: Listed, classes: Sequence[str], seed: int, left_out: LeftOut
) -> tuple[Listed, Listed, dict[str, Any]]:
    """Draw a test split: a fifth of every class, at least one image.

    Args:
      everything: the images to split.
      classes: K names.
      seed: the run's seed.
      left_out: what was left out before, which goes into the message.
    Returns:
      training images; test images; a table with the columns path (bytes) and split.
    Raises:
      InputError: a class has fewer than two images.
    """
    labels = everything.labels
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < 2:
        small = first_few([name for name, n in zip(classes, counts, strict=True) if n < 2])
        raise InputError(
            f"there is no test split, and none can be made of classes with less than two images: "
            f"{small}{left_out.told()}"
        )
    order = keys.generator(seed, "test split").permutation(len(labels))
    tested = np.zeros(len(labels), bool)
    for k, count in enumerate(counts):
        members = order[labels[order] == k]
        tested[members[: max(1, round(TEST_SHARE * count))]] = True
    words = ["test" if is_test else "train" for is_test in tested]
    table = {"path": everything.paths, "split": words}
    return everything[~tested], everything[tested], table

"""Reader of the official binary archives: no unpacking to disk, no pickle, every byte checked.

An archive is read twice, since its files stand in any order: first sizes and checksum, then the
records, each file into its place in one array.
"""

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from ieg.data.cifar import Contents, Layout, Records
from ieg.errors import InputError

_BLOCK = 1 << 20  # bytes read at once
_CHUNK = 1000  # records transposed at once
_LONGEST_TEXT = 1 << 16


def read(path: Path, layout: Layout) -> Contents:
    """Read an archive; records come in the order of the files' names.

    Args:
      path: the .tar.gz file.
      layout: expected layout.
    Raises:
      InputError: the file is damaged, truncated, or has another layout.
    """
    try:
        sizes, names = _survey(path, layout)
        train = Records.empty(_count(path, layout, layout.train_files, sizes))
        test = Records.empty(_count(path, layout, layout.test_files, sizes))
        places = _places(layout, layout.train_files, sizes, train)
        places |= _places(layout, layout.test_files, sizes, test)
        for name, _, file in _members(path, layout):
            if name in places:
                _fill(places[name], file, layout, f"{path}: {name}")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"cannot read {path}, which is damaged or no .tar.gz archive: {error}; get it again"
        ) from None
    return Contents(train, test, names)


def _members(path: Path, layout: Layout) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Yield name, size and content of every file in the archive, in its order, to the last byte."""
    with gzip.open(path) as stream:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK) as archive:
            for member in archive:
                folder, _, name = member.name.removeprefix("./").partition("/")
                if folder == layout.folder and member.isdir() and not name:
                    continue
                file = archive.extractfile(member) if member.isreg() else None
                if folder != layout.folder or not name or file is None:
                    raise InputError(
                        f"{path} is not the official {layout.archive}: {member.name} is no file of "
                        f"its folder {layout.folder}"
                    )
                yield name, member.size, file
        while stream.read(_BLOCK):  # gzip compares its checksum at the very end
            pass


def _survey(path: Path, layout: Layout) -> tuple[dict[str, int], tuple[str, ...]]:
    """Sizes of the files by name, and the class names."""
    data = (*layout.train_files, *layout.test_files)
    sizes: dict[str, int] = {}
    text = b""
    for name, size, file in _members(path, layout):
        if name in sizes:
            raise InputError(f"{path} holds {name} twice")
        if name.endswith(".bin") and name not in data:
            raise InputError(f"{path} is not the official {layout.archive}: it holds {name}")
        if name == layout.names_file:
            text = file.read(_LONGEST_TEXT)
        sizes[name] = size
    missing = [name for name in (*data, layout.names_file) if name not in sizes]
    if missing:
        raise InputError(f"{path} is not the official {layout.archive}: it lacks {missing[0]}")
    names = tuple(filter(None, map(str.strip, text.decode(errors="replace").splitlines())))
    if not len(names) == len(set(names)) == layout.num_classes:
        raise InputError(
            f"{path}: {layout.names_file} must hold {layout.num_classes} different class names, "
            f"not {len(set(names))}"
        )
    return sizes, names


def _count(path: Path, layout: Layout, files: tuple[str, ...], sizes: Mapping[str, int]) -> int:
    """Number of records of a split."""
    for name in files:
        if sizes[name] % layout.record_bytes or not sizes[name]:
            raise InputError(
                f"{path}: {name} has {sizes[name]:,} bytes, which is no multiple of the "
                f"{layout.record_bytes:,} of a record; the file is truncated"
            )
    return sum(sizes[name] for name in files) // layout.record_bytes


def _places(
    layout: Layout, files: tuple[str, ...], sizes: Mapping[str, int], split: Records
) -> dict[str, Records]:
    """Part of the split that each file fills, by name."""
    ends = np.cumsum([sizes[name] // layout.record_bytes for name in files])
    starts = [0, *ends[:-1]]
    return {
        name: Records(*(array[start:end] for array in split))
        for name, start, end in zip(files, starts, ends, strict=True)
    }


def _fill(part: Records, file: IO[bytes], layout: Layout, where: str) -> None:
    """Read the records of one file into their place."""
    for start in range(0, len(part.labels), _CHUNK):
        images = part.images[start : start + _CHUNK]
        block = file.read(len(images) * layout.record_bytes)
        records = np.frombuffer(block, np.uint8).reshape(len(images), layout.record_bytes)
        planes = records[:, layout.label_bytes :].reshape(-1, 3, 32, 32)
        images[:] = planes.transpose(0, 2, 3, 1)
        part.labels[start : start + _CHUNK] = records[:, layout.label_bytes - 1]
        if layout.num_superclasses:
            part.superlabels[start : start + _CHUNK] = records[:, 0]
    _check(part.labels, layout.num_classes, f"{where}: label")
    if layout.num_superclasses:
        _check(part.superlabels, layout.num_superclasses, f"{where}: coarse label")


def _check(labels: np.ndarray, count: int, name: str) -> None:
    wrong = np.flatnonzero(labels >= count)
    if len(wrong):
        raise InputError(
            f"{name} {labels[wrong[0]]} of record {wrong[0]} is out of range 0 to {count - 1}"
        )

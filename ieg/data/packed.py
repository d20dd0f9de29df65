"""Packed images: a data set of files in a few large ones, with access to each image by its number.

    DIR/images-00000.arrayrecord    the contents of files, as they were
    DIR/pack.npz                    paths, labels and splits; written last, so that a pack is whole

Shards are ArrayRecord, of groups of one record: a batch is a function of the step, so images are
read by number, in any order. Each record has a checksum. Reading opens a few files in the place of
a million, as network file systems and mounted object storage like it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ieg.data.files import FileImages, first_few
from ieg.data.sources import Annotations, ProbeSet, Source, Split
from ieg.errors import InputError

FORMAT = 1
INDEX = "pack.npz"
#: Bytes of a shard, about.
SHARD_BYTES = 1 << 28
#: Names of what a killed process leaves.
_UNFINISHED = re.compile(rf"images-\d{{5,}}\.arrayrecord|{re.escape(INDEX)}\.part")
_SPLITS = ("train", "test", "validation")


@dataclass(frozen=True, eq=False)
class Pack:
    """Contents of N files by their paths.

    Attributes:
      paths: [N] bytes, sorted.
      numbers: [N] int64, the record of each.
      sizes: [N] int64, its bytes.
      records: reads a record by its number.
    """

    paths: NDArray[np.bytes_]
    numbers: NDArray[np.int64]
    sizes: NDArray[np.int64]
    records: Sequence[bytes]

    def read(self, path: bytes) -> bytes:
        """Content of a file.

        Raises:
          OSError: the record is damaged.
        """
        try:
            return self.records[int(self.numbers[np.searchsorted(self.paths, path)])]
        except (ValueError, RuntimeError) as error:
            raise OSError(f"damaged in its pack: {error}") from None

    def sizes_of(self, paths: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """[n] bytes of files [n]."""
        return self.sizes[np.searchsorted(self.paths, paths)]


def write(source: Source, folder: Path) -> tuple[int, int]:
    """Pack the image files of a data set.

    Args:
      source: with image files.
      folder: new, empty, or with what a killed process has left of a pack.
    Returns:
      number of images and of shards.
    Raises:
      InputError: the examples are no files, one cannot be read, or the folder has other files or
        cannot be written to.
    """
    splits = {name: getattr(source, name) for name in _SPLITS}
    images = {name: split.images for name, split in splits.items() if split is not None}
    if not all(isinstance(one, FileImages) for one in images.values()):
        raise InputError("packs image files, and these are none", option="mode", value="pack")
    paths, places = np.unique(
        np.concatenate([one.paths for one in images.values()]), return_index=True
    )
    # Images of a class stay together, as they were listed.
    order = np.argsort(places)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.arange(len(order))
    try:
        _prepare(folder)
        train = images["train"]
        sizes, shards = _write_records(folder, map(train.read, paths[order].tolist()))
        facts = _facts(source)
        with open(folder / f"{INDEX}.part", "wb") as file:
            np.savez(
                file, format=FORMAT, paths=paths, numbers=numbers, sizes=sizes[numbers],
                shard_bytes=[(folder / name).stat().st_size for name in shards], **facts,
            )  # fmt: skip
            file.flush()
            os.fsync(file.fileno())
        os.replace(folder / f"{INDEX}.part", folder / INDEX)
    except OSError as error:
        named = f": {os.fsdecode(error.filename)}" if error.filename else ""
        raise InputError(f"cannot pack into {folder}: {error.strerror or error}{named}") from None
    return len(paths), len(shards)


def _prepare(folder: Path) -> None:
    """Make the folder, or empty it of an unfinished pack; nothing is removed beside other files."""
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(folder.iterdir())
    for path in found:
        if not _UNFINISHED.fullmatch(path.name):
            raise InputError(
                f"{folder} has {path.name}; give a new folder", option="output", value=folder
            )
    for path in found:
        path.unlink()


def _write_records(folder: Path, contents: Iterator[bytes]) -> tuple[NDArray[np.int64], list[str]]:
    """[N] bytes of each record, and the names of the shards."""
    from array_record.python.array_record_module import ArrayRecordWriter

    sizes, names, filled, writer = list[int](), list[str](), 0, None
    for content in contents:
        if writer is None or filled + len(content) > SHARD_BYTES:
            if writer is not None:
                writer.close()
            names.append(_name(len(names)))
            # Images are compressed already.
            writer = ArrayRecordWriter(str(folder / names[-1]), "group_size:1,uncompressed")
            filled = 0
        writer.write(content)
        sizes.append(len(content))
        filled += len(content)
    if writer is not None:
        writer.close()
    return np.array(sizes, np.int64), names


def _name(number: int) -> str:
    return f"images-{number:05d}.arrayrecord"


def _facts(source: Source) -> dict[str, Any]:
    """Everything of a source but its images, as arrays by name."""
    facts: dict[str, Any] = {"class_names": np.array(source.class_names)}
    for name in _SPLITS:
        split = getattr(source, name)
        if split is not None:
            facts |= {f"{name}_paths": split.images.paths, f"{name}_labels": split.labels}
    more: Mapping[str, Any] = {
        "true_labels": source.train.true_labels,
        "side": source.train.images.shape[1],
        "probe": None if source.probe is None else source.probe.indices,
        "probe_labels": None if source.probe is None else source.probe.labels,
    }
    if source.annotations is not None:
        more = {**more, **source.annotations._asdict()}
    return facts | {name: value for name, value in more.items() if value is not None}


@dataclass(frozen=True, eq=False)
class Packed:
    """Content of a folder of packed images.

    Attributes:
      pack: the images.
      facts: of the data set, see `_facts`.
    """

    pack: Pack
    facts: Mapping[str, NDArray[Any]]

    @property
    def class_names(self) -> tuple[str, ...]:
        """K names."""
        return tuple(map(str, self.facts["class_names"]))

    def split(self, name: str, images: FileImages) -> Split:
        """A split, of images that have no paths yet."""
        true = self.facts.get("true_labels") if name == "train" else None
        chosen = images.with_paths(self.facts[f"{name}_paths"])
        return Split(chosen, self.facts[f"{name}_labels"], true_labels=true)

    def probe(self) -> ProbeSet | None:
        """The probe set, if there is one."""
        if "probe" not in self.facts:
            return None
        return ProbeSet(self.facts["probe"], self.facts["probe_labels"])

    def annotations(self) -> Annotations | None:
        """The labels of several people, if there are any."""
        if "annotator" not in self.facts:
            return None
        return Annotations(*(self.facts[name] for name in Annotations._fields))


def read(folder: Path) -> Packed:
    """Open packed images.

    Raises:
      InputError: there is no whole pack in the folder; shards are missing or cut off; or reading
        needs a package that is not installed.
    """
    if not (folder / INDEX).is_file():
        problem = "is no folder" if not folder.is_dir() else f"has no {INDEX}: it is no whole pack"
        raise InputError(f"{folder} {problem}; `mode=pack` makes one")
    try:
        with np.load(folder / INDEX, allow_pickle=False) as arrays:
            facts = dict(arrays)
        version = int(facts["format"])
        keys = ("paths", "numbers", "sizes")
        paths, numbers, sizes = (facts.pop(key) for key in keys)
        expected = facts.pop("shard_bytes").tolist()
    except Exception as error:  # NumPy has no error of its own for what is no archive
        raise InputError(f"{folder / INDEX} is damaged ({error}); pack the images again") from None
    if version > FORMAT:
        raise InputError(
            f"{folder} was packed by a newer ieg (format {version}, this one reads {FORMAT})"
        )
    shards = [folder / _name(number) for number in range(len(expected))]
    broken = [
        str(shard)
        for shard, size in zip(shards, expected, strict=True)
        if not shard.is_file() or shard.stat().st_size != size
    ]
    if broken:
        raise InputError(f"missing or cut off: {first_few(broken)}; pack the images again")
    return Packed(Pack(paths, numbers, sizes, _records(shards)), facts)


def _records(shards: Iterable[Path]) -> Sequence[bytes]:
    try:
        from array_record.python.array_record_data_source import ArrayRecordDataSource
    except ImportError:
        raise InputError(
            "packed images need the package array_record, which exists for Linux and macOS"
        ) from None
    found: Sequence[bytes] = ArrayRecordDataSource([str(shard) for shard in shards])
    return found

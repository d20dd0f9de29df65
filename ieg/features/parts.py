"""Parts of the work that processes share: "2/3" is the second of three.

A process that has finished its part leaves a note beside the shards, `part-2-of-3-<digest>.json`,
by which others see that nothing is missing, and that all parts were cut from the same list.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ieg.data.files import first_few
from ieg.errors import InputError
from ieg.features.shards import UNFINISHED, replacing


def parse_part(text: str) -> tuple[int, int]:
    """(i, n) of "i/n".

    Raises:
      InputError: it is no such text, or i is not in 1 .. n.

    >>> parse_part("2/3")
    (2, 3)
    """
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(
            "must be i/n with 1 ≤ i ≤ n, such as 2/3 for the second of three parts",
            option="shard",
            value=text,
        )
    return int(found[1]), int(found[2])


@dataclass(frozen=True)
class Note:
    """Note of a process on the part that it has finished.

    Attributes:
      number, count: i and n.
      images: digest of all images in their order, those of the other parts included.
      views: lines of `Views.definitions` of the training images.
      damaged: for each split the numbers of the images that cannot be decoded.
    """

    number: int
    count: int
    images: str
    views: list[str]
    damaged: list[list[int]] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write the note to a folder of features.

        Raises:
          InputError: the folder cannot be written to.
        """
        digest = hashlib.sha256("\n".join([self.images, *self.views]).encode()).hexdigest()[:12]
        path = folder / f"part-{self.number}-of-{self.count}-{digest}.json"
        try:
            with replacing(path) as file:
                file.write(json.dumps(asdict(self), indent=2).encode())
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}") from None


def complete(folders: Sequence[Path], images: str, views: Sequence[str]) -> list[Note]:
    """The notes of all parts of some images.

    Args:
      folders: folders of features.
      images: digest of the images, as in `Note`.
      views: lines of the views that are needed.
    Raises:
      InputError: a part is missing, is there twice, or has other images, another order or other
        views; the message names the files.
    """
    notes = _read(folders)
    if not notes:
        raise InputError(
            f"{first_few([str(folder) for folder in folders])}: no process has finished its part, "
            f"of which a file part-i-of-n would tell{_unfinished(folders)}"
        )
    same = {path: note for path, note in notes.items() if note.images == images}
    if not same:
        raise InputError(
            f"{_named(notes)}: of other images, or of the same ones in another order; embed "
            "with the same data set, seed and splits"
        )
    fitting = {path: note for path, note in same.items() if set(views) <= set(note.views)}
    if not fitting:
        raise InputError(f"{_named(same)}: of other views; embed with the same `feature_views`")
    # A folder that has a part with these views and again with more of them has all its features.
    once = {(path.parent, note.number, note.count): path for path, note in fitting.items()}
    fitting = {path: fitting[path] for path in once.values()}
    counts = {note.count for note in fitting.values()}
    if len(counts) > 1:
        raise InputError(f"{_named(fitting)}: parts of different divisions; keep those of one")
    count = counts.pop()
    for number in range(1, count + 1):
        having = {path: note for path, note in fitting.items() if note.number == number}
        if len(having) > 1:
            raise InputError(f"{_named(having)}: the same part twice; keep one of them")
    missing = sorted(set(range(1, count + 1)) - {note.number for note in fitting.values()})
    if missing:
        raise InputError(
            f"parts are missing: {first_few([f'{number}/{count}' for number in missing])}; "
            f"there are {_named(fitting)}{_unfinished(folders)}"
        )
    return list(fitting.values())


def _read(folders: Sequence[Path]) -> dict[Path, Note]:
    notes = {}
    for path in sorted(path for folder in folders for path in folder.glob("part-*.json")):
        try:
            notes[path] = Note(**json.loads(path.read_bytes()))
        except (ValueError, TypeError):
            raise InputError(f"{path} is damaged; copy it, or embed its part again") from None
    return notes


def _named(notes: dict[Path, Note]) -> str:
    return first_few([str(path) for path in notes])


def _unfinished(folders: Sequence[Path]) -> str:
    found = [str(path) for folder in folders for path in sorted(folder.glob(f"*{UNFINISHED}"))]
    return f"; half written: {first_few(found)}" if found else ""

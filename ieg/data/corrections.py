"""Decisions on given labels by a person who looked at the images, applied to a training set.

A CSV file with the columns index or path (or both, as in label_audit.csv), decision (wrong, fine or
unsure; empty: not looked at) and new_label, and perhaps given_label. Wrong labels become the new
one, or without any take their example out of training; fine and unsure ones stay. In a file without
the column decision every new_label counts, as it does behind relabel. Rows are applied in their
order, so that decisions on a corrected run may be put below those that it was corrected by: of
several on one image the last counts.
"""

import csv
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ieg.data.files import first_few
from ieg.errors import InputError

DECISIONS = ("wrong", "fine", "unsure")
#: The new label counts, whatever the image was labelled before: what rows of a file without the
#: column decision mean.
_RELABEL = "relabel"
#: Those of a file that are read; the others of a label audit say nothing here.
COLUMNS = ("index", "path", "given_label", "decision", "new_label")


@dataclass(frozen=True)
class Decision:
    """A row; "" stands for an empty cell or no such column, and `decision` may be relabel too."""

    line: int
    index: str
    path: str
    given_label: str
    decision: str
    new_label: str


class Corrections(NamedTuple):
    """What decisions did to a training set.

    Attributes:
      file: where they stand.
      relabelled: examples that have another label than before.
      dropped: examples that are no longer trained on.
      fine, unsure: examples whose last decision leaves the label as it is then.
      probe: rows on clean probe images, whose labels are right anyway.
    """

    file: str
    relabelled: int
    dropped: int
    fine: int
    unsure: int
    probe: int


def content(path: str) -> bytes:
    """What a file of decisions holds.

    Raises:
      InputError: it cannot be read.
    """
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise InputError(f"--label_corrections: cannot read {path}: {error.strerror}") from None


def digest(path: str) -> str:
    """Eight digits that stand for what a file of decisions holds, wherever it lies."""
    return hashlib.sha256(content(path)).hexdigest()[:8]


def read(path: Path) -> list[Decision]:
    """The rows of a file of decisions.

    Raises:
      InputError: it is missing, no CSV file, lacks columns, or a line is not as it should be.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, cells) for cells in reader if cells]
    except OSError as error:
        raise InputError(f"--label_corrections: cannot read {path}: {error.strerror}") from None
    except csv.Error as error:
        raise InputError(f"--label_corrections: {path} is no CSV file: {error}") from None
    header = lines[0][1] if lines else []
    if not ({"index", "path"} & set(header) and {"decision", "new_label"} & set(header)):
        raise InputError(
            f"--label_corrections: {path} must have the columns index or path, and decision or "
            f"new_label; its first line is {','.join(header)!r}"
        )
    return [_decision(path, header, number, cells) for number, cells in lines[1:]]


def _decision(path: Path, header: Sequence[str], number: int, cells: Sequence[str]) -> Decision:
    where = f"--label_corrections: {path}, line {number}"
    if len(cells) != len(header):
        raise InputError(f"{where}: {len(cells)} cells, but the first line has {len(header)}")
    values = dict(zip(header, cells, strict=True))
    row = Decision(number, *(values.get(name, "") for name in COLUMNS))
    if not row.index and not row.path:
        raise InputError(f"{where}: neither index nor path says which image is meant")
    if "decision" not in header and row.new_label:
        return replace(row, decision=_RELABEL)
    if row.decision == _RELABEL and not row.new_label:
        raise InputError(f"{where}: relabel needs a new_label")
    if row.decision not in ("", *DECISIONS, _RELABEL):
        raise InputError(
            f"{where}: decision must be {', '.join(DECISIONS)} or empty, not {row.decision!r}"
        )
    return row


def apply(
    path: Path,
    given: np.ndarray,
    kept: np.ndarray,
    probe: np.ndarray,
    *,
    class_names: Sequence[str],
    files: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, Corrections]:
    """Corrects given labels.

    Args:
      path: of the file of decisions.
      given: [N] labels of the whole training split, as the user saw them.
      kept: [n] indices of the examples to train on.
      probe: indices of clean probe examples, which no decision changes.
      class_names: K names.
      files: [N] paths of the images, as bytes; None for images without.
    Returns:
      [N] labels; indices of the examples to train on; what was done.
    Raises:
      InputError: the file is not as it should be, or speaks of images, labels or classes that are
        not there; the first such line is named.
    """
    rows = read(path)
    examples = _Examples(kept, probe, class_names, files)
    corrected, dropped, changed = given.copy(), dict[int, int](), dict[int, int]()
    last, on_probe = dict[int, str](), 0
    for row in rows:
        where = f"--label_corrections: {path}, line {row.line}"
        i = examples.find(row, where)
        if i in examples.probe:
            on_probe += 1
            continue
        if i in dropped:
            raise InputError(f"{where}: {examples.name(i)} is dropped in line {dropped[i]} already")
        label = class_names[corrected[i]]
        if row.given_label not in ("", label) and i in changed:
            raise InputError(
                f"{where}: {examples.name(i)} is labelled {label!r} since line {changed[i]}, and "
                f"this line was made when it was {row.given_label!r}: remove one of the two"
            )
        if row.given_label not in ("", label):
            raise InputError(
                f"{where}: {examples.name(i)} is labelled {label!r} now, and the file was made "
                f"when it was {row.given_label!r}: data set, --noise or --seed are not the same"
            )
        if row.new_label and row.decision:
            new = examples.label(row, where)
            if row.decision in DECISIONS and (row.decision == "wrong") == (row.new_label == label):
                raise InputError(
                    f"{where}: {row.decision} does not go with the new label {row.new_label!r} of "
                    f"an image that is labelled {label!r}"
                )
            corrected[i], changed[i] = new, row.line
        elif row.decision == "wrong":
            dropped[i] = row.line
        if row.decision:
            last[i] = row.decision
    remaining = np.setdiff1d(kept, np.array(list(dropped), np.int64))
    _check_classes(path, given[kept], corrected[remaining], class_names)
    done = Corrections(
        file=str(path),
        relabelled=int(np.sum(corrected[remaining] != given[remaining])),
        dropped=len(dropped),
        fine=sum(decision == "fine" for decision in last.values()),
        unsure=sum(decision == "unsure" for decision in last.values()),
        probe=on_probe,
    )
    return corrected, remaining, done


class _Examples:
    """The examples that decisions may speak of."""

    def __init__(
        self,
        kept: np.ndarray,
        probe: np.ndarray,
        class_names: Sequence[str],
        files: np.ndarray | None,
    ) -> None:
        self._allowed = {*kept.tolist(), *probe.tolist()}
        self.probe = set(probe.tolist())
        self._labels = {name: k for k, name in enumerate(class_names)}
        self._names = None if files is None else [os.fsdecode(name) for name in files]
        self._places = {name: i for i, name in enumerate(self._names or ())}

    def name(self, i: int) -> str:
        """What to call an example."""
        return f"image {i}" if self._names is None else self._names[i]

    def find(self, row: Decision, where: str) -> int:
        """The index of the example that a row means: by its path where it has one."""
        if row.path:
            i = self._places.get(row.path, -1)
        else:
            i = int(row.index) if row.index.isdecimal() else -1
        if i not in self._allowed:
            raise InputError(
                f"{where}: {row.path or f'image {row.index}'} is none of the "
                f"{len(self._allowed):,} training images of this run{self._form(row.path)}"
            )
        return i

    def _form(self, path: str) -> str:
        """How to write what an unknown path should have said."""
        if not path:
            return ""
        if self._names is None:
            return ", which are no files: leave path empty and give index"
        names = [self._names[i] for i in sorted(self._allowed)]
        meant = (name for name in names if path.endswith(f"/{name}"))
        return f": paths look like {next(meant, names[0])}"

    def label(self, row: Decision, where: str) -> int:
        """The number of the new class."""
        if row.new_label not in self._labels:
            known = first_few(list(self._labels), 10)
            raise InputError(
                f"{where}: {row.new_label!r} is no class of this data set, which has {known}"
            )
        return self._labels[row.new_label]


def _check_classes(
    path: Path, before: np.ndarray, after: np.ndarray, class_names: Sequence[str]
) -> None:
    empty = np.setdiff1d(before, after)
    if len(empty):
        raise InputError(
            f"--label_corrections: {path} leaves no image to train on that is labelled "
            f"{class_names[empty[0]]!r}"
        )

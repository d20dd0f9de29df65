"""Corrections of given labels: a person's decisions on images, applied to the training examples.

The decisions are a CSV file with the columns index or path (or both, as in label_audit.csv),
decision (wrong, fine, unsure, drop, or empty for images not looked at) and new_label, and perhaps
given_label. A wrong label becomes the new one; without a new label its example is dropped from
training, and drop does that to an image whatever its label. Fine and unsure labels stay. The
decision relabel sets the new label whatever the old one was; in a file without the column decision
every new_label is one.

Exports of Label Studio and cleanlab's tables of issues are read too, see `foreign`.

Rows are applied in order, so decisions on a corrected run may be appended to those that corrected
it. The last decision on an image counts.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ieg.data import foreign, tables
from ieg.data.files import first_few
from ieg.errors import InputError

DECISIONS = ("wrong", "fine", "unsure", "drop")
#: Decision to set the new label whatever the old one was; implied without the column decision.
_RELABEL = "relabel"
_DROP = "drop"
#: Columns that are read; others, as in label_audit.csv, are ignored.
COLUMNS = ("index", "path", "given_label", "decision", "new_label")


@dataclass(frozen=True)
class Decision:
    """Row of a file of decisions; "" for an empty cell or a missing column.

    Attributes:
      line: number of its line, or of its task in JSON, for error messages.
      index: example in the training split, as text.
      path: image file, which goes before `index`.
      given_label: class name before the decision.
      decision: "wrong", "fine", "unsure", "drop", "relabel" or "".
      new_label: class name after the decision.
      foreign: True for a row of another tool, which `translated` brings to the paths and class
        names of a data set.
    """

    line: int
    index: str
    path: str
    given_label: str
    decision: str
    new_label: str
    foreign: bool = False


class Corrections(NamedTuple):
    """Numbers of corrected training examples.

    Attributes:
      file: path of the decisions.
      relabelled: examples with another label than before.
      dropped: examples taken out of training.
      fine, unsure: examples whose last decision says so.
      probe: rows on probe examples, which no decision changes.
    """

    file: str
    relabelled: int
    dropped: int
    fine: int
    unsure: int
    probe: int


def content(path: str) -> bytes:
    """Content of a file of decisions.

    Raises:
      InputError: it cannot be read.
    """
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", option="label_corrections"
        ) from None


def digest(path: str) -> str:
    """Eight hexadecimal digits of a digest of a file's content, whatever its path."""
    return hashlib.sha256(content(path)).hexdigest()[:8]


def read(path: Path) -> list[Decision]:
    """Read the rows of a file of decisions.

    Raises:
      InputError: the file is missing, in no known format or without a needed column, or a line is
        wrong.
    """
    text = content(str(path)).removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"[", b"{")):
        return [_of_other_tool(row) for row in foreign.label_studio_json(path, text)]
    table = tables.read(path, option="label_corrections", errors="surrogateescape")
    if table.column("decision") is None and table.column("new_label") is None:
        others = foreign.of_table(table)
        if others is not None:
            return [_of_other_tool(row) for row in others]
    found = {name: table.column(name) for name in COLUMNS}
    columns = {name: column for name, column in found.items() if column is not None}
    if not ({"index", "path"} & set(columns) and {"decision", "new_label"} & set(columns)):
        raise InputError(
            f"{path} must have the columns index or path, and decision or new_label; its first "
            f"line is {','.join(table.header)!r}",
            option="label_corrections",
        )
    return [_decision(path, columns, number, cells) for number, cells in table.rows]


def _of_other_tool(row: foreign.Labelled) -> Decision:
    decision = _RELABEL if row.new_label else ""
    return Decision(
        row.number, row.example, row.path, row.given_label, decision, row.new_label, foreign=True
    )


def translated(
    rows: Sequence[Decision], class_names: Sequence[str], files: np.ndarray | None
) -> list[Decision]:
    """Rows of other tools with the paths and class names of a data set; others as they are.

    Class numbers, where no class is called by one, become names if the given labels are numbers
    too: `apply` then compares each with the label that the image has.

    Args:
      rows: from `read`.
      class_names: K names.
      files: [N] paths of the images, as bytes; None for images in memory.
    Raises:
      InputError: an address may mean several images.
    """
    names = [] if files is None else [os.fsdecode(name) for name in files]
    others = [row for row in rows if row.foreign]
    labels = {x for row in others for x in (row.given_label, row.new_label) if x}
    numbers = {str(k): name for k, name in enumerate(class_names)}
    numbered = labels <= numbers.keys() - set(class_names) and all(r.given_label for r in others)
    called = numbers if numbered else {}
    found = []
    for row in rows:
        if row.foreign:
            row = replace(
                row,
                path=_file(row, names) if row.path else "",
                given_label=called.get(row.given_label, row.given_label),
                new_label=called.get(row.new_label, row.new_label),
            )
        found.append(row)
    return found


def _file(row: Decision, names: Sequence[str]) -> str:
    """Path of a row's image; an unknown one as it stands."""
    meant = foreign.file_of(row.path, names)
    if len(meant) > 1:
        raise InputError(
            f"{row.path} may be any of {first_few(meant)}: give files names of their own",
            option="label_corrections",
        )
    return meant[0] if meant else row.path


def _decision(
    path: Path, columns: Mapping[str, int], number: int, cells: Sequence[str]
) -> Decision:
    where = _where(path, number)
    values = {name: cells[column] for name, column in columns.items()}
    index, image, given, decision, new = (values.get(name, "") for name in COLUMNS)
    row = Decision(number, index, image, given, decision, new)
    if not row.index and not row.path:
        raise InputError(f"{where}: index or path must name an image, and both are empty")
    if "decision" not in columns and row.new_label:
        return replace(row, decision=_RELABEL)
    if row.decision == _RELABEL and not row.new_label:
        raise InputError(f"{where}: relabel needs a new_label")
    if row.decision == _DROP and row.new_label:
        raise InputError(f"{where}: drop takes no new_label")
    if row.decision not in ("", *DECISIONS, _RELABEL):
        raise InputError(
            f"{where}: decision must be {', '.join(DECISIONS)} or empty, not {row.decision!r}"
        )
    return row


def _where(path: Path, line: int) -> str:
    return f"`label_corrections`: {path}, line {line}"


def apply(
    path: Path,
    given: np.ndarray,
    in_use: np.ndarray,
    probe: np.ndarray,
    *,
    class_names: Sequence[str],
    files: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, Corrections]:
    """Correct given labels.

    Args:
      path: path of the file of decisions.
      given: [N] given labels of the whole training split, after noise.
      in_use: [n] indices of the examples to train on.
      probe: indices of the probe examples, which no decision changes.
      class_names: K names.
      files: [N] paths of the images, as bytes; None for images in memory.
    Returns:
      [N] corrected labels; indices of the examples to train on; numbers of corrections.
    Raises:
      InputError: the file is malformed, or names an image, label or class that is not there. The
        message names the first such line.
    """
    rows = translated(read(path), class_names, files)
    examples = _Examples(in_use, probe, class_names, files)
    corrected, dropped, changed = given.copy(), dict[int, int](), dict[int, int]()
    last, on_probe = dict[int, str](), 0
    for row in rows:
        where = _where(path, row.line)
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
                f"when it was {row.given_label!r}: data set, `noise` or `seed` are not the same"
            )
        if row.new_label and row.decision:
            new = examples.label(row, where)
            if row.decision in DECISIONS and (row.decision == "wrong") == (row.new_label == label):
                raise InputError(
                    f"{where}: {row.decision} does not go with the new label {row.new_label!r} of "
                    f"an image that is labelled {label!r}"
                )
            corrected[i], changed[i] = new, row.line
        elif row.decision in ("wrong", _DROP):
            dropped[i] = row.line
        if row.decision:
            last[i] = row.decision
    remaining = np.setdiff1d(in_use, np.array(list(dropped), np.int64))
    _check_classes(path, given[in_use], corrected[remaining], class_names)
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
    """Examples that decisions may name: those to train on and the probe examples."""

    def __init__(
        self,
        in_use: np.ndarray,
        probe: np.ndarray,
        class_names: Sequence[str],
        files: np.ndarray | None,
    ) -> None:
        self._allowed = {*in_use.tolist(), *probe.tolist()}
        self.probe = set(probe.tolist())
        self._labels = {name: k for k, name in enumerate(class_names)}
        self._names = None if files is None else [os.fsdecode(name) for name in files]
        self._places = {name: i for i, name in enumerate(self._names or ())}

    def name(self, i: int) -> str:
        """Name of an example for a message."""
        return f"image {i}" if self._names is None else self._names[i]

    def find(self, row: Decision, where: str) -> int:
        """Index of a row's example, by its path if it has one."""
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
        """Hint for an unknown path: an example of the paths that there are."""
        if not path:
            return ""
        if self._names is None:
            return ", which are no files: leave path empty and give index"
        names = [self._names[i] for i in sorted(self._allowed)]
        meant = (name for name in names if path.endswith(f"/{name}"))
        return f": paths look like {next(meant, names[0])}"

    def label(self, row: Decision, where: str) -> int:
        """Number of a row's new class."""
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
            f"{path} leaves no image to train on that is labelled {class_names[empty[0]]!r}",
            option="label_corrections",
        )

"""Images of the user's own in a table, `dataset=csv:/path/labels.csv`.

The columns are path (relative to the file), label, and perhaps split (train, test, or probe for
images whose labels have been checked) and true_label (empty where unknown). Labels are names or
numbers; the classes are the labels of the training rows.
"""

import csv
import functools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ieg.data import listing
from ieg.data.files import first_few
from ieg.data.listing import LeftOut, Listed
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry
from ieg.data.sources.folder import PRESET, SIDE
from ieg.errors import InputError

SPLITS = ("train", "test", "probe")
_REQUIRED, _OPTIONAL = ("path", "label"), ("split", "true_label")


@dataclass(frozen=True)
class Row:
    """Row of the table; true_label is "" where unknown."""

    line: int
    path: str
    label: str
    split: str = "train"
    true_label: str = ""


def load(request: Request) -> Source:
    """Load the images of a table.

    Raises:
      InputError: the table cannot be read, or its classes do not fit together.
    """
    path = Path(request.path).expanduser()
    left_out, rows = LeftOut(), read(path)
    rows = _without_repetitions(path, rows, left_out)
    rows = [row for row in rows if listing.is_usable(path.parent, row.path, left_out)]
    classes = _sorted(row.label for row in rows if row.split == "train")
    listing.check_classes(classes, f"{path} (rows to train on)")
    _check_labels(path, rows, classes)
    left_out.warn()
    parts = {split: [row for row in rows if row.split == split] for split in SPLITS}
    made_split = None
    if not parts["test"]:
        labels = [classes.index(row.label) for row in parts["train"]]
        everything = Listed([row.path for row in parts["train"]], labels)
        _, test, made_split = listing.split_off(everything, classes, request.seed)
        tested = set(test.paths)
        parts["test"] = [row for row in parts["train"] if row.path in tested]
        parts["train"] = [row for row in parts["train"] if row.path not in tested]
    trained = parts["train"] + parts["probe"]
    true_labels = [
        classes.index(row.true_label) if row.true_label and row.split == "train" else -1
        for row in trained
    ]
    return listing.make_source(
        request,
        path.parent,
        SIDE,
        classes,
        train=_listed(parts["train"], classes),
        test=_listed(parts["test"], classes),
        probe=_listed(parts["probe"], classes),
        given_labels=np.array([classes.index(row.label) for row in trained]),
        true_labels=np.array(true_labels),
        views=listing.small_views,
        made_split=made_split,
    )


def read(path: Path) -> list[Row]:
    """Read the rows of a table.

    Raises:
      InputError: the file is missing, no CSV file or without a needed column, or a line is wrong.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, cells) for cells in reader if cells]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} is no CSV file in UTF-8: {error}; a cell with a comma, a quote or a line "
            'break must stand in quotes, with "" for a quote'
        ) from None
    header = [name.strip() for name in lines[0][1]] if lines else []
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        raise InputError(
            f"{path} lacks the column {' and '.join(missing)}; its first line must be "
            f"path,label[,split,true_label], and is {','.join(header)!r}"
        )
    doubled = [name for name in (*_REQUIRED, *_OPTIONAL) if header.count(name) > 1]
    if doubled:
        raise InputError(f"{path} has the column {doubled[0]} more than once")
    return [_row(path, header, number, cells) for number, cells in lines[1:]]


def _row(path: Path, header: Sequence[str], number: int, cells: Sequence[str]) -> Row:
    if len(cells) != len(header):
        raise InputError(
            f"{path}, line {number}: {len(cells)} cells, but the first line has {len(header)}; a "
            "name with a comma must stand in quotes"
        )
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    row = Row(
        number,
        values["path"],
        values["label"],
        values.get("split") or "train",
        values.get("true_label", ""),
    )
    if not values["path"] or not row.label or "\n" in row.path + row.label:
        raise InputError(f"{path}, line {number}: path and label must be one line of text each")
    if row.split not in SPLITS:
        raise InputError(
            f"{path}, line {number}: split must be {', '.join(SPLITS)} or empty, not {row.split!r}"
        )
    return row


def _without_repetitions(path: Path, rows: Sequence[Row], left_out: LeftOut) -> list[Row]:
    """Keep each path once; different labels or splits of one path are an error."""
    first: dict[str, Row] = {}
    real = functools.cache(os.path.realpath)  # of folders; files may be links to one content
    for row in rows:
        folder, name = os.path.split(path.parent / row.path)
        before = first.setdefault(os.path.join(real(folder), name), row)
        if before is row:
            continue
        if (before.label, before.split, before.true_label) != (
            row.label,
            row.split,
            row.true_label,
        ):
            raise InputError(
                f"{path}: {row.path} stands in lines {before.line} and {row.line} with different "
                "labels or splits"
            )
        left_out.repeated.append(row.path)
    return list(first.values())


def _check_labels(path: Path, rows: Sequence[Row], classes: Sequence[str]) -> None:
    columns: dict[str, Callable[[Row], str]] = {
        "label": lambda row: row.label,
        "true_label": lambda row: row.true_label or row.label,
    }
    for name, value in columns.items():
        wrong = [f"{value(row)} (line {row.line})" for row in rows if value(row) not in classes]
        if wrong:
            raise InputError(
                f"{path}: {name} must be a class that rows to train on have, and is not for "
                f"{first_few(wrong)}"
            )


def _listed(rows: Sequence[Row], classes: Sequence[str]) -> Listed:
    """Paths with their true labels, or the given ones where those are unknown."""
    labels = [classes.index(row.true_label or row.label) for row in rows]
    return Listed([row.path for row in rows], labels)


def _sorted(labels: Iterable[str]) -> list[str]:
    """Distinct labels: numbers by value, anything else by letters."""
    found = set(labels)
    if all(x.isdecimal() for x in found):
        return sorted(found, key=lambda x: (int(x), x))  # "1" and "01" are two labels
    return sorted(found)


REGISTRY.register("csv")(
    SourceEntry(load, PRESET, files=True, takes_path=True, backbone="efficientnet_lite0")
)

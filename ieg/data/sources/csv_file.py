"""Images of the user's own in a table, `dataset=csv:/path/labels.csv`.

The columns are path (relative to the file), label, and perhaps split (train, test, validation, or
probe for images whose labels have been checked) and true_label (empty where unknown). Labels are
names or numbers; the classes are the labels of the training rows.
"""

import functools
import os
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ieg.data import listing, tables
from ieg.data.files import first_few
from ieg.data.left_out import LeftOut
from ieg.data.listing import Listed
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry
from ieg.data.sources.folder import PRESET, SIDE
from ieg.data.split_names import split_of
from ieg.data.tables import Table
from ieg.errors import InputError

SPLITS = ("train", "test", "validation", "probe")
#: Column → further names of it.
_COLUMNS = {
    "path": tables.PATH_NAMES,
    "label": ("class", "class_name", "category"),
    "true_label": (),
}
#: Spellings of a missing value by pandas, R and databases. "none" may be a class.
_MISSING = ("", "nan", "NaN", "NA", "N/A", "<NA>", "None", "null", "NULL")


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
    left_out = LeftOut()
    rows = _without_repetitions(path, read(path, left_out), left_out)
    rows = [row for row in rows if listing.is_usable(path.parent, row.path, left_out)]
    classes = _sorted(row.label for row in rows if row.split == "train")
    listing.check_classes(classes, f"{path} (rows to train on)", left_out)
    _check_labels(path, rows, classes)
    parts = {split: [row for row in rows if row.split == split] for split in SPLITS}
    made_split = None
    if parts["validation"]:
        left_out.note_validation("the validation split", is_test=not parts["test"])
        parts["test"] = parts["test"] or parts["validation"]
    if not parts["test"]:
        labels = [classes.index(row.label) for row in parts["train"]]
        everything = Listed([row.path for row in parts["train"]], labels)
        _, test, made_split = listing.split_off(everything, classes, request.seed, left_out)
        tested = set(test.paths)
        parts["test"] = [row for row in parts["train"] if row.path in tested]
        parts["train"] = [row for row in parts["train"] if row.path not in tested]
    left_out.warn()
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
        validation=_listed(parts["validation"], classes),
        given_labels=np.array([classes.index(row.label) for row in trained]),
        true_labels=np.array(true_labels),
        views=listing.small_views,
        made_split=made_split,
    )


def read(path: Path, left_out: LeftOut) -> list[Row]:
    """Read the rows of a table.

    Args:
      path: the table.
      left_out: takes in columns that are not read, and cells read otherwise than they stand.
    Raises:
      InputError: the file is missing, no CSV file or without a needed column, or a line is wrong.
    """
    table = tables.read(path)
    columns = _columns(table)
    for name, column in columns.items():
        if tables.key(table.header[column]) != tables.key(name):
            title = table.header[column] or "without a name"
            left_out.notes.append(f"the column {title} is read as {name}")
    others = [title for k, title in enumerate(table.header) if k not in columns.values()]
    if any(others):
        titles = [title for title in others if title]
        left_out.notes.append(f"columns that are not read: {first_few(titles, 10)}")
    _check_present(table, columns["label"])
    rows = [_row(table, columns, line, cells) for line, cells in table.rows]
    turned = [
        cells[columns["path"]]
        for row, (_, cells) in zip(rows, table.rows, strict=True)
        if "\\" in cells[columns["path"]] and "\\" not in row.path
    ]
    if turned:
        left_out.notes.append(f"\\ is read as / in {len(turned)} paths: {first_few(turned)}")
    return _with_whole_numbers(rows, left_out)


def _columns(table: Table) -> dict[str, int]:
    """Name → place in the header, of the columns that are there."""
    found = {name: table.column(name, *others) for name, others in _COLUMNS.items()}
    columns = {name: column for name, column in found.items() if column is not None}
    missing = [name for name in ("path", "label") if name not in columns]
    if missing:
        raise InputError(
            f"{table.path} lacks the column {' and '.join(missing)}; its first line must be "
            f"path,label[,split,true_label], and is {','.join(table.header)!r}"
        )
    split = table.column("split")
    if split is None:
        split = _column_of_splits(table, set(columns.values()))
    return columns if split is None else columns | {"split": split}


def _column_of_splits(table: Table, taken: Container[int]) -> int | None:
    """The column most of whose cells name splits, different ones; None without such a column."""
    found = []
    for column, title in enumerate(table.header):
        cells = [cells[column] for _, cells in table.rows if cells[column].strip()]
        splits = [split for split in map(split_of, cells) if split is not None]
        if column not in taken and len(set(splits)) > 1 and 2 * len(splits) > len(cells):
            found.append((column, title))
    if len(found) > 1:
        titles = " and ".join(title for _, title in found)
        raise InputError(f"{table.path} names splits in {titles}; call the right column split")
    return found[0][0] if found else None


def _check_present(table: Table, column: int) -> None:
    labels = [(line, cells[column].strip()) for line, cells in table.rows]
    missing = [(line, label) for line, label in labels if label in _MISSING]
    if missing:
        spelled = first_few(sorted({label or "empty" for _, label in missing}))
        raise InputError(
            f"{table.path} has no label in line {first_few([str(line) for line, _ in missing])} "
            f"({spelled}): remove such lines, or name the class otherwise if it is one"
        )


def _row(table: Table, columns: Mapping[str, int], line: int, cells: Sequence[str]) -> Row:
    where = table.where(line)
    values = {name: cells[column].strip() for name, column in columns.items()}
    label, split, true = values["label"], values.get("split", ""), values.get("true_label", "")
    if "\n" in label:
        raise InputError(f"{where}: label must be one line of text")
    meant = split_of(split or "train")
    if meant is None:
        raise InputError(
            f"{where}: {table.header[columns['split']]} must be {', '.join(SPLITS)} or empty, "
            f"not {split!r}"
        )
    path = tables.image_path(table.path.parent, cells[columns["path"]], where)
    return Row(line, path, label, meant, "" if true in _MISSING else true)


def _with_whole_numbers(rows: list[Row], left_out: LeftOut) -> list[Row]:
    """Read 1.0 as 1 beside whole numbers: pandas writes a column so if a cell of it is empty."""
    labels = {label for row in rows for label in (row.label, row.true_label)}
    whole = {x: x.partition(".")[0] for x in labels if re.fullmatch(r"\d+\.0+", x)}
    if not whole or not any(label.isdecimal() for label in labels):
        return rows
    first = min(whole)
    left_out.notes.append(f"labels such as {first} are read as {whole[first]}")
    return [
        replace(
            row,
            label=whole.get(row.label, row.label),
            true_label=whole.get(row.true_label, row.true_label),
        )
        for row in rows
    ]


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
    if all(re.fullmatch(r"-?\d+(\.\d+)?", x) for x in found):
        return sorted(found, key=lambda x: (float(x), x))  # "1" and "01" are two labels
    return sorted(found)


REGISTRY.register("csv")(
    SourceEntry(load, PRESET, files=True, takes_path=True, backbone="efficientnet_lite0")
)

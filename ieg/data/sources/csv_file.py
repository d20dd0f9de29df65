"""Images of the user's own in a table, `dataset=csv:/path/labels.csv`.

The columns are path (relative to the file), label, and perhaps split (train, test, validation, or
probe for images whose labels have been checked) and true_label (empty where unknown). Labels are
names or numbers; the classes are the labels of the training rows.

Labels of several people come with a column annotator, one row per label, or in columns label_1,
label_2 and so on, one per person. The label of an image is then the consensus of all.
"""

import functools
import os
import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ieg.audit import annotators
from ieg.data import file_source, listing, tables
from ieg.data.files import first_few
from ieg.data.left_out import LeftOut
from ieg.data.listing import Listed
from ieg.data.sources import REGISTRY, Annotations, Request, Source, SourceEntry
from ieg.data.split_names import split_of
from ieg.data.tables import Table
from ieg.errors import InputError

SIDE = 64

# For some hundred to some thousand photographs on a CPU: a small network, images of 64 pixels, and
# the method that needs no clean examples. The network has a batch norm in front of its last
# pooling: without one, as in resnet20, 600 photographs diverge as soon as FSR's pseudo labels make
# the gradient three times as large.
PRESET = {
    "method": "fsr",
    "network_name": "resnet29",
    "batch_size": 50,
    "max_epoch": 60,
    "learning_rate": 0.03,
    "lr_schedule": "cosine_one",
    "eval_freq": 200,
    "meta_start_epoch": 10,
    "queue_bs": 50,
}

SPLITS = ("train", "test", "validation", "probe")
#: Column → further names of it.
_COLUMNS = {
    "path": tables.PATH_NAMES,
    "label": ("class", "class_name", "category"),
    "true_label": (),
    "annotator": ("annotator_id", "worker", "worker_id"),
}
#: Key of a column with the labels of one person.
_ONE_PERSON = re.compile(r"label\d+")
#: Spellings of a missing value by pandas, R and databases. "none" may be a class.
_MISSING = ("", "nan", "NaN", "NA", "N/A", "<NA>", "None", "null", "NULL")


@dataclass(frozen=True, slots=True)
class Row:
    """Label of the table; true_label is "" where unknown, and annotator where nobody is named."""

    line: int
    path: str
    label: str
    split: str = "train"
    true_label: str = ""
    annotator: str = ""


def load(request: Request) -> Source:
    """Load the images of a table.

    Raises:
      InputError: the table cannot be read, or its classes do not fit together.
    """
    path = Path(request.path).expanduser()
    return of_table(request, tables.read(path), path.parent, LeftOut())


def of_table(request: Request, table: Table, root: Path, left_out: LeftOut) -> Source:
    """Load the images of a table that has been read.

    Args:
      request: what to load.
      table: with the columns of this module.
      root: folder where relative paths begin.
      left_out: what was not read of it so far.
    Raises:
      InputError: a needed column is missing, a line is wrong, or the classes do not fit together.
    """
    path = table.path
    images = [
        image
        for image in _by_image(root, table, _rows(root, table, left_out), left_out)
        if listing.is_usable(root, image[0].path, left_out)
    ]
    given = [row for image in images for row in image]
    classes = _sorted(row.label for row in given if row.split == "train")
    listing.check_classes(classes, f"{path} (rows to train on)", left_out)
    _check_labels(path, given, classes)
    rows = _with_consensus(path, images, classes, left_out)
    parts = {split: [row for row in rows if row.split == split] for split in SPLITS}
    numbers = {name: k for k, name in enumerate(classes)}
    made_split = None
    if parts["validation"]:
        left_out.note_validation("the validation split", is_test=not parts["test"])
        parts["test"] = parts["test"] or parts["validation"]
    if not parts["test"]:
        labels = [numbers[row.label] for row in parts["train"]]
        everything = Listed.of([row.path for row in parts["train"]], labels)
        _, test, made_split = listing.split_off(everything, classes, request.seed, left_out)
        tested = {os.fsdecode(path) for path in test.paths}
        parts["test"] = [row for row in parts["train"] if row.path in tested]
        parts["train"] = [row for row in parts["train"] if row.path not in tested]
    left_out.warn()
    trained = parts["train"] + parts["probe"]
    labels_of = {image[0].path: image for image in images}
    people = _annotations([labels_of[row.path] for row in trained], classes)
    true_labels = [
        numbers[row.true_label] if row.true_label and row.split == "train" else -1
        for row in trained
    ]
    return file_source.make_source(
        request,
        root,
        SIDE,
        classes,
        train=_listed(parts["train"], classes),
        test=_listed(parts["test"], classes),
        probe=_listed(parts["probe"], classes),
        validation=_listed(parts["validation"], classes),
        given_labels=np.array([numbers[row.label] for row in trained]),
        true_labels=np.array(true_labels),
        views=file_source.small_views,
        made_split=made_split,
        annotations=people if len(set(people.annotator)) > 1 else None,
    )


def _rows(root: Path, table: Table, left_out: LeftOut) -> list[Row]:
    """Read the labels of a table.

    Args:
      root: folder where relative paths begin.
      table: the table.
      left_out: takes in columns that are not read, and cells read otherwise than they stand.
    Returns:
      a row for each label; several for a line with the labels of several people.
    Raises:
      InputError: a needed column is missing, or a line is wrong.
    """
    columns = _columns(table)
    for name, column in columns.items():
        if tables.key(table.header[column]) != tables.key(name):
            title = table.header[column] or "without a name"
            left_out.notes.append(f"the column {title} is read as {name}")
    labels = _label_columns(table, columns)
    taken = {*columns.values(), *labels.values()}
    others = [title for k, title in enumerate(table.header) if k not in taken]
    if any(others):
        titles = [title for title in others if title]
        left_out.notes.append(f"columns that are not read: {first_few(titles, 10)}")
    _check_present(table, labels.values())
    if "annotator" in columns:
        _check_named(table, columns["annotator"])
    rows: list[Row] = []
    turned: list[str] = []
    for line, cells in table.rows:
        row, name = _row(root, table, columns, line, cells), cells[columns["path"]]
        rows += _labels(table, row, labels, cells)
        turned += [name] if "\\" in name and "\\" not in row.path else []
    if turned:
        left_out.notes.append(f"\\ is read as / in {len(turned)} paths: {first_few(turned)}")
    return _with_whole_numbers(rows, left_out)


def _columns(table: Table) -> dict[str, int]:
    """Name → place in the header, of the columns that are there."""
    found = {name: table.column(name, *others) for name, others in _COLUMNS.items()}
    columns = {name: column for name, column in found.items() if column is not None}
    missing = [name for name in ("path", "label") if name not in columns]
    people = _people(table)
    if people and len(columns.keys() & {"label", "annotator"}):
        raise InputError(
            f"{table.path} has labels in {first_few([*people], 10)} and in a column label or "
            "annotator: keep one of path,label[,annotator] and path,label_1,label_2,..."
        )
    if "path" in missing or (missing and not people):
        raise InputError(
            f"{table.path} lacks the column {' and '.join(missing)}; its first line must be "
            f"path,label[,split,true_label], and is {','.join(table.header)!r}"
        )
    split = table.column("split")
    if split is None:
        split = _column_of_splits(table, {*columns.values(), *people.values()})
    return columns if split is None else columns | {"split": split}


def _people(table: Table) -> dict[str, int]:
    """Title → place of the columns with the labels of one person each."""
    titles = [title for title in table.header if _ONE_PERSON.fullmatch(tables.key(title))]
    found = {title: table.column(title) for title in titles}
    return {title: column for title, column in found.items() if column is not None}


def _label_columns(table: Table, columns: Mapping[str, int]) -> dict[str, int]:
    """Person → place of the labels; the person "" is named in another column, or nowhere."""
    return {"": columns["label"]} if "label" in columns else _people(table)


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


def _check_present(table: Table, columns: Collection[int]) -> None:
    """Check that each line has a label."""
    missing = {}
    for line, cells in table.rows:
        labels = [cells[column].strip() for column in columns]
        if all(label in _MISSING for label in labels):
            missing[line] = labels[0] or "empty"
    if missing:
        raise InputError(
            f"{table.path} has no label in line {first_few([str(line) for line in missing])} "
            f"({first_few(sorted(set(missing.values())))}): remove such lines, or name the class "
            "otherwise if it is one"
        )


def _check_named(table: Table, column: int) -> None:
    """Check that each line names its annotator."""
    missing = [str(line) for line, cells in table.rows if cells[column].strip() in _MISSING]
    if missing:
        raise InputError(
            f"{table.path} does not say whose label it is in line {first_few(missing)}: fill in "
            f"the column {table.header[column]}, or remove it"
        )


def _row(
    root: Path, table: Table, columns: Mapping[str, int], line: int, cells: Sequence[str]
) -> Row:
    """Row of a line, still without a label."""
    where = table.where(line)
    values = {name: cells[column].strip() for name, column in columns.items()}
    split, true, annotator = (values.get(x, "") for x in ("split", "true_label", "annotator"))
    meant = split_of(split or "train")
    if meant is None:
        raise InputError(
            f"{where}: {table.header[columns['split']]} must be {', '.join(SPLITS)} or empty, "
            f"not {split!r}"
        )
    if "\n" in annotator:
        raise InputError(f"{where}: annotator must be one line of text")
    path = tables.image_path(root, cells[columns["path"]], where)
    return Row(line, path, "", meant, "" if true in _MISSING else true, annotator)


def _labels(
    table: Table, row: Row, columns: Mapping[str, int], cells: Sequence[str]
) -> Iterator[Row]:
    """The row with each label of its line."""
    for person, column in columns.items():
        label = cells[column].strip()
        if "\n" in label:
            raise InputError(f"{table.where(row.line)}: label must be one line of text")
        if label not in _MISSING:
            yield replace(row, label=label, annotator=person or row.annotator)


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


def _by_image(root: Path, table: Table, rows: Sequence[Row], left_out: LeftOut) -> list[list[Row]]:
    """Labels of each image, one of each annotator.

    Raises:
      InputError: rows on one image have different splits or true labels, or different labels of
        one annotator.
    """
    images: list[list[Row]] = []
    known: dict[str, dict[str, list[Row]]] = {}  # folder → name → image
    real = functools.cache(os.path.realpath)  # of folders; files may be links to one content
    begin = os.fspath(root)
    for row in rows:
        folder, name = os.path.split(os.path.join(begin, row.path))
        folder_images = known.setdefault(real(folder), {})
        image = folder_images.get(name)
        if image is None:
            image = folder_images[name] = [row]
            images.append(image)
            continue
        own = next((other for other in image if other.annotator == row.annotator), None)
        before = own or image[0]
        same = (before.split, before.true_label) == (row.split, row.true_label)
        if not same or (own is not None and before.label != row.label):
            what = "splits or true labels" if not same else "labels"
            hint = f" by {row.annotator}" if row.annotator else "; people go in a column annotator"
            raise InputError(
                f"{table.path}: {row.path} stands in lines {before.line} and {row.line} with "
                f"different {what}{hint if same else ''}"
            )
        if own is None:
            image.append(row)
        else:
            left_out.repeated.append(row.path)
    return images


def _with_consensus(
    path: Path, images: Sequence[Sequence[Row]], classes: Sequence[str], left_out: LeftOut
) -> list[Row]:
    """One row per image; its label is the consensus if there are several people."""
    rows = [image[0] for image in images]
    people = {row.annotator for image in images for row in image}
    if len(people) < 2:
        if people != {""}:
            left_out.notes.append(f"all labels are those of {people.pop()}: there is no consensus")
        return rows
    found = annotators.estimate(
        *_annotations(images, classes), num_examples=len(rows), num_classes=len(classes)
    )
    rows = [
        replace(row, label=classes[k]) for row, k in zip(rows, found.label.tolist(), strict=True)
    ]
    agreed = {row.label for row in rows if row.split == "train"}
    line_of = {row.label: row.line for image in images for row in image}
    unused = [f"{name} (line {line_of[name]})" for name in classes if name not in agreed]
    if unused:
        raise InputError(
            f"{path}: by consensus no image to train on is of the class {first_few(unused)}; "
            "correct or remove such labels"
        )
    return rows


def _annotations(images: Sequence[Sequence[Row]], classes: Sequence[str]) -> Annotations:
    """Labels of the images, numbered in their order."""
    numbers = {name: k for k, name in enumerate(classes)}
    return Annotations(
        np.repeat(np.arange(len(images)), [len(image) for image in images]),
        np.array([row.annotator for image in images for row in image]),
        np.array([numbers[row.label] for image in images for row in image], np.int64),
    )


def _check_labels(path: Path, rows: Sequence[Row], classes: Sequence[str]) -> None:
    columns: dict[str, Callable[[Row], str]] = {
        "label": lambda row: row.label,
        "true_label": lambda row: row.true_label or row.label,
    }
    known = set(classes)
    for name, value in columns.items():
        wrong = [f"{value(row)} (line {row.line})" for row in rows if value(row) not in known]
        if wrong:
            raise InputError(
                f"{path}: {name} must be a class that rows to train on have, and is not for "
                f"{first_few([*dict.fromkeys(wrong)])}"
            )


def _listed(rows: Sequence[Row], classes: Sequence[str]) -> Listed:
    """Paths with their true labels, or the given ones where those are unknown."""
    numbers = {name: k for k, name in enumerate(classes)}
    labels = [numbers[row.true_label or row.label] for row in rows]
    return Listed.of([row.path for row in rows], labels)


def _sorted(labels: Iterable[str]) -> list[str]:
    """Distinct labels: numbers by value, anything else by letters."""
    found = set(labels)
    if all(re.fullmatch(r"-?\d+(\.\d+)?", x) for x in found):
        return sorted(found, key=lambda x: (float(x), x))  # "1" and "01" are two labels
    return sorted(found)


REGISTRY.register("csv")(
    SourceEntry(load, PRESET, files=True, takes_path=True, backbone="efficientnet_lite0")
)

"""Images of the user's own in a table, `dataset=csv:/path/labels.csv`.

The columns are path (relative to the file), label, and perhaps split (train, test, validation, or
probe for images whose labels have been checked) and true_label (empty where unknown). Labels are
names or numbers; the classes are the labels of the training rows.

Labels of several people come with a column annotator, one row per label, or in columns label_1,
label_2 and so on, one per person. The label of an image is then the consensus of all.
"""

from __future__ import annotations

import functools
import os
import re
from array import array
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
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
_TRAIN = SPLITS.index("train")
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


@dataclass(frozen=True)
class Labels:
    """Labels of the table in columns: a million take 50 MB, and as many rows 300.

    Attributes:
      texts: texts of all labels and annotators; the first is "".
      line: [m] int32.
      path: [m] bytes.
      split: [m] int8, into `SPLITS`.
      label, true_label, annotator: [m] int32, into `texts`.
      image: [m] int32, number of the image.
    """

    texts: Sequence[str]
    line: np.ndarray
    path: np.ndarray
    split: np.ndarray
    label: np.ndarray
    true_label: np.ndarray
    annotator: np.ndarray
    image: np.ndarray

    def __len__(self) -> int:
        return len(self.line)

    def __getitem__(self, chosen: np.ndarray, /) -> Labels:
        columns = {name: x[chosen] for name, x in vars(self).items() if name != "texts"}
        return Labels(self.texts, **columns)

    def classes(self) -> list[str]:
        """Labels of the rows to train on, sorted."""
        return _sorted(self.texts[k] for k in np.unique(self.label[self.split == _TRAIN]))


@dataclass(frozen=True)
class Images:
    """Images of the table, in its order.

    Attributes:
      path: [n] bytes.
      split: [n] int8, into `SPLITS`.
      label: [n] int32 class numbers; the consensus of several people.
      true_label: [n] int32, -1 where unknown.
      annotations: labels of several people, whose examples are these images; None for one person.
    """

    path: np.ndarray
    split: np.ndarray
    label: np.ndarray
    true_label: np.ndarray
    annotations: Annotations | None

    def listed(self, chosen: np.ndarray) -> Listed:
        """Some images with their true labels, or the given ones where those are unknown."""
        label, true = self.label[chosen], self.true_label[chosen]
        return Listed(self.path[chosen], np.where(true < 0, label, true).astype(np.int64))

    def annotations_of(self, chosen: np.ndarray) -> Annotations | None:
        """Labels that several people gave to some images, numbered in their order."""
        if self.annotations is None:
            return None
        number = np.full(len(self.path), -1)
        number[chosen] = np.arange(len(chosen))
        example = number[self.annotations.example]
        rows = np.argsort(example, kind="stable")[np.sum(example < 0) :]
        annotator = self.annotations.annotator[rows]
        if len(np.unique(annotator)) < 2:
            return None
        return Annotations(example[rows], annotator, self.annotations.label[rows])


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
    found = _by_image(root, table, _rows(root, table, left_out), left_out)
    classes = found.classes()
    listing.check_classes(classes, f"{path} (rows to train on)", left_out)
    images = _images(path, found, classes, left_out)
    del found  # before the paths are copied, split by split
    parts = {split: np.flatnonzero(images.split == k) for k, split in enumerate(SPLITS)}
    made_split = None
    if len(parts["validation"]):
        left_out.note_validation("the validation split", is_test=not len(parts["test"]))
    elif not len(parts["test"]):
        train = parts["train"]
        everything = Listed(images.path[train], images.label[train])
        _, test, made_split = listing.split_off(everything, classes, request.seed, left_out)
        tested = np.isin(everything.paths, test.paths)
        parts |= {"train": train[~tested], "test": train[tested]}
    left_out.warn()
    lists = {split: images.listed(rows) for split, rows in parts.items()}
    trained = np.concatenate([parts["train"], parts["probe"]])
    is_train = images.split[trained] == _TRAIN
    return file_source.make_source(
        request,
        root,
        SIDE,
        classes,
        train=lists["train"],
        test=lists["test"] or lists["validation"],
        probe=lists["probe"],
        validation=lists["validation"],
        given_labels=images.label[trained].astype(np.int64),
        true_labels=np.where(is_train, images.true_label[trained], -1).astype(np.int64),
        views=file_source.small_views,
        made_split=made_split,
        annotations=images.annotations_of(trained),
    )


def _rows(root: Path, table: Table, left_out: LeftOut) -> Labels:
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
    turned: list[str] = []

    def rows() -> Iterator[Row]:
        for line, cells in table.rows:
            row, name = _row(root, table, columns, line, cells), cells[columns["path"]]
            turned.extend([name] if "\\" in name and "\\" not in row.path else [])
            yield from _labels(table, row, labels, cells)

    found = _in_columns(rows())
    if turned:
        left_out.notes.append(f"\\ is read as / in {len(turned)} paths: {first_few(turned)}")
    return _with_whole_numbers(found, left_out)


def _in_columns(rows: Iterable[Row]) -> Labels:
    """Columns of rows, each of which is an image of its own so far."""
    numbers = {"": 0}
    lines, splits, paths = array("i"), array("b"), bytearray()
    texts = {"label": array("i"), "true_label": array("i"), "annotator": array("i")}
    for row in rows:
        lines.append(row.line)
        splits.append(SPLITS.index(row.split))
        paths += os.fsencode(row.path) + b"\0"
        for name, column in texts.items():
            text = getattr(row, name)
            column.append(numbers.setdefault(text, len(numbers)))
    return Labels(
        texts=list(numbers),
        line=np.asarray(lines),
        path=_split(paths, len(lines)),
        split=np.asarray(splits),
        image=np.arange(len(lines), dtype=np.int32),
        **{name: np.asarray(column) for name, column in texts.items()},
    )


def _split(paths: bytearray, count: int) -> np.ndarray:
    """[m] bytes of m paths, each of which ends with a zero byte."""

    def each() -> Iterator[bytes]:
        return (found[0] for found in re.finditer(rb"[^\0]+", paths))

    width = max(map(len, each()), default=1)
    return np.fromiter(each(), f"S{width}", count)


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
    for column in (k for k in range(len(table.header)) if k not in taken):
        counts = Counter(
            split_of(cells[column]) for _, cells in table.rows if cells[column].strip()
        )
        others = counts.pop(None, 0)
        if len(counts) > 1 and counts.total() > others:
            found.append(column)
    if len(found) > 1:
        titles = " and ".join(table.header[column] for column in found)
        raise InputError(f"{table.path} names splits in {titles}; call the right column split")
    return found[0] if found else None


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


def _with_whole_numbers(labels: Labels, left_out: LeftOut) -> Labels:
    """Read 1.0 as 1 beside whole numbers: pandas writes a column so if a cell of it is empty."""
    used = {labels.texts[k] for x in (labels.label, labels.true_label) for k in np.unique(x)}
    whole = {x: x.partition(".")[0] for x in used if re.fullmatch(r"\d+\.0+", x)}
    if not whole or not any(text.isdecimal() for text in used):
        return labels
    first = min(whole)
    left_out.notes.append(f"labels such as {first} are read as {whole[first]}")
    numbers = {text: k for k, text in enumerate(labels.texts)}
    read = [numbers.setdefault(whole.get(text, text), len(numbers)) for text in labels.texts]
    read_as = np.array(read, np.int32)
    return replace(
        labels,
        texts=list(numbers),
        label=read_as[labels.label],
        true_label=read_as[labels.true_label],
    )


def _by_image(root: Path, table: Table, labels: Labels, left_out: LeftOut) -> Labels:
    """Labels of the images that can be used, one of each annotator.

    Raises:
      InputError: rows on one image have different splits or true labels, or different labels of
        one annotator.
    """
    rows = np.arange(len(labels))
    first, own = _first_rows(root, labels)
    _check_agreement(table, labels, first, own)
    left_out.repeated += map(os.fsdecode, labels.path[own < rows])
    begins = first == rows  # the first row of an image that can be used
    for row in np.flatnonzero(begins):
        begins[row] = listing.is_usable(root, os.fsdecode(labels.path[row]), left_out)
    kept = begins[first] & (own == rows)
    image = (np.cumsum(begins, dtype=np.int32) - 1)[first[kept]]
    return replace(labels if kept.all() else labels[kept], image=image)


def _first_rows(root: Path, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """[m] first row on the image of each row, and [m] the first of the same annotator on it."""
    real = functools.cache(os.path.realpath)  # of folders; files may be links to one content

    def place(path: bytes) -> str:
        folder, name = os.path.split(os.path.join(root, os.fsdecode(path)))
        return os.path.join(real(folder), name)

    first, own = np.arange(len(labels)), np.arange(len(labels))
    hashes = np.fromiter((hash(place(path)) for path in labels.path), np.int64, len(labels))
    ordered = np.sort(hashes)
    images: dict[str, int] = {}
    opinions: dict[tuple[str, int], int] = {}
    # Images with several rows are among those of equal hashes: few in most tables.
    for row in np.flatnonzero(np.isin(hashes, ordered[1:][ordered[1:] == ordered[:-1]])):
        here = place(labels.path[row])
        first[row] = images.setdefault(here, int(row))
        own[row] = opinions.setdefault((here, int(labels.annotator[row])), int(row))
    return first, own


def _check_agreement(table: Table, labels: Labels, first: np.ndarray, own: np.ndarray) -> None:
    """Check that no image has two splits, true labels, or labels of one annotator.

    Args:
      table: for the message.
      labels: m labels.
      first: [m] first row on the image of each row.
      own: [m] first row of the same annotator on it.
    """
    before = np.where(own < np.arange(len(own)), own, first)
    same = (labels.split == labels.split[before]) & (labels.true_label == labels.true_label[before])
    wrong = np.flatnonzero(~same | (labels.label != labels.label[own]))
    if len(wrong):
        row = wrong[0]
        what = "labels" if same[row] else "splits or true labels"
        annotator = labels.texts[labels.annotator[row]]
        hint = f" by {annotator}" if annotator else "; people go in a column annotator"
        raise InputError(
            f"{table.path}: {os.fsdecode(labels.path[row])} stands in lines "
            f"{labels.line[before[row]]} and {labels.line[row]} with different {what}"
            f"{hint if same[row] else ''}"
        )


def _images(path: Path, labels: Labels, classes: Sequence[str], left_out: LeftOut) -> Images:
    """Images with a label each, which is the consensus if there are several people.

    Raises:
      InputError: a label is no class, or no image to train on is of a class by consensus.
    """
    numbers = {name: k for k, name in enumerate(classes)}
    number = np.array([numbers.get(text, -1) for text in labels.texts], np.int32)  # of each text
    _check_labels(path, labels, number)
    _, first = np.unique(labels.image, return_index=True)
    label, split, annotations = number[labels.label], labels.split[first], None
    people = np.unique(labels.annotator)
    if len(people) > 1:
        annotations = Annotations(
            labels.image.astype(np.int64),
            np.array(labels.texts)[labels.annotator],
            label.astype(np.int64),
        )
        found = annotators.estimate(*annotations, num_examples=len(first), num_classes=len(classes))
        consensus = found.label.astype(np.int32)
        _check_consensus(path, labels, classes, consensus[split == _TRAIN])
    else:
        consensus = label[first]
        if people.any():
            name = labels.texts[people[0]]
            left_out.notes.append(f"all labels are those of {name}: there is no consensus")
    true = number[labels.true_label[first]]
    return Images(labels.path[first], split, consensus, true, annotations)


def _check_consensus(
    path: Path, labels: Labels, classes: Sequence[str], agreed: np.ndarray
) -> None:
    """Check that every class is the consensus on an image to train on."""
    line_of = dict(zip(labels.label.tolist(), labels.line.tolist(), strict=True))
    unused = [
        f"{name} (line {line_of[labels.texts.index(name)]})"
        for k, name in enumerate(classes)
        if k not in agreed
    ]
    if unused:
        raise InputError(
            f"{path}: by consensus no image to train on is of the class {first_few(unused)}; "
            "correct or remove such labels"
        )


def _check_labels(path: Path, labels: Labels, number: np.ndarray) -> None:
    """Check that labels and true labels are classes; `number` is that of each text, or -1."""
    true = np.where(labels.true_label > 0, labels.true_label, labels.label)
    for name, column in {"label": labels.label, "true_label": true}.items():
        wrong = [
            f"{labels.texts[column[row]]} (line {labels.line[row]})"
            for row in np.flatnonzero(number[column] < 0)
        ]
        if wrong:
            raise InputError(
                f"{path}: {name} must be a class that rows to train on have, and is not for "
                f"{first_few([*dict.fromkeys(wrong)])}"
            )


def _sorted(labels: Iterable[str]) -> list[str]:
    """Distinct labels: numbers by value, anything else by letters."""
    found = set(labels)
    if all(re.fullmatch(r"-?\d+(\.\d+)?", x) for x in found):
        return sorted(found, key=lambda x: (float(x), x))  # "1" and "01" are two labels
    return sorted(found)


REGISTRY.register("csv")(
    SourceEntry(load, PRESET, files=True, takes_path=True, backbone="efficientnet_lite0")
)

"""Labels in metadata.csv or metadata.jsonl beside the images: Hugging Face's layout ImageFolder.

The file has `file_name`, relative to its own folder, and a label for each image. It stands in the
folder of the data set, or one stands in each of the folders train, test and so on, which are then
the splits. In a single file a column `split` names them, else the first folder of `file_name`.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from ieg.data import tables
from ieg.data.left_out import LeftOut
from ieg.data.split_names import split_of
from ieg.data.tables import Table
from ieg.errors import InputError

NAMES = ("metadata.csv", "metadata.jsonl")
_HEADER = ("path", "label", "split", "true_label")
_LABELS = ("label", "class", "class_name", "category")


def find(root: Path) -> list[Path]:
    """The metadata files of a data set: that of its folder, or those of its splits.

    Raises:
      InputError: a folder has both.
    """
    folders = [root, *sorted(p for p in root.iterdir() if p.is_dir() and split_of(p.name))]
    found = []
    for folder in folders:
        here = [folder / name for name in NAMES if (folder / name).is_file()]
        if len(here) > 1:
            raise InputError(f"{folder} has {' and '.join(NAMES)}; keep one", option="dataset")
        found += here
    return [found[0]] if found and found[0].parent == root else found


def read(root: Path, files: Sequence[Path], left_out: LeftOut) -> Table | None:
    """Read them as one table with the columns of `csv:`.

    Args:
      root: folder of the data set, where the paths of the result begin.
      files: from `find`.
      left_out: takes in columns that are not read.
    Returns:
      the table, whose line numbers are those of each file; None if no file has labels.
    Raises:
      InputError: a file cannot be read, lacks `file_name`, or only some have labels.
    """
    found = [_json_lines(file) if file.suffix == ".jsonl" else tables.read(file) for file in files]
    labelled = [table for table in found if table.column(*_LABELS) is not None]
    if not labelled:
        return None
    rows = []
    for table in found:
        rows += _rows(root, table, left_out)
    shown = files[0] if len(files) == 1 else root / "*" / files[0].name
    return Table(shown, _HEADER, rows)


def _rows(root: Path, table: Table, left_out: LeftOut) -> list[tuple[int, list[str]]]:
    """Lines of a file with the cells of `_HEADER`."""
    path, label = table.column("file_name"), table.column(*_LABELS)
    missing = [n for n, k in (("file_name", path), ("label", label)) if k is None]
    if path is None or label is None:
        raise InputError(
            f"{table.path} lacks the column {' and '.join(missing)}; it has "
            f"{', '.join(table.header)}",
            option="dataset",
        )
    split, true = table.column("split"), table.column("true_label")
    others = [t for k, t in enumerate(table.header) if k not in (path, label, split, true) and t]
    if others:
        left_out.notes.append(f"columns of {table.path} that are not read: {', '.join(others)}")
    place = table.path.parent.relative_to(root)
    rows = []
    for line, cells in table.rows:
        name = cells[path].strip() and (place / cells[path].strip()).as_posix()
        part = "" if split is None else cells[split]
        if split is None and "/" in name:
            part = split_of(name.split("/")[0]) or ""
        rows.append((line, [name, cells[label], part, "" if true is None else cells[true]]))
    return rows


def _json_lines(path: Path) -> Table:
    """A file with a JSON object in each line as a table."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", option="dataset") from None
    except UnicodeError as error:
        raise InputError(f"{path} is not in UTF-8: {error}", option="dataset") from None
    objects = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            objects.append((number, _object(path, number, line)))
    header = tuple(dict.fromkeys(key for _, values in objects for key in values))
    rows = [(number, [values.get(key, "") for key in header]) for number, values in objects]
    return Table(path, header, rows)


def _object(path: Path, number: int, line: str) -> dict[str, str]:
    """The values of a line as text; "" for null. Lists and objects stay JSON."""
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {number} is no JSON: {error.msg}", option="dataset"
        ) from None
    if not isinstance(values, dict):
        raise InputError(f"{path}, line {number} is no JSON object", option="dataset")
    return {key: _text(value) for key, value in values.items()}


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)

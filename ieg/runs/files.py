"""JSON and CSV files of a run: whole ones are written, damaged ones named."""

import csv
import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ieg import atomic
from ieg.errors import InputError


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object."""
    with atomic.text(path) as file:
        json.dump(content, file, indent=2)
        file.write("\n")


def read_json(path: Path, required: Mapping[str, type] | None = None) -> dict[str, Any] | None:
    """Read a JSON object; None when there is no such file.

    Args:
      path: the file.
      required: key → type, of what it must hold.
    Raises:
      InputError: it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, OSError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: it does not hold a JSON object")
    for key, kind in (required or {}).items():
        if not isinstance(content.get(key), kind):
            raise InputError(f"{path} is damaged: {key!r} is missing or of the wrong type")
    return content


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Write columns of equal length as CSV: numbers, text, or bytes of paths.

    nan and None become empty cells.
    """
    with atomic.text(path) as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow([cell(value) for value in row])


def write_row(path: Path, values: Mapping[str, Any]) -> None:
    """Write a CSV file with one row; None becomes an empty cell."""
    with atomic.text(path) as file:
        csv.writer(file).writerows([list(values), list(values.values())])


def read_table(path: Path, required: Sequence[str] = ()) -> dict[str, list[str]] | None:
    """Column → cells of a CSV file; None when there is no such file.

    Args:
      path: the file.
      required: names of columns that it must have.
    Raises:
      InputError: it is damaged.
    """
    try:
        with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
            return parse_table(path, list(csv.reader(file)), required)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, csv.Error) as error:
        raise InputError(f"{path} is damaged: {error}") from None


def parse_table(
    path: Path, lines: Sequence[Sequence[str]], required: Sequence[str]
) -> dict[str, list[str]]:
    """Column → cells of a table with its header; `path` is named in errors.

    Raises:
      InputError: a column is missing, or a row has more or fewer cells than the header.
    """
    header, *rows = lines or [[]]
    missing = [name for name in required if name not in header]
    if missing:
        raise InputError(
            f"{path} is damaged: it must have the columns {', '.join(missing)}, got {list(header)}"
        )
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(
                f"{path} is damaged: line {number} has {len(row)} cells, expected {len(header)}"
            )
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    return {name: list(cells) for name, cells in zip(header, columns, strict=True)}


def numbers(
    path: Path,
    name: str,
    cells: Sequence[str],
    parse: Callable[[str], float] | None = None,
    dtype: type = np.float64,
) -> NDArray[Any]:
    """A column as numbers.

    Args:
      path, name: file and column, named in errors.
      cells: n texts.
      parse: cell → number; None: an empty cell is nan.
      dtype: of the result.
    Returns:
      [n].
    Raises:
      InputError: a cell is no number.
    """
    read = parse or (lambda cell: float(cell) if cell else math.nan)
    values: NDArray[Any] = np.empty(len(cells), dtype)
    for row, text in enumerate(cells):
        try:
            values[row] = read(text)
        except ValueError:
            kind = "a whole number" if dtype is np.int64 else "a number"
            raise InputError(
                f"{path} is damaged: line {row + 2}, column {name}: expected {kind}, got {text!r}"
            ) from None
    return values


def cell(value: Any) -> Any:
    """A value as a cell: every bit of a number, nothing for nan and None."""
    if isinstance(value, str | bytes):
        return os.fsdecode(value)
    if value is None or math.isnan(value):
        return ""
    # Whole steps read better without ".0", and repr keeps every bit of the others.
    return re.sub(r"\.0$", "", repr(float(value)))

"""metrics.csv: one row per evaluation, parsed once and appended to.

An appended line is on the disk before the checkpoint of its step is begun. A process that is killed
while it writes can leave part of the last line, which has no line end then; it is dropped when the
file is read, and the run, whose checkpoint is older than that line, makes it again.
"""

import csv
import io
import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ieg import atomic
from ieg.errors import InputError
from ieg.runs import files

Row = dict[str, float | None]


class Metrics:
    """The evaluations of one run.

    Args:
      path: the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[Row] | None = None
        self._names: list[str] = []
        self._torn = ""  # an incomplete last line, which must not be appended to

    def forget(self) -> None:
        """Parse the file anew at the next use: another process may have written to it."""
        self._rows = None

    def rows(self) -> list[Row]:
        """One dictionary per evaluation, all with the same columns; None where unknown.

        Raises:
          InputError: the file is damaged.
        """
        if self._rows is None:
            self._rows = self._read()
        return [{name: row.get(name) for name in self._names} for row in self._rows]

    def columns(self, last_step: int | None = None) -> dict[str, NDArray[np.float64]]:
        """Column → [evaluations] float64, nan where unknown.

        Args:
          last_step: leaves out what comes after it; None: nothing.
        Raises:
          InputError: the file is damaged.
        """
        rows = self.rows()
        if last_step is not None:
            rows = [row for row in rows if (row["step"] or 0) <= last_step]
        # None becomes nan.
        return {n: np.array([row[n] for row in rows], np.float64) for n in self._names}

    def check(self, step: int) -> None:
        """Refuse a file that lacks something for a run that goes on from the checkpoint of `step`.

        Raises:
          InputError: the file is damaged, or its incomplete line is not younger than that.
        """
        self.rows()
        first, *rest = self._torn.split(",")[self._names.index("step") :] if self._torn else [""]
        if rest and first.isdigit() and int(first) <= step:
            raise InputError(f"{self._path} is damaged: the line of step {first} is incomplete")

    def add(self, row: Mapping[str, float | None]) -> None:
        """Append the row of one evaluation; a value of a new name gets a column.

        Raises:
          InputError: the file is damaged, or cannot be written.
        """
        rows = self.rows()
        values = {name: _known(value) for name, value in row.items()}
        new = [name for name in values if name not in self._names]
        self._names += new
        self._rows = [*rows, values]
        if new or self._torn:
            self._write()
        else:
            self._append(values)

    def cut(self, step: int) -> None:
        """Drop the rows of evaluations after `step`, which a resumed run makes again.

        Raises:
          InputError: the file is damaged, or cannot be written.
        """
        rows = self.rows()
        self._rows = [row for row in rows if (row["step"] or 0) <= step]
        if not self._rows:
            self._path.unlink(missing_ok=True)
            self._names, self._torn = [], ""
        elif self._torn or len(self._rows) < len(rows):
            self._write()

    def _read(self) -> list[Row]:
        self._names, self._torn = [], ""
        try:
            with open(self._path, newline="", encoding="utf-8", errors="surrogateescape") as file:
                text = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise InputError(f"{self._path} is damaged: {error}") from None
        whole, end, self._torn = text.rpartition("\n")
        lines = list(csv.reader(io.StringIO(whole + end, newline="")))
        table = files.parse_table(self._path, lines, required=["step"])
        self._names = list(table)
        columns = [files.numbers(self._path, n, cells).tolist() for n, cells in table.items()]
        if any(map(math.isnan, columns[self._names.index("step")])):
            raise InputError(f"{self._path} is damaged: it must say the step of each row")
        values = zip(*columns, strict=True)
        return [dict(zip(self._names, map(_known, row), strict=True)) for row in values]

    def _cells(self, row: Row) -> list[str]:
        return [files.cell(row.get(name)) for name in self._names]

    def _write(self) -> None:
        with atomic.text(self._path) as file:
            csv.writer(file).writerows([self._names, *map(self._cells, self._rows or [])])
        self._torn = ""

    def _append(self, row: Row) -> None:
        try:
            with open(self._path, "a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerow(self._cells(row))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"cannot write {self._path}: {error.strerror}") from None


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)

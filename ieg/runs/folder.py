"""The folder of one run: what it holds, whose it is, and how it grows."""

import contextlib
import csv
import fcntl
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ieg.errors import InputError

#: Files that one command writes and others read.
LABEL_AUDIT, AUDIT, CONFUSION = "label_audit.csv", "audit.json", "confusion.csv"
LABEL_CORRECTIONS = "label_corrections.csv"


class RunFolder:
    """`<root>/<dataset>/<network>/<method>/seed<seed>` with config, metrics, result and figures.

    Nothing is written before `open` is called.

    Args:
      path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.events = path / "events"
        self.figures = path / "figures"
        self._lock: TextIO | None = None

    @classmethod
    def of(cls, root: str, dataset: str, network: str, method: str, seed: int) -> "RunFolder":
        """The folder of a run by what names it."""
        return cls(Path(root).expanduser() / dataset / network / method / f"seed{seed}")

    def open(self) -> None:
        """Creates the folder and takes it for this process until that ends, however it ends.

        Raises:
          InputError: it cannot be written to, or another process trains there.
        """
        try:
            self.figures.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.path / ".lock", "a")  # noqa: SIM115 - held until close
        except OSError as error:
            raise InputError(
                f"cannot write to {self.path}: {error.strerror}; choose another --checkpoint_path"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another process is training in {self.path}") from None
        except OSError as error:
            raise InputError(f"cannot lock {self.path}: {error.strerror}") from None

    def close(self) -> None:
        """Gives the folder free."""
        if self._lock:
            self._lock.close()

    def read_config(self) -> dict[str, Any] | None:
        """The resolved values with their origins, or None when the folder holds no run.

        Raises:
          InputError: the file is there but cannot be read.
        """
        return self._read_json("config.json", {"values": dict})

    def read_result(self) -> dict[str, Any] | None:
        """The result of a finished run, or None."""
        return self._read_json("result.json", {"steps": int, "top1": float})

    def forget_result(self) -> None:
        """The run is not finished, or no longer: it goes on."""
        (self.path / "result.json").unlink(missing_ok=True)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """config.json, result.json or any further record."""
        with _atomic(self.path / name) as file:
            json.dump(content, file, indent=2)
            file.write("\n")

    def write_text(self, name: str, text: str) -> None:
        """A file of text, whose line ends stay as they are."""
        with _atomic(self.path / name) as file:
            file.write(text)

    def read_audit(self) -> dict[str, Any] | None:
        """What the label audit says of all labels together, or None without one."""
        return self._read_json(AUDIT, {"suspicious": int, "noise_rate": float})

    def read_seconds(self) -> float:
        """Seconds that this run has taken so far, over all its processes."""
        return (self._read_json("progress.json", {"seconds": float}) or {"seconds": 0.0})["seconds"]

    def write_progress(self, step: int, seconds: float) -> None:
        """Where the run stands; the clock is kept here, out of the checkpoint."""
        self.write_json("progress.json", {"step": step, "seconds": seconds})

    def read_metrics(self) -> list[dict[str, float | None]]:
        """One dictionary per evaluation; None where a value is unknown.

        Raises:
          InputError: the file is damaged.
        """
        path = self.path / "metrics.csv"
        if not path.exists():
            return []
        try:
            with open(path, newline="") as file:
                names, *lines = csv.reader(file)
            rows = [
                {n: float(c) if c else None for n, c in zip(names, cells, strict=True)}
                for cells in lines
            ]
            if "step" not in names or any(row["step"] is None for row in rows):
                raise ValueError("it must say the step of each row")
            return rows
        except (ValueError, OSError, csv.Error) as error:
            raise InputError(f"{path} is damaged: {error}") from None

    def cut_metrics(self, step: int) -> None:
        """Drops the rows of evaluations after `step`, which a resumed run makes again."""
        rows = self.read_metrics()
        kept = [row for row in rows if (row["step"] or 0) <= step]
        if not kept:
            (self.path / "metrics.csv").unlink(missing_ok=True)
        elif len(kept) < len(rows):
            self._write_metrics(kept)

    def add_metrics(self, row: Mapping[str, float | None]) -> None:
        """Appends the row of one evaluation."""
        self._write_metrics([*self.read_metrics(), dict(row)])

    def write_arrays(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Arrays by name as one .npz file."""
        temporary = self.path / f".{name}.tmp"
        try:
            with open(temporary, "wb") as file:
                np.savez_compressed(file, **arrays)
            os.replace(temporary, self.path / name)
        except OSError as error:
            raise InputError(f"cannot write {self.path / name}: {error.strerror}") from None

    def write_table(self, name: str, columns: Mapping[str, Any]) -> None:
        """Columns of equal length as CSV; numbers or text, nan and None become empty cells."""
        with _atomic(self.path / name) as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            for row in zip(*columns.values(), strict=True):
                writer.writerow([_cell(value) for value in row])

    def read_table(self, name: str) -> dict[str, list[str]] | None:
        """Column → cells of a CSV file, as they are written; None when there is no such file.

        Raises:
          InputError: the file is damaged.
        """
        path = self.path / name
        if not path.exists():
            return None
        try:
            with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
                header, *rows = csv.reader(file)
            cells = list(zip(*rows, strict=True)) or [()] * len(header)
            return {n: list(column) for n, column in zip(header, cells, strict=True)}
        except (ValueError, OSError, csv.Error) as error:
            raise InputError(f"{path} is damaged: {error}") from None

    def read_damaged(self) -> dict[str, str]:
        """Path → reason, what damaged_images.csv of an earlier process says.

        Raises:
          InputError: the file is damaged itself.
        """
        path = self.path / "damaged_images.csv"
        if not path.exists():
            return {}
        try:
            with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
                return {row["path"]: row["reason"] for row in csv.DictReader(file)}
        except (KeyError, ValueError, OSError, csv.Error) as error:
            raise InputError(f"{path} is damaged: {error}") from None

    def write_row(self, name: str, values: Mapping[str, Any]) -> None:
        """A CSV file with one row; None becomes an empty cell."""
        with _atomic(self.path / name) as file:
            writer = csv.writer(file)
            writer.writerows([list(values), list(values.values())])

    def _write_metrics(self, rows: list[dict[str, float | None]]) -> None:
        names = list(dict.fromkeys(name for row in rows for name in row))
        with _atomic(self.path / "metrics.csv") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows([[_cell(row.get(name)) for name in names] for row in rows])

    def _read_json(self, name: str, required: Mapping[str, type]) -> dict[str, Any] | None:
        path = self.path / name
        try:
            content = json.loads(path.read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, OSError) as error:
            raise InputError(f"cannot read {path}: {error}") from None
        if not isinstance(content, dict):
            raise InputError(f"{path} does not hold a JSON object")
        for key, kind in required.items():
            if not isinstance(content.get(key), kind):
                raise InputError(f"{path} is damaged: {key!r} is missing or of the wrong type")
        return content


@contextlib.contextmanager
def _atomic(path: Path) -> Iterator[TextIO]:
    """A text file that appears under its name only when it is complete."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        # Names of files may hold any byte: what is no UTF-8 comes back as it was.
        with open(temporary, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if value is None or math.isnan(value):
        return ""
    # Whole steps read better without ".0", and repr keeps every bit of the others.
    return re.sub(r"\.0$", "", repr(float(value)))

"""Reads the folder that a finished run leaves behind.

config.json    every flag and where its value came from
metrics.csv    one row per evaluation; an empty cell is unknown
result.json    written at the end; null is unknown
examples.csv   one row per training example
"""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ieg.errors import InputError

IDENTITY = ("method", "dataset", "network", "seed")
UNKNOWN_LABEL = -1


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run.

    Attributes:
      path: the run folder.
      method, dataset, network, seed: what was run.
      result: the content of result.json; None where unknown.
      metrics: column of metrics.csv → [evaluations] float64, nan where unknown.
      examples: column of examples.csv → [N]; index, given_label, true_label (-1 where unknown) and
        visits are int64, path, name and given_class text, all others float64 with nan where
        unknown.
    """

    path: Path
    method: str
    dataset: str
    network: str
    seed: int
    result: dict[str, Any]
    metrics: dict[str, NDArray[np.float64]]
    examples: dict[str, NDArray[Any]]

    @property
    def noise(self) -> str:
        """The share of wrong training labels that was measured, else the one asked for."""
        rates = (self.result.get("noise_rate"), self.result.get("noise_rate_asked"))
        return next((f"{rate:.3f}" for rate in rates if rate is not None), "unknown")


def read_run(path: Path | str) -> Run:
    """Reads a run folder.

    Args:
      path: the folder that holds config.json, metrics.csv, result.json and examples.csv.
    Raises:
      InputError: it is no run folder, the run has not finished, or a file cannot be understood.
    """
    folder = Path(path)
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} is not a run folder: expected a config.json in it")
    if not (folder / "result.json").is_file():
        raise InputError(f"the run in {folder} has not finished: it has no result.json yet")
    result = _read_result(folder / "result.json")
    return Run(
        path=folder,
        **{name: result[name] for name in IDENTITY},
        result=result,
        metrics=_read_table(folder / "metrics.csv", required=["step", "top1"]),
        examples=_read_table(
            folder / "examples.csv", required=["index", "given_label", "true_label"]
        ),
    )


def names_of(runs: Sequence[Run]) -> list[str]:
    """What to call each run: its method, and whatever else tells the runs apart.

    Three seeds of one setting become "l2r, seed 1", "l2r, seed 2" and so on; runs that agree in
    everything get their folder.
    """
    if len({run.method for run in runs}) == len(runs):
        return [run.method for run in runs]
    traits = [
        (
            run.dataset,
            f"noise {run.result.get('noise_rate_asked')}",
            run.network,
            (run.result.get("settings") or {}).get("loss", ""),
            f"seed {run.seed}",
        )
        for run in runs
    ]
    differing = [len(set(column)) > 1 for column in zip(*traits, strict=True)]
    names = [
        ", ".join([run.method, *compress(trait, differing)])
        for run, trait in zip(runs, traits, strict=True)
    ]
    return [
        name if names.count(name) == 1 else f"{name}, {run.path}"
        for name, run in zip(names, runs, strict=True)
    ]


def setting_of(runs: Sequence[Run]) -> str:
    """One line on what the runs share: data set, noise rate and network (all that occur)."""
    parts = {
        "": [run.dataset for run in runs],
        "noise rate ": [run.noise for run in runs],
        "network ": [run.network for run in runs],
    }
    return ", ".join(what + " / ".join(dict.fromkeys(values)) for what, values in parts.items())


def weights_of(run: Run) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Weights of the examples whose true label is known, and which of them are labelled wrongly.

    Returns:
      ([n] float64, [n] bool); None when the run has no such weight.
    """
    if "weight" not in run.examples:
        return None
    true, weight = run.examples["true_label"], run.examples["weight"]
    usable = (true != UNKNOWN_LABEL) & np.isfinite(weight)
    if not usable.any():
        return None
    return weight[usable], (run.examples["given_label"] != true)[usable]


def _read_result(file: Path) -> dict[str, Any]:
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{file} is not valid JSON: {error}") from error
    if not isinstance(result, dict):
        raise InputError(f"{file} must hold a JSON object, got a {type(result).__name__}")
    missing = [name for name in IDENTITY if name not in result]
    if missing:
        raise InputError(f"{file} must hold {', '.join(IDENTITY)}; missing: {', '.join(missing)}")
    return result


def _read_table(file: Path, *, required: Sequence[str]) -> dict[str, NDArray[Any]]:
    if not file.is_file():
        raise InputError(f"{file.parent} is not a complete run folder: {file.name} is missing")
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
        header, *rows = list(csv.reader(lines)) or [[]]
    missing = [name for name in required if name not in header]
    if missing:
        raise InputError(f"{file} must have the columns {', '.join(missing)}, got {header}")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{file}, line {number}: expected {len(header)} cells, got {len(row)}")
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    return {
        name: _parse_column(cells, name, file) for name, cells in zip(header, columns, strict=True)
    }


def _parse_column(cells: Sequence[str], name: str, file: Path) -> NDArray[Any]:
    parse, dtype = _PARSERS.get((file.name, name), (_float, np.float64))
    values: NDArray[Any] = np.empty(len(cells), dtype=dtype)
    for row, cell in enumerate(cells):
        try:
            values[row] = parse(cell)
        except ValueError as error:
            kind = "a whole number" if dtype is np.int64 else "a number"
            line = f"{file}, line {row + 2}, column {name}"
            raise InputError(f"{line}: expected {kind}, got {cell!r}") from error
    return values


def _float(cell: str) -> float:
    return float(cell) if cell else np.nan


def _label_or_unknown(cell: str) -> int:
    return int(cell) if cell else UNKNOWN_LABEL


_PARSERS: dict[tuple[str, str], tuple[Callable[[str], Any], type]] = {
    ("examples.csv", "index"): (int, np.int64),
    ("examples.csv", "given_label"): (int, np.int64),
    ("examples.csv", "visits"): (int, np.int64),
    ("examples.csv", "true_label"): (_label_or_unknown, np.int64),
    ("examples.csv", "path"): (str, object),
    ("examples.csv", "name"): (str, object),
    ("examples.csv", "given_class"): (str, object),
}

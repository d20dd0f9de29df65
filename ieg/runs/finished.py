"""Finished runs as other programs see them: results alone, or with their tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ieg.errors import InputError
from ieg.runs import files
from ieg.runs.folder import CONFIG, EXAMPLES, METRICS, RESULT
from ieg.runs.metrics import Metrics

IDENTITY = ("method", "dataset", "network", "seed")
UNKNOWN_LABEL = -1

_REQUIRED = {"method": str, "dataset": str, "network": str, "seed": int, "steps": int}
_TEXT = {"path", "name", "given_class"}
_WHOLE: dict[str, Callable[[str], int]] = {
    "index": int,
    "given_label": int,
    "visits": int,
    "true_label": lambda cell: int(cell) if cell else UNKNOWN_LABEL,
}


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run.

    Attributes:
      path: the run folder.
      method, dataset, network, seed: of the run.
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
        """The measured share of wrong training labels, else the one asked for."""
        rates = (self.result.get("noise_rate"), self.result.get("noise_rate_asked"))
        return next((f"{rate:.3f}" for rate in rates if rate is not None), "unknown")


def read_run(path: Path | str) -> Run:
    """Read a run folder.

    Args:
      path: the folder that holds config.json, metrics.csv, result.json and examples.csv.
    Raises:
      InputError: it is no run folder, the run has not finished, or a file is damaged.
    """
    folder = Path(path)
    if not (folder / CONFIG).is_file():
        raise InputError(f"{folder} is not a run folder: expected a {CONFIG} in it")
    result = read_result(folder)
    if result is None:
        raise InputError(f"the run in {folder} has not finished: it has no {RESULT} yet")
    for name in (METRICS, EXAMPLES):
        if not (folder / name).is_file():
            raise InputError(f"{folder} is not a complete run folder: {name} is missing")
    metrics = Metrics(folder / METRICS).columns()
    if "top1" not in metrics:
        raise InputError(f"{folder / METRICS} is damaged: it must have the column top1")
    return Run(
        path=folder,
        **{name: result[name] for name in IDENTITY},
        result=result,
        metrics=metrics,
        examples=_read_examples(folder / EXAMPLES),
    )


def read_result(folder: Path) -> dict[str, Any] | None:
    """The content of result.json, or None when the run has not finished.

    Raises:
      InputError: the file is damaged, or does not say which run it is.
    """
    return files.read_json(folder / RESULT, _REQUIRED)


def find_results(root: Path) -> list[Path]:
    """Folders of all finished runs below `root`, sorted."""
    return [path.parent for path in sorted(root.rglob(RESULT))]


def _read_examples(path: Path) -> dict[str, NDArray[Any]]:
    table = files.read_table(path, required=["index", "given_label", "true_label"]) or {}
    return {name: _column(path, name, cells) for name, cells in table.items()}


def _column(path: Path, name: str, cells: Sequence[str]) -> NDArray[Any]:
    if name in _TEXT:
        return np.array(cells, object)
    if name in _WHOLE:
        return files.numbers(path, name, cells, _WHOLE[name], np.int64)
    return files.numbers(path, name, cells)

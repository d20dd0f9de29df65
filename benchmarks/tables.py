"""Tables of all benchmarks, to be read in a terminal and pasted into a README."""

import dataclasses
import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ieg.recipes import Row
from ieg.recipes.run import Run

#: Contents of the result.json files of one row on one data set.
Results = Sequence[Mapping[str, Any]]


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> None:
    """Print Markdown whose columns stand below each other, behind its caption."""
    lines = [list(titles), *(list(row) for row in rows)]
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    if caption:
        print(f"\n{caption}\n")
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(f"| {' | '.join(cells)} |", flush=True)


def mean(scores: Sequence[float], digits: int = 3) -> str:
    """Mean ± population standard deviation; a single score alone."""
    if len(scores) == 1:
        return f"{scores[0]:.{digits}f}"
    return f"{np.mean(scores):.{digits}f} ± {np.std(scores):.{digits}f}"


def rows(by_title: Mapping[str, Row]) -> dict[str, Row]:
    """The rows of a benchmark: the runs of each lie in a folder that is named after its title."""
    return {
        title: dataclasses.replace(row, folder=title.replace(", ", "-").replace(" ", "_").lower())
        for title, row in by_title.items()
    }


def print_grid(runs: Sequence[Run], baseline: str) -> int:
    """Print accuracy and time of the runs of a grid, rows × data sets; return 0.

    Mean ± population standard deviation over the finished seeds, best in bold. Top-1 at the last
    step; on a long tail balanced accuracy. Time is the training's seconds divided by those of the
    baseline on the same data, of the fastest seed each, since a machine may do other things; mean
    over the data sets.

    Args:
      baseline: the row whose time is 1.
    """
    found = _by_row(runs)
    names, datasets = (list(dict.fromkeys(key)) for key in zip(*found, strict=True))
    best = {
        dataset: max(
            (
                statistics.mean(_scores(found[name, dataset], dataset))
                for name in names
                if found[name, dataset]
            ),
            default=None,
        )
        for dataset in datasets
    }
    lines = []
    for name in names:
        cells = [_cell(found[name, dataset], dataset, best[dataset]) for dataset in datasets]
        pairs = [(found[name, dataset], found.get((baseline, dataset), [])) for dataset in datasets]
        lines.append([name, *cells, _time(pairs)])
    titles = ["", *(f"`{dataset}`" for dataset in datasets), "time"]
    print_table(titles, lines, f"mean ± standard deviation over seeds {_seeds(runs)}")
    return 0


def print_measures(runs: Sequence[Run], captions: Mapping[str, str]) -> int:
    """Print one table of each measure of the runs of a grid, rows × data sets; return 0.

    Mean ± population standard deviation over the finished seeds; a dash where there is none, or the
    runs have no such number.

    Args:
      runs: of the grid.
      captions: key of result.json or audit.json → caption of its table.
    """
    found = _by_row(runs)
    names, datasets = (list(dict.fromkeys(key)) for key in zip(*found, strict=True))
    for key, caption in captions.items():
        lines = []
        for name in names:
            values = [[r[key] for r in found[name, dataset]] for dataset in datasets]
            cells = ["-" if not of or None in of else mean(of) for of in values]
            lines.append([name, *cells])
        titles = ["", *(f"`{dataset}`" for dataset in datasets)]
        print_table(titles, lines, f"{caption}; seeds {_seeds(runs)}")
    return 0


def _by_row(runs: Sequence[Run]) -> dict[tuple[str, str], Results]:
    """Results of the finished runs of each row on each data set, in the order of the grid."""
    of: dict[tuple[str, str], list[Run]] = {
        (name, dataset): []
        for name in dict.fromkeys(run.row for run in runs)
        for dataset in dict.fromkeys(run.place.dataset for run in runs)
    }
    for run in runs:
        of[run.row, run.place.dataset].append(run)
    return {key: _results(some) for key, some in of.items()}


def _seeds(runs: Sequence[Run]) -> str:
    return ", ".join(map(str, dict.fromkeys(run.place.seed for run in runs)))


def _results(runs: Sequence[Run]) -> Results:
    folders = [folder for run in runs for folder in run.place.found()]
    return [
        {key: value for path in (folder / "audit.json", folder / "result.json") if path.exists()
         for key, value in json.loads(path.read_text(encoding="utf-8")).items()}
        for folder in folders
        if (folder / "result.json").exists()
    ]  # fmt: skip


def _scores(results: Results, dataset: str) -> list[float]:
    key = "balanced_accuracy" if "imbal" in dataset else "top1"
    return [result[key] for result in results]


def _cell(results: Results, dataset: str, best: float | None) -> str:
    if not results:
        return "-"
    scores = _scores(results, dataset)
    return f"**{mean(scores)}**" if statistics.mean(scores) == best else mean(scores)


def _time(pairs: Sequence[tuple[Results, Results]]) -> str:
    """Mean ratio of the seconds of a row to those of the baseline, one pair per data set."""
    ratios = [
        min(result["seconds"] for result in own) / min(result["seconds"] for result in plain)
        for own, plain in pairs
        if own and plain
    ]
    return f"{statistics.mean(ratios):.1f}" if ratios else "-"

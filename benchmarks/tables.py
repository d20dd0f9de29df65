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
    names = list(dict.fromkeys(run.row for run in runs))
    datasets = list(dict.fromkeys(run.place.dataset for run in runs))
    seeds = dict.fromkeys(run.place.seed for run in runs)
    found = {
        (name, dataset): _results(
            [run for run in runs if (run.row, run.place.dataset) == (name, dataset)]
        )
        for name in names
        for dataset in datasets
    }
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
    numbers = ", ".join(map(str, seeds))
    print_table(titles, lines, f"mean ± standard deviation over seeds {numbers}")
    return 0


def _results(runs: Sequence[Run]) -> Results:
    paths = [folder / "result.json" for run in runs for folder in run.place.found()]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


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

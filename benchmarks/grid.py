"""Grids of runs: rows of flags × data sets × seeds in one process, and the table of their results.

Each run is an ordinary `python -m ieg.main` that leaves its run folder, and is finished when its
result.json is there: the same command goes on where it stopped, in the middle of a run too.
`peak_memory_bytes` in these results is that of the whole process.
"""

import argparse
import gc
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ieg.quiet  # noqa: F401

import keras

from benchmarks.tables import mean, print_table
from ieg import main as command

Results = Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True)
class Grid:
    """What is compared.

    Attributes:
      rows: row of the table → flags; `{baseline}` in them stands for the folder of the baseline's
        run on the same data and seed.
      datasets: value of --dataset → further flags that its runs need.
      baseline: the row whose time is 1; it comes before those that name it.
    """

    rows: Mapping[str, Sequence[str]]
    datasets: Mapping[str, Sequence[str]]
    baseline: str


def parser(doc: str, runs: str) -> argparse.ArgumentParser:
    """The options that all grids have in common."""
    found = argparse.ArgumentParser(description=doc.split("\n")[0])
    found.add_argument("--runs", type=Path, default=Path(runs), help="root of the run folders")
    found.add_argument("--row", action="append", help="of the table; default: all")
    found.add_argument("--dataset", action="append", help="column of the table; default: all")
    found.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    return found


def run(grid: Grid, arguments: argparse.Namespace) -> int:
    """Makes the runs that are missing, the first seed of all first, and prints the table.

    Returns:
      the exit status: 0, 1 where a run failed, 2 for a row or data set that is none.
    """
    rows = arguments.row or list(grid.rows)
    datasets = arguments.dataset or list(grid.datasets)
    for name, known in [*((r, grid.rows) for r in rows), *((d, grid.datasets) for d in datasets)]:
        if name not in known:
            print(f"error: no {name} among {', '.join(known)}", file=sys.stderr)
            return 2
    failed = []
    for seed in arguments.seeds:
        for dataset in datasets:
            for row in rows:
                words = flags(grid, arguments.runs, row, dataset, seed)
                print(f"python -m ieg.main {' '.join(words)}", flush=True)
                status = command.main(["ieg", *words])
                if status > 128:  # stopped by a signal
                    return status
                if status:
                    failed.append((row, dataset, seed))
                keras.backend.clear_session()
                gc.collect()
    titles = ["", *(f"`{dataset}`" for dataset in datasets), "time"]
    caption = f"mean ± standard deviation over seeds {', '.join(map(str, arguments.seeds))}"
    print_table(titles, table(grid, arguments.runs, rows, datasets, arguments.seeds), caption)
    for row, dataset, seed in failed:
        print(f"failed: {row} on {dataset}, seed {seed}", file=sys.stderr)
    return 1 if failed else 0


def flags(grid: Grid, runs: Path, row: str, dataset: str, seed: int) -> list[str]:
    """What to give to ieg.main for one run."""
    baseline = next(_folders(runs, grid.baseline, dataset, seed), "")
    own = [word.format(baseline=baseline) for word in grid.rows[row]]
    where = f"--checkpoint_path={_root(runs, row)}"
    return [f"--dataset={dataset}", *grid.datasets[dataset], *own, f"--seed={seed}", where]


def table(
    grid: Grid, runs: Path, rows: Sequence[str], datasets: Sequence[str], seeds: Sequence[int]
) -> list[list[str]]:
    """Mean ± population standard deviation over the finished seeds, best in bold.

    Top-1 at the last step; on a long tail balanced accuracy. Time is the training's seconds divided
    by those of the baseline on the same data, of the fastest seed each, since a machine may do
    other things; mean over the data sets.
    """
    results = {
        (row, dataset): _results(runs, row, dataset, seeds) for row in rows for dataset in datasets
    }
    best = {
        dataset: max(
            (
                statistics.mean(_scores(results[row, dataset], dataset))
                for row in rows
                if results[row, dataset]
            ),
            default=None,
        )
        for dataset in datasets
    }
    return [
        [
            row,
            *(_cell(results[row, dataset], dataset, best[dataset]) for dataset in datasets),
            _time(grid, runs, row, datasets, seeds),
        ]
        for row in rows
    ]


def _root(runs: Path, row: str) -> Path:
    """Runs of one row have a root of their own: their folders' names do not say its flags."""
    return runs / row.replace(", ", "-").replace(" ", "_").lower()


def _folders(runs: Path, row: str, dataset: str, seed: int) -> Iterator[Path]:
    return _root(runs, row).glob(f"{dataset}/*/*/seed{seed}")


def _results(runs: Path, row: str, dataset: str, seeds: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Seed → result.json of the finished runs."""
    return {
        seed: json.loads((folder / "result.json").read_text(encoding="utf-8"))
        for seed in seeds
        for folder in _folders(runs, row, dataset, seed)
        if (folder / "result.json").exists()
    }


def _scores(results: Results, dataset: str) -> list[float]:
    key = "balanced_accuracy" if "imbal" in dataset else "top1"
    return [result[key] for result in results.values()]


def _cell(results: Results, dataset: str, best: float | None) -> str:
    if not results:
        return "-"
    scores = _scores(results, dataset)
    return f"**{mean(scores)}**" if statistics.mean(scores) == best else mean(scores)


def _time(grid: Grid, runs: Path, row: str, datasets: Sequence[str], seeds: Sequence[int]) -> str:
    ratios = []
    for dataset in datasets:
        own, plain = (
            [result["seconds"] for result in _results(runs, name, dataset, seeds).values()]
            for name in (row, grid.baseline)
        )
        if own and plain:
            ratios.append(min(own) / min(plain))
    return f"{statistics.mean(ratios):.1f}" if ratios else "-"

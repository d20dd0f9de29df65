"""Every method on digits: wrong labels, a long tail, and both; accuracy and time, three seeds.

    python -m benchmarks.methods [--runs=runs/methods]

One process makes all runs, one after the other, the first seed of everything first. Each is an
ordinary `python -m ieg.main` with the defaults of its method, leaves its run folder below --runs,
and is finished when its result.json is there: the same command goes on where it stopped, in the
middle of a run too. `peak_memory_bytes` in these results is that of the whole process.
"""

import argparse
import gc
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ieg.quiet  # noqa: F401

import keras

from ieg import main as command

DATASETS = (
    "digits_uniform_0.4",
    "digits_uniform_0.8",
    "digits_asymmetric_0.4",
    "digits_imbal_0.02",
    "digits_imbal_0.05_0.3",
)

#: Row of the table → flags. A second stage starts from the weights of the row `supervised`.
ROWS: Mapping[str, tuple[str, ...]] = {
    "supervised": ("--method=supervised",),
    "supervised, ProSelfLC": ("--method=supervised", "--loss=proselflc"),
    "supervised, DM": ("--method=supervised", "--loss=dm"),
    "supervised, IMAE": ("--method=supervised", "--loss=imae"),
    "supervised, LDAM-DRW": ("--method=supervised", "--loss=ldam", "--train_rule=drw"),
    "l2r": ("--method=l2r",),
    "ieg": ("--method=ieg",),
    "fsr": ("--method=fsr",),
    "dynamic_loss": ("--method=dynamic_loss",),
    "dro_lt": ("--method=dro_lt", "--pretrained_ckpt={supervised}"),
    "mixup_labels": ("--method=mixup_labels",),
    "mixup_labels, proposal": ("--method=mixup_labels", "--mixup_variant=proposal"),
}

BASELINE = "supervised"


def main(argv: Sequence[str]) -> int:
    """Makes the runs that are missing and prints the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/methods"))
    parser.add_argument("--row", action="append", choices=ROWS, help="default: all")
    parser.add_argument("--dataset", action="append", help=f"default: {', '.join(DATASETS)}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args(argv)
    rows, datasets = arguments.row or list(ROWS), arguments.dataset or list(DATASETS)
    failed = []
    for seed in arguments.seeds:
        for dataset in datasets:
            for row in rows:
                words = flags(arguments.runs, row, dataset, seed)
                print(f"python -m ieg.main {' '.join(words)}", flush=True)
                status = command.main(["ieg", *words])
                if status > 128:  # stopped by a signal
                    return status
                if status:
                    failed.append((row, dataset, seed))
                keras.backend.clear_session()
                gc.collect()
    print("\n".join(table(arguments.runs, rows, datasets, arguments.seeds)))
    for row, dataset, seed in failed:
        print(f"failed: {row} on {dataset}, seed {seed}", file=sys.stderr)
    return 1 if failed else 0


def flags(runs: Path, row: str, dataset: str, seed: int) -> list[str]:
    """What to give to ieg.main for one run."""
    baseline = _folder(runs, BASELINE) / dataset / "cnn" / "supervised" / f"seed{seed}"
    own = [word.format(supervised=baseline) for word in ROWS[row]]
    where = f"--checkpoint_path={_folder(runs, row)}"
    return [f"--dataset={dataset}", *own, f"--seed={seed}", where]


def table(
    runs: Path, rows: Sequence[str], datasets: Sequence[str], seeds: Sequence[int]
) -> list[str]:
    """Markdown: mean ± population standard deviation over the finished seeds, best in bold.

    Top-1 at the last step; on a long tail balanced accuracy. Time is the training's seconds divided
    by those of supervised training on the same data, of the fastest seed each, since a machine may
    do other things; mean over the data sets.
    """
    results = {
        (row, dataset): _results(runs, row, dataset, seeds) for row in rows for dataset in datasets
    }
    best = {
        dataset: max(
            (_mean(results[row, dataset], dataset) for row in rows if results[row, dataset]),
            default=None,
        )
        for dataset in datasets
    }
    lines = [
        ["", *(f"`{dataset}`" for dataset in datasets), "time"],
        ["---"] * (len(datasets) + 2),
    ]
    for row in rows:
        cells = [_cell(results[row, dataset], dataset, best[dataset]) for dataset in datasets]
        lines.append([row, *cells, _time(runs, row, datasets, seeds)])
    return [f"| {' | '.join(line)} |" for line in lines]


def _folder(runs: Path, row: str) -> Path:
    return runs / row.replace(", ", "-").lower()


def _results(runs: Path, row: str, dataset: str, seeds: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Seed → result.json of the finished runs."""
    found = {}
    for seed in seeds:
        for path in (_folder(runs, row) / dataset).glob(f"*/*/seed{seed}/result.json"):
            found[seed] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _scores(results: Mapping[int, Mapping[str, Any]], dataset: str) -> list[float]:
    key = "balanced_accuracy" if "imbal" in dataset else "top1"
    return [result[key] for result in results.values()]


def _mean(results: Mapping[int, Mapping[str, Any]], dataset: str) -> float:
    return statistics.mean(_scores(results, dataset))


def _cell(results: Mapping[int, Mapping[str, Any]], dataset: str, best: float | None) -> str:
    if not results:
        return "-"
    mean, spread = _mean(results, dataset), statistics.pstdev(_scores(results, dataset))
    text = f"{mean:.3f} ± {spread:.3f}"
    return f"**{text}**" if mean == best else text


def _time(runs: Path, row: str, datasets: Sequence[str], seeds: Sequence[int]) -> str:
    ratios = []
    for dataset in datasets:
        own, plain = (
            [result["seconds"] for result in _results(runs, name, dataset, seeds).values()]
            for name in (row, BASELINE)
        )
        if own and plain:
            ratios.append(min(own) / min(plain))
    return f"{statistics.mean(ratios):.1f}" if ratios else "-"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

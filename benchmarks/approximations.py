"""Accuracy and time of cheaper look-aheads and of half precision.

    python -m benchmarks.approximations [--letters=FOLDER]

`--meta_interval` (a look-ahead in one of so many steps), `--meta_partial_level` (which layers take
it), `--probe_batch_size` (clean images in a step) and `--precision`, each beside the exact method
with as many clean as training images. On digits, and with --letters also on 10,000 images of 32x32
in CIFAR-10's layout, resnet32, 600 steps of 64 images. Other options, and how it goes on where it
stopped, are those of `python -m ieg.grid`.
"""

import sys
from collections.abc import Mapping, Sequence

from benchmarks.tables import print_grid, rows
from ieg import grid
from ieg.recipes import Flags, Recipe, Row
from ieg.recipes.run import Run

_BATCH_OF_LETTERS = 64
_ON_LETTERS: Flags = {
    "network_name": "resnet32",
    "learning_rate": 0.02,
    "batch_size": _BATCH_OF_LETTERS,
    "max_iteration": 600,
    "lr_schedule": "cosine_one",
    "probe_dataset_hold_ratio": 0.01,
}
_HALF: Flags = {"precision": "mixed_bfloat16"}


def _rows(batch_size: int) -> dict[str, Row]:
    """All rows, those of L2R but one with as many clean as training images in a step."""
    exact: Flags = {"probe_batch_size": batch_size}
    return rows(
        {
            "supervised": Row("supervised"),
            "supervised, bfloat16": Row("supervised", _HALF),
            "l2r": Row("l2r", exact),
            "l2r, 25 clean images": Row("l2r", {"probe_batch_size": 25}),
            "l2r, interval 2": Row("l2r", {**exact, "meta_interval": 2}),
            "l2r, interval 5": Row("l2r", {**exact, "meta_interval": 5}),
            "l2r, interval 10": Row("l2r", {**exact, "meta_interval": 10}),
            "l2r, last stage": Row("l2r", {**exact, "meta_partial_level": 1}),
            "l2r, classifier": Row("l2r", {**exact, "meta_partial_level": 0}),
            "l2r, bfloat16": Row("l2r", {**exact, **_HALF}),
            "ieg": Row("ieg"),
            "ieg, interval 5": Row("ieg", {"meta_interval": 5}),
            "ieg, classifier": Row("ieg", {"meta_partial_level": 0}),
            "ieg, bfloat16": Row("ieg", _HALF),
            "fsr": Row("fsr"),
            "fsr, interval 5": Row("fsr", {"meta_interval": 5}),
            "fsr, last stage": Row("fsr", {"meta_partial_level": 1}),
            "fsr, bfloat16": Row("fsr", _HALF),
        }
    )


ROWS = _rows(100)
#: Those that are run on letters too: others are too slow there, or learn nothing in 600 steps.
_METHODS_ON_LETTERS = ("supervised", "l2r")


def main(argv: Sequence[str]) -> int:
    """Make the runs that are missing and print one table or two; return the exit status."""
    parser = grid.OneLineParser("python -m benchmarks.approximations", __doc__)
    grid.common_options(parser)
    parser.add_argument("--letters", metavar="FOLDER", help="where the archive of letters is")
    arguments = grid.parse(parser, argv)
    on_digits = _recipe(ROWS, "digits_uniform_0.4", "digits_uniform_0.8", flags={})
    status = grid.execute(on_digits, arguments, _table)
    all_rows = _rows(_BATCH_OF_LETTERS)
    shared = {name: row for name, row in all_rows.items() if row.method in _METHODS_ON_LETTERS}
    asked = [name for name in arguments.rows if name in shared]
    if status or not arguments.letters or (arguments.rows and not asked):
        return status
    flags: Flags = {**_ON_LETTERS, "dataset_dir": arguments.letters}
    arguments.rows, arguments.datasets = asked, []
    return grid.execute(_recipe(shared, "cifar10_uniform_0.4", flags=flags), arguments, _table)


def _recipe(chosen: Mapping[str, Row], *datasets: str, flags: Flags) -> Recipe:
    return Recipe(
        "Cheaper look-aheads and half precision",
        rows=chosen,
        datasets=datasets,
        seeds=(1, 2, 3),
        flags=flags,
        runs="runs/approximations",
    )


def _table(runs: Sequence[Run]) -> int:
    return print_grid(runs, "supervised")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

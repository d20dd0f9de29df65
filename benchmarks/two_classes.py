"""L2R's first experiment: two classes, one of which has nearly all images, and ten clean images.

    python -m benchmarks.two_classes [--dataset_dir=data] [--runs=runs/two_classes]

5,000 images, 95, 98 and 99.5 % of them in the larger class, ten of them clean and balanced, LeNet;
accuracy on balanced test images (M. Ren, W. Zeng, B. Yang and R. Urtasun, "Learning to Reweight
Examples for Robust Deep Learning", ICML 2018, section 4.1). The classes are 9 and 4 of MNIST where
that is in the folder of data sets, else the two that look most alike of Fashion-MNIST. Other
options, and how it goes on where it stopped, are those of `python -m ieg.grid`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.tables import print_grid, rows
from ieg import grid
from ieg.recipes import Recipe, Row

_DATA = Path(__file__).with_name("two_classes_data.py")
_SHARES = ("95", "98", "99.5")
ROWS = rows(
    {
        "supervised": Row("supervised"),
        "supervised, class weights": Row("supervised", {"train_rule": "reweight"}),
        "l2r": Row("l2r"),
        "l2r, cold start": Row("l2r", {"l2r_warmup_epochs": 0}),
        "fsr": Row("fsr", {"clip_meta_weight": False, "queue_capacity": 40, "queue_bs": 40}),
        "ieg": Row("ieg"),
    }
)


def recipe(dataset_dir: str) -> Recipe:
    """The grid on MNIST, or without it on Fashion-MNIST."""
    is_there = (Path(dataset_dir).expanduser() / "mnist").is_dir()
    return Recipe(
        "L2R's first experiment: two classes out of balance",
        rows=ROWS,
        datasets=tuple(f"{'mnist' if is_there else 'fashion'}_two_{share}" for share in _SHARES),
        seeds=(1, 2, 3),
        flags={"dataset_dir": dataset_dir, "own_code": str(_DATA)},
        runs="runs/two_classes",
    )


def main(argv: Sequence[str]) -> int:
    """Make the runs that are missing and print the table; return the exit status."""
    parser = grid.OneLineParser("python -m benchmarks.two_classes", __doc__)
    grid.common_options(parser)
    parser.add_argument("--dataset_dir", default="data", help="folder of data sets")
    arguments = grid.parse(parser, argv)
    chosen = recipe(arguments.dataset_dir)
    return grid.execute(chosen, arguments, lambda runs: print_grid(runs, "supervised"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

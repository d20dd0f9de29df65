"""Every method on digits: wrong labels, a long tail, and both; accuracy and time, three seeds.

    python -m benchmarks.methods [--runs=runs/methods]

Each with the defaults of its method. Options, and how it goes on where it stopped, are those of
`python -m ieg.grid`. An hour on 2 CPU cores.
"""

import sys
from collections.abc import Sequence

from benchmarks.tables import print_grid, rows
from ieg import grid
from ieg.recipes import Recipe, Row, RunFolder

RECIPE = Recipe(
    "Every method on digits",
    rows=rows(
        {
            "supervised": Row("supervised"),
            "supervised, ProSelfLC": Row("supervised", {"loss": "proselflc"}),
            "supervised, DM": Row("supervised", {"loss": "dm"}),
            "supervised, IMAE": Row("supervised", {"loss": "imae"}),
            "supervised, LDAM-DRW": Row("supervised", {"loss": "ldam", "train_rule": "drw"}),
            "l2r": Row("l2r"),
            "ieg": Row("ieg"),
            "fsr": Row("fsr"),
            "dynamic_loss": Row("dynamic_loss"),
            "dro_lt": Row("dro_lt", {"pretrained_ckpt": RunFolder("supervised")}),
            "mixup_labels": Row("mixup_labels"),
            "mixup_labels, proposal": Row("mixup_labels", {"mixup_variant": "proposal"}),
        }
    ),
    datasets=(
        "digits_uniform_0.4",
        "digits_uniform_0.8",
        "digits_asymmetric_0.4",
        "digits_imbal_0.02",
        "digits_imbal_0.05_0.3",
    ),
    seeds=(1, 2, 3),
    runs="runs/methods",
    cost="an hour on 2 cores",
)


def main(argv: Sequence[str]) -> int:
    """Make the runs that are missing and print the table; return the exit status."""
    parser = grid.OneLineParser("python -m benchmarks.methods", __doc__)
    grid.common_options(parser)
    arguments = grid.parse(parser, argv)
    return grid.execute(RECIPE, arguments, lambda runs: print_grid(runs, "supervised"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

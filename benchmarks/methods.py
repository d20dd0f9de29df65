"""Every method on digits: wrong labels, a long tail, and both; accuracy and time, three seeds.

    python -m benchmarks.methods [--runs=runs/methods]

Each with the defaults of its method. Goes on where it stopped, see benchmarks/grid.py. An hour on
2 CPU cores.
"""

import sys
from collections.abc import Sequence

from benchmarks import grid

GRID = grid.Grid(
    rows={
        "supervised": ("--method=supervised",),
        "supervised, ProSelfLC": ("--method=supervised", "--loss=proselflc"),
        "supervised, DM": ("--method=supervised", "--loss=dm"),
        "supervised, IMAE": ("--method=supervised", "--loss=imae"),
        "supervised, LDAM-DRW": ("--method=supervised", "--loss=ldam", "--train_rule=drw"),
        "l2r": ("--method=l2r",),
        "ieg": ("--method=ieg",),
        "fsr": ("--method=fsr",),
        "dynamic_loss": ("--method=dynamic_loss",),
        "dro_lt": ("--method=dro_lt", "--pretrained_ckpt={baseline}"),
        "mixup_labels": ("--method=mixup_labels",),
        "mixup_labels, proposal": ("--method=mixup_labels", "--mixup_variant=proposal"),
    },
    datasets={
        "digits_uniform_0.4": (),
        "digits_uniform_0.8": (),
        "digits_asymmetric_0.4": (),
        "digits_imbal_0.02": (),
        "digits_imbal_0.05_0.3": (),
    },
    baseline="supervised",
)


def main(argv: Sequence[str]) -> int:
    """Makes the runs that are missing and prints the table; returns the exit status."""
    return grid.run(GRID, grid.parser(__doc__, "runs/methods").parse_args(argv))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What cheaper look-aheads and half precision cost in accuracy, and what they save in time.

    python -m benchmarks.approximations [--letters=FOLDER]

`--meta_interval` (a look-ahead in one of so many steps), `--meta_partial_level` (which layers take
it) and `--precision`, each beside the exact method. On digits, and with --letters also on 10,000
images of 32x32 in CIFAR-10's layout, resnet32, 600 steps of 64 images. Goes on where it stopped,
see benchmarks/grid.py.
"""

import sys
from collections.abc import Sequence

from benchmarks import grid

_LETTERS = "cifar10_uniform_0.4"
_ON_LETTERS = (
    "--network_name=resnet32",
    "--learning_rate=0.02",
    "--batch_size=64",
    "--max_iteration=600",
    "--lr_schedule=cosine_one",
    "--probe_dataset_hold_ratio=0.01",
)

ROWS = {
    "supervised": ("--method=supervised",),
    "supervised, bfloat16": ("--method=supervised", "--precision=mixed_bfloat16"),
    "l2r": ("--method=l2r",),
    "l2r, interval 2": ("--method=l2r", "--meta_interval=2"),
    "l2r, interval 5": ("--method=l2r", "--meta_interval=5"),
    "l2r, interval 10": ("--method=l2r", "--meta_interval=10"),
    "l2r, last stage": ("--method=l2r", "--meta_partial_level=1"),
    "l2r, classifier": ("--method=l2r", "--meta_partial_level=0"),
    "l2r, bfloat16": ("--method=l2r", "--precision=mixed_bfloat16"),
    "ieg": ("--method=ieg",),
    "ieg, interval 5": ("--method=ieg", "--meta_interval=5"),
    "ieg, classifier": ("--method=ieg", "--meta_partial_level=0"),
    "ieg, bfloat16": ("--method=ieg", "--precision=mixed_bfloat16"),
    "fsr": ("--method=fsr",),
    "fsr, interval 5": ("--method=fsr", "--meta_interval=5"),
    "fsr, last stage": ("--method=fsr", "--meta_partial_level=1"),
    "fsr, bfloat16": ("--method=fsr", "--precision=mixed_bfloat16"),
}
#: Those that are run on letters too: the others are too slow there, or learn nothing in 600 steps.
_ROWS_ON_LETTERS = [row for row in ROWS if row.startswith(("supervised", "l2r"))]


def main(argv: Sequence[str]) -> int:
    """Makes the runs that are missing and prints one table or two; returns the exit status."""
    parser = grid.parser(__doc__, "runs/approximations")
    parser.add_argument("--letters", help="folder with the archive of letters")
    arguments = parser.parse_args(argv)
    on_digits = grid.Grid(ROWS, {"digits_uniform_0.4": (), "digits_uniform_0.8": ()}, "supervised")
    status = grid.run(on_digits, arguments)
    rows = [row for row in _ROWS_ON_LETTERS if row in (arguments.row or ROWS)]
    if status or not arguments.letters or not rows:
        return status
    flags = (*_ON_LETTERS, f"--dataset_dir={arguments.letters}")
    arguments.row, arguments.dataset = rows, [_LETTERS]
    return grid.run(grid.Grid(ROWS, {_LETTERS: flags}, "supervised"), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

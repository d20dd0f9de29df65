"""Methods on CIFAR-10 and Fashion-MNIST, trained from pixels: wrong labels and a long tail.

    python -m benchmarks.pictures [--dataset_dir=data] [--runs=runs/pictures]
    python -m benchmarks.pictures --table         only the tables, of the runs that are finished

Of Fashion-MNIST the first 10,000 training images, of CIFAR-10 all that its archive in the folder of
data sets has, with the human labels of CIFAR-10N; what is not there is left out. Each method runs
with its defaults and those of the data set for a small network, for 20 epochs and without crops:
with crops plain training is better, but fits next to no wrong labels in so short a run, so that
there is nothing to repair. Tables of accuracy at the last and the best step, of the fit to wrong
labels, and of AUROC of the list of wrong labels. Other options, and how it goes on where it
stopped, are those of `python -m ieg.grid`. A day on 2 CPU cores, two runs at a time with half of
the rows or data sets each; one run takes little more time on one core than on two.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import ieg.quiet  # noqa: F401

import numpy as np

from benchmarks.tables import print_measures, rows
from ieg import grid
from ieg.data import sources
from ieg.data.cifar import CIFAR10
from ieg.data.sources import Request
from ieg.errors import InputError
from ieg.recipes import Flags, Recipe, Row

#: Training images of Fashion-MNIST.
IMAGES = 10_000
ROWS = rows(
    {
        "supervised": Row("supervised"),
        "supervised, ProSelfLC": Row("supervised", {"loss": "proselflc"}),
        "supervised, LDAM-DRW": Row("supervised", {"loss": "ldam", "train_rule": "drw"}),
        "l2r": Row("l2r"),
        "ieg": Row("ieg"),
        "fsr": Row("fsr"),
        "dynamic_loss": Row("dynamic_loss"),
    }
)
#: Plain training begins to memorize within these epochs.
SETTINGS: Flags = {"network_name": "cnn4", "max_epoch": 20, "weak_pad": 0, "eval_freq": 400}
_CHANGED = ("uniform_0.4", "uniform_0.8", "asymmetric_0.4", "imbal_0.02")
_HUMAN_LABELS = "cifar-10n.npz"
#: Key of result.json or audit.json → caption of its table.
MEASURES = {
    "top1": "top-1 accuracy at the last step",
    "top1_best": "top-1 accuracy at the best step",
    "wrong_label_fit": "fit to wrong labels: share of them that the network predicts",
    "auroc": "AUROC of the list of wrong labels",
}


def main(argv: Sequence[str]) -> int:
    """Make the runs that are missing and print the tables; return the exit status."""
    parser = grid.OneLineParser("python -m benchmarks.pictures", __doc__)
    grid.common_options(parser)
    parser.add_argument("--dataset_dir", type=Path, default=Path("data"), help="of all data sets")
    parser.add_argument("--table", action="store_true", help="run nothing, print the tables")
    arguments = grid.parse(parser, argv)
    data = Path(arguments.runs or "runs/pictures") / "data"
    try:
        names = gather(arguments.dataset_dir.expanduser(), data)
    except InputError as error:
        parser.error(str(error))
    recipe = Recipe(
        "Methods on pictures, trained from pixels",
        rows=ROWS,
        datasets=tuple(names),
        seeds=(1, 2, 3),
        flags={**SETTINGS, "dataset_dir": str(data)},
        runs="runs/pictures",
    )
    if arguments.table:
        return print_measures(recipe.plan(arguments.runs), MEASURES)
    return grid.execute(recipe, arguments, lambda runs: print_measures(runs, MEASURES))


def gather(origin: Path, folder: Path) -> list[str]:
    """Put the data sets into a folder of their own, as far as they are there; return their names.

    Args:
      origin: folder of data sets.
      folder: gets links to CIFAR's files, and the first images of Fashion-MNIST.
    Raises:
      InputError: there is no data set, or Fashion-MNIST is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    try:
        _cut_fashion_mnist(origin, folder / "fashion-mnist")
        names += [f"fashion_mnist_{changed}" for changed in _CHANGED]
    except InputError as error:
        print(f"left out: {error}", file=sys.stderr)
    if _linked(origin / CIFAR10.archive, folder):
        names += [f"cifar10_{changed}" for changed in _CHANGED]
        if _linked(origin / _HUMAN_LABELS, folder):
            names.append("cifar10n_worst")
    if not names:
        raise InputError(f"neither Fashion-MNIST nor {CIFAR10.archive} is in {origin}")
    return names


def _linked(file: Path, folder: Path) -> bool:
    """Link a file into a folder; False if it is not there."""
    link = folder / file.name
    if file.exists() and not link.exists():
        link.symlink_to(file.resolve())
    return link.exists()


def _cut_fashion_mnist(origin: Path, folder: Path) -> None:
    """Write idx files of the first training images, and of all test images."""
    if folder.is_dir():
        return
    whole = sources.REGISTRY.get("fashion_mnist").load(Request(dataset_dir=str(origin)))
    unfinished = folder.with_suffix(".unfinished")
    unfinished.mkdir(exist_ok=True)
    for part, split, count in (("train", whole.train, IMAGES), ("t10k", whole.test, None)):
        images = np.asarray(split.images)[:count, ..., 0]
        _write_idx(unfinished / f"{part}-images-idx3-ubyte", images)
        _write_idx(unfinished / f"{part}-labels-idx1-ubyte", split.labels[:count])
    unfinished.rename(folder)


def _write_idx(path: Path, array: np.ndarray) -> None:
    """Write bytes in the format that `ieg.data.idx` describes."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(header + array.astype(np.uint8).tobytes())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

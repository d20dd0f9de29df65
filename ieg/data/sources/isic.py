"""ISIC-2019: photographs of skin lesions in eight classes, and a ninth, UNK, without any image.

The benchmark of learning to reweight and of meta-learned labels with a probe set of five images:
5,000 training and 1,250 test images, drawn from the 25,331 of the official training set.

References:
  P. Tschandl, C. Rosendahl, H. Kittler, "The HAM10000 dataset", Scientific Data 2018,
  arXiv 1803.10417.
  N. Codella et al., "Skin Lesion Analysis Toward Melanoma Detection", ISBI 2018, arXiv 1710.05006.
  M. Combalia et al., "BCN20000: Dermoscopic Lesions in the Wild", 2019, arXiv 1908.02288.
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ieg import keys
from ieg.augment.area import TrainingArea
from ieg.augment.weak import WeakAugmentation
from ieg.data import file_source, isic_tables, listing
from ieg.data.file_source import Views
from ieg.data.files import first_few
from ieg.data.isic_tables import CLASSES, Row
from ieg.data.left_out import LeftOut
from ieg.data.listing import Listed
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry
from ieg.errors import InputError

FOLDER = "ISIC_2019_Training_Input"
TRUTH = "ISIC_2019_Training_GroundTruth.csv"
TRAIN, TEST = 5000, 1250
SIDE = 224

_ONE_OF_FIVE = {"MEL": 1, "BCC": 1, "AK": 1, "DF": 1, "SCC": 1}
#: Name of the data set → probe images by class: the published five; those and 120 more, most of
#: the largest classes, likewise published; and equally many of each class.
PROBE_SIZES: Mapping[str, Mapping[str, int]] = {
    "isic2019": _ONE_OF_FIVE,
    "isic2019_clean125": _ONE_OF_FIVE | {"NV": 88, "MEL": 33},
    "isic2019_balanced": dict.fromkeys(CLASSES[:-1], 15),
}

# As published for one device; with `batch_size=128` the learning rate is 4e-3.
PRESET = {
    "network_name": "resnet50_v15",
    "batch_size": 32,
    "max_epoch": 200,
    "learning_rate": 1e-3,
    "momentum": 0.0,
    "l2_weight_decay": 1e-4,
    "lr_schedule": "custom_step",
    "decay_epochs": "50,100,150",
    "decay_rate": 0.5,
    "use_ema": False,
    "eval_freq": 1560,  # ten epochs
}


_PUBLISHED_START = "ImageNet weights"


def load(probe_sizes: Mapping[str, int], request: Request) -> Source:
    """Draw the benchmark from the official images; not stratified, as published.

    The rows of the ground truth are shuffled; the first 6,250 whose images are there are split four
    to one, and probe images are the last ones of their class. So another probe set leaves training
    and test images as they are, unless there are too few images for all.

    Args:
      probe_sizes: class → number of probe images.
      request: place of the images, and the seed.
    Raises:
      InputError: the ground truth is malformed, or too few images are there.
    """
    root, left_out = Path(request.dataset_dir).expanduser(), LeftOut()
    rows = isic_tables.read_truth(root / TRUTH)
    rows = [rows[i] for i in keys.generator(request.seed, "isic split").permutation(len(rows))]
    rows = _with_images(root, root / TRUTH, rows, left_out)
    probe = _last_of_each(rows, probe_sizes)
    names = {row.name for row in probe}
    chosen = [row for row in rows if row.name not in names][: TRAIN + TEST]
    cut = len(chosen) * TRAIN // (TRAIN + TEST)
    if not 0 < cut < len(chosen):
        raise InputError(f"{root / FOLDER} has only {len(rows)} of the images, too few to split")
    left_out.warn()
    parts = {"train": chosen[:cut], "test": chosen[cut:], "probe": probe}
    note = f"isic2019-like ({cut:,} images, {len(chosen) - cut:,} to test)"
    table = {
        "path": listing.encoded([_path(row) for part in parts.values() for row in part]),
        "split": [split for split, part in parts.items() for _ in part],
    }
    return _source(
        request,
        train=parts["train"],
        test=parts["test"],
        probe=parts["probe"],
        note=None if len(chosen) == TRAIN + TEST else note,
        made_split=table,
    )


def load_split(request: Request) -> Source:
    """Load the images of lists in a folder: *train*.csv, *test*.csv and perhaps *clean*.csv.

    A marked list of training images brings its wrong labels with it. Images of the clean list, the
    probe set, are left out of it if they are in another list too.

    Raises:
      InputError: a list is missing, malformed, or contradicts another one.
    """
    folder, root = Path(request.path).expanduser(), Path(request.dataset_dir).expanduser()
    truth = None
    if (root / TRUTH).exists():
        truth = {row.name: row.true_label for row in isic_tables.read_truth(root / TRUTH)}
    parts: dict[str, list[Row]] = {}
    left_out = LeftOut()
    for word in ("train", "test", "clean"):
        path = _only(folder, word)
        parts[word] = []
        if path is not None:
            rows = isic_tables.read_list(path, truth)
            parts[word] = _with_images(root, path, rows, left_out)
    trained, tested = ({row.name for row in parts[word]} for word in ("train", "test"))
    both = sorted(trained & tested)
    if both:
        raise InputError(
            f"{len(both)} images are in the lists to train and to test on: {first_few(both)}"
        )
    clean = [row for row in parts["clean"] if row.name not in trained | tested]
    left_out.repeated += [_path(row) for row in parts["clean"] if row.name in trained | tested]
    left_out.warn()
    marked = any(row.marked for row in parts["train"])
    split = parts["train"] + clean
    return _source(
        request,
        train=parts["train"],
        test=parts["test"],
        probe=clean,
        given_labels=np.array([row.label for row in split]) if marked else None,
        true_labels=np.array([row.true_label for row in split]) if marked else None,
        note=f"isic2019 split by lists ({len(parts['train']):,} images, {len(tested):,} to test)",
    )


def _source(
    request: Request,
    *,
    train: Sequence[Row],
    test: Sequence[Row],
    probe: Sequence[Row],
    **more: Any,
) -> Source:
    return file_source.make_source(
        request,
        Path(request.dataset_dir).expanduser(),
        SIDE,
        CLASSES,
        train=_listed(train),
        test=_listed(test),
        probe=_listed(probe),
        class_balanced=False,
        views=_views,
        **more,
    )


def _views(side: int) -> Views:
    """Rotated by any angle, 30 to 100 % of the area, mirrored; the standard deviation stays 1."""
    return file_source.imagenet_views(side)._replace(
        weak=WeakAugmentation(pad=0, flip=True, mean=(0.485, 0.456, 0.406)),
        area=TrainingArea(smallest=0.3, rotation=180),
    )


def _with_images(root: Path, listed: Path, rows: Sequence[Row], left_out: LeftOut) -> list[Row]:
    """Keep the rows whose images are there; others are counted as left out."""
    found = [row for row in rows if listing.is_usable(root, _path(row), left_out)]
    if not found:
        raise InputError(
            f"none of the {len(rows):,} images that {listed} lists is in {root / FOLDER}: "
            f"{first_few(sorted(_path(row) for row in rows))}; see data/README.md"
        )
    return found


def _last_of_each(rows: Sequence[Row], counts: Mapping[str, int]) -> list[Row]:
    """The last `counts` rows of each class, which leave at least one of it."""
    chosen: list[Row] = []
    for name, count in counts.items():
        members = [row for row in rows if row.true_label == CLASSES.index(name)]
        if len(members) <= count:
            raise InputError(
                f"{len(members)} images of class {name} are there; {count} are to be probe images "
                "and at least one more to train or to test on"
            )
        chosen += members[-count:]
    return chosen


def _only(folder: Path, word: str) -> Path | None:
    """The only list of a folder with that word in its name; None for a missing clean list."""
    found = sorted(folder.glob(f"*{word}*.csv"))
    if len(found) > 1 or (not found and word != "clean"):
        names = f"has {first_few([path.name for path in found])}" if found else "has none"
        raise InputError(
            "the folder must hold one list named *train*.csv, one *test*.csv and perhaps one "
            f"*clean*.csv, and of *{word}*.csv it {names}",
            option="dataset",
            value=f"isic2019_split:{folder}",
        )
    return found[0] if found else None


def _listed(rows: Sequence[Row]) -> Listed:
    return Listed.of([_path(row) for row in rows], [row.true_label for row in rows])


def _path(row: Row) -> str:
    return f"{FOLDER}/{row.name}.jpg"


for _name, _sizes in PROBE_SIZES.items():
    REGISTRY.register(_name)(
        SourceEntry(
            functools.partial(load, _sizes), PRESET, files=True, published_start=_PUBLISHED_START
        )
    )
REGISTRY.register("isic2019_split")(
    SourceEntry(load_split, PRESET, files=True, takes_path=True, published_start=_PUBLISHED_START)
)

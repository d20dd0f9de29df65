"""ISIC-2019: photographs of skin lesions in eight classes, and a ninth, UNK, that none belongs to.

The benchmark of learning to reweight and of meta-learned labels with five trusted images: 5,000
images to train on and 1,250 to test, drawn from the 25,331 of the official training set.
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ieg import keys
from ieg.augment.area import TrainingArea
from ieg.augment.weak import WeakAugmentation
from ieg.data import isic_tables, listing
from ieg.data.files import first_few
from ieg.data.isic_tables import CLASSES, Row
from ieg.data.listing import LeftOut, Listed
from ieg.data.sources import REGISTRY, FileRequest, Source, SourceEntry
from ieg.errors import InputError

FOLDER = "ISIC_2019_Training_Input"
TRUTH = "ISIC_2019_Training_GroundTruth.csv"
TRAIN, TEST = 5000, 1250
SIDE = 224

_ONE_OF_FIVE = {"MEL": 1, "BCC": 1, "AK": 1, "DF": 1, "SCC": 1}
#: Name of the data set → trusted images of each class: the published five; those and 120 more, most
#: of them of the largest classes, likewise published; and as many of each class.
TRUSTED: Mapping[str, Mapping[str, int]] = {
    "isic2019": _ONE_OF_FIVE,
    "isic2019_clean125": _ONE_OF_FIVE | {"NV": 88, "MEL": 33},
    "isic2019_balanced": dict.fromkeys(CLASSES[:-1], 15),
}

# As written for one device; with --batch_size=128 the learning rate is 4e-3.
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


def load(trusted: Mapping[str, int], request: FileRequest) -> Source:
    """The benchmark, drawn from the official images by the seed; not stratified, as published.

    The rows of the ground truth are shuffled; the first 6,250 whose images are there are split four
    to one, and trusted images are the last ones of their class. So another trusted set leaves those
    to train on as they are, unless there are too few images for all.

    Args:
      trusted: class → how many trusted images.
      request: where the images are, and the seed.
    Raises:
      InputError: the ground truth is not as it should be, or too few images are there.
    """
    root, left_out = Path(request.dataset_dir).expanduser(), LeftOut()
    rows = isic_tables.read_truth(root / TRUTH)
    rows = [rows[i] for i in keys.generator(request.seed, "isic split").permutation(len(rows))]
    rows = _with_images(root, root / TRUTH, rows, left_out)
    clean = _last_of_each(rows, trusted)
    names = {row.name for row in clean}
    chosen = [row for row in rows if row.name not in names][: TRAIN + TEST]
    cut = len(chosen) * TRAIN // (TRAIN + TEST)
    if not 0 < cut < len(chosen):
        raise InputError(f"{root / FOLDER} has only {len(rows)} of the images, too few to split")
    left_out.warn()
    parts = {"train": chosen[:cut], "test": chosen[cut:], "probe": clean}
    note = f"isic2019-like ({cut:,} images, {len(chosen) - cut:,} to test)"
    table = {
        "path": [_path(row) for part in parts.values() for row in part],
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


def load_split(request: FileRequest) -> Source:
    """The images that lists in a folder name: *train*.csv, *test*.csv and perhaps *clean*.csv.

    A list to train on with marks brings its wrong labels with it. Trusted images that are to be
    trained or tested on as well are left out of the trusted ones.

    Raises:
      InputError: a list is missing, not as it should be, or contradicts another one.
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
    return _source(
        request,
        train=parts["train"],
        test=parts["test"],
        probe=clean,
        given_labels=[row.label for row in parts["train"] + clean] if marked else None,
        note=f"isic2019 split by lists ({len(parts['train']):,} images, {len(tested):,} to test)",
    )


def _source(
    request: FileRequest,
    *,
    train: Sequence[Row],
    test: Sequence[Row],
    probe: Sequence[Row],
    given_labels: Sequence[int] | None = None,
    **more: object,
) -> Source:
    side = request.image_size or SIDE
    return listing.make_source(
        request,
        Path(request.dataset_dir).expanduser(),
        side,
        CLASSES,
        train=_listed(train),
        test=_listed(test),
        trusted=_listed(probe),
        # Turned by any angle, 30 to 100 % of the area, mirrored; the standard deviation stays 1.
        views=listing.imagenet_views(side)._replace(
            weak=WeakAugmentation(pad=0, flip=True, mean=(0.485, 0.456, 0.406)),
            area=TrainingArea(smallest=0.3, rotation=180),
        ),
        trusted_as_is=True,
        given_labels=None if given_labels is None else np.array(given_labels, np.int64),
        **more,
    )


def _with_images(root: Path, listed: Path, rows: Sequence[Row], left_out: LeftOut) -> list[Row]:
    """The rows whose images are there; others are counted as left out."""
    found = [row for row in rows if listing.is_usable(root, _path(row), left_out)]
    if not found:
        raise InputError(
            f"none of the {len(rows):,} images that {listed} lists is in {root / FOLDER}: "
            f"{first_few(sorted(_path(row) for row in rows))}; see data/README.md"
        )
    return found


def _last_of_each(rows: Sequence[Row], counts: Mapping[str, int]) -> list[Row]:
    """The last `counts` rows of each class; at least one is left of a class."""
    chosen: list[Row] = []
    for name, count in counts.items():
        members = [row for row in rows if row.true_label == CLASSES.index(name)]
        if len(members) <= count:
            raise InputError(
                f"{len(members)} images of class {name} are there; {count} are to be trusted ones "
                "and at least one more to train or to test on"
            )
        chosen += members[-count:]
    return chosen


def _only(folder: Path, word: str) -> Path | None:
    """The one list of a folder whose name has that word; trusted images may be missing."""
    found = sorted(folder.glob(f"*{word}*.csv"))
    if len(found) > 1 or (not found and word != "clean"):
        names = f"has {first_few([path.name for path in found])}" if found else "has none"
        raise InputError(
            f"--dataset=isic2019_split:{folder}: it must hold one list named *train*.csv, one "
            f"*test*.csv and perhaps one *clean*.csv, and of *{word}*.csv it {names}"
        )
    return found[0] if found else None


def _listed(rows: Sequence[Row]) -> Listed:
    return Listed([_path(row) for row in rows], [row.true_label for row in rows])


def _path(row: Row) -> str:
    return f"{FOLDER}/{row.name}.jpg"


for _name, _trusted in TRUSTED.items():
    REGISTRY.register(_name)(SourceEntry(functools.partial(load, _trusted), PRESET, files=True))
REGISTRY.register("isic2019_split")(SourceEntry(load_split, PRESET, files=True, takes_path=True))

"""WebVision mini: the first 50 classes of WebVision 1.0, images that Google found by class name.

The given labels are those of the search; nobody knows which are right. The probe set is drawn from
ImageNet's training images of the same classes, if they are there too (IEG, section 4.1).

Reference: W. Li, L. Wang, W. Li, E. Agustsson, L. Van Gool, "WebVision Database: Visual Learning
and Understanding from Web Data", 2017, arXiv 1708.02862.
"""

from pathlib import Path

import numpy as np

from ieg import keys
from ieg.data import file_source, listing
from ieg.data.files import first_few
from ieg.data.left_out import LeftOut
from ieg.data.listing import Listed
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry, imagenet
from ieg.errors import InputError

CLASSES = 50
_OFFICIAL_SIZES = (65_944, 2500)
SIDE = 224
FOLDER = "webvision"
PROBE_PER_CLASS = 10
_TRAIN, _TEST, _SYNSETS = (
    "info/train_filelist_google.txt",
    "info/val_filelist.txt",
    "info/synsets.txt",
)
_TEST_FOLDERS = ("val_images_256", "val_images")

PRESET = {
    "network_name": "resnet50",
    "batch_size": 16,
    "max_iteration": 123_300,
    "warmup_epochs": 3.0,
    "cos_t_mul": 2.0,
    "eval_freq": 10_000,
    "ce_factor": 4.0,
    "consistency_factor": 8.0,
    "queue_capacity": 5000,
    "use_pseudo_loss": "all_1_0.1_1",
}
# The preset is FSR's; IEG was released with another schedule and weight decay.
METHOD_PRESETS = {"ieg": {"warmup_epochs": 0.0, "cos_t_mul": 1.5, "l2_weight_decay": 4e-4}}


def load(request: Request) -> Source:
    """Load the images below <dataset_dir>/webvision, and those of ImageNet beside it.

    Raises:
      InputError: a list or all images of one are missing, or a list is not as it should be.
    """
    root = Path(request.dataset_dir).expanduser()
    left_out = LeftOut()
    wnids, names = _synsets(root / FOLDER / _SYNSETS)
    train = _listed(root, _TRAIN, FOLDER, left_out)
    if request.imagenet_as_eval:
        imagenet.require(root / imagenet.FOLDER, "val")
        test = imagenet.some_classes(root, f"{imagenet.FOLDER}/val", wnids, left_out)
    else:
        test = _listed(root, _TEST, f"{FOLDER}/{_test_folder(root / FOLDER)}", left_out)
    counts = np.bincount(train.labels, minlength=CLASSES)
    if counts.min() == 0:
        empty = first_few([names[k] for k in np.flatnonzero(counts == 0)])
        raise InputError(f"classes without any training image in {root / FOLDER}: {empty}")
    probe = Listed.of()
    if (root / imagenet.FOLDER / "train").is_dir():
        place = f"{imagenet.FOLDER}/train"
        clean = imagenet.some_classes(root, place, wnids, left_out, every_class=False)
        probe = _probe(clean, request.seed)
    left_out.warn()
    return file_source.make_source(
        request,
        root,
        SIDE,
        names,
        train=train,
        test=test,
        probe=probe,
        true_labels=file_source.unknown(train, probe),
        views=file_source.imagenet_views,
        note=_note(request, len(train), len(test)),
    )


def _note(request: Request, train: int, test: int) -> str | None:
    """Remark on numbers of images other than the official ones, and on another test split."""
    parts = []
    if (train, test) != _OFFICIAL_SIZES:
        parts.append(f"webvision-like ({train:,} images, {test:,} to test)")
    if request.imagenet_as_eval:
        parts.append("tested on ImageNet's validation images")
    return ", ".join(parts) or None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(
            f"WebVision 1.0 is not complete: cannot read {path} ({error.strerror}); the folder "
            "must hold info/, google/ and val_images_256/ of the archives; see data/README.md"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text") from None


def _synsets(path: Path) -> tuple[list[str], list[str]]:
    """wnids and names of the first 50 classes: lines such as `n01440764 tench, Tinca tinca`."""
    lines = [line.split(maxsplit=1) for line in _lines(path)[:CLASSES]]
    if len(lines) < CLASSES or any(len(words) < 2 for words in lines):
        raise InputError(f"{path} must begin with {CLASSES} lines of a synset and its name")
    return [wnid for wnid, _ in lines], [name.split(",")[0].strip() for _, name in lines]


def _listed(root: Path, file: str, prefix: str, left_out: LeftOut) -> Listed:
    """The images of the first 50 classes: lines such as `google/q0001/abc.jpg 0`."""
    paths, labels = [], []
    for number, line in enumerate(_lines(root / FOLDER / file), start=1):
        path, _, label = line.strip().rpartition(" ")
        if not path or not label.isdecimal():
            raise InputError(
                f"{root / FOLDER / file}, line {number}: must be a path and the number of a "
                f"class, not {line!r}"
            )
        if int(label) < CLASSES and listing.is_usable(root, f"{prefix}/{path}", left_out):
            paths.append(f"{prefix}/{path}")
            labels.append(int(label))
    if not paths:
        raise InputError(f"none of the images that {root / FOLDER / file} lists is in {prefix}")
    return Listed.of(paths, labels)


def _test_folder(root: Path) -> str:
    return next((name for name in _TEST_FOLDERS if (root / name).is_dir()), _TEST_FOLDERS[0])


def _probe(everything: Listed, seed: int) -> Listed:
    """Draw ten images of each class; a smaller class gives all of its own."""
    order = keys.generator(seed, "probe").permutation(len(everything))
    labels = everything.labels[order]
    chosen = [order[labels == k][:PROBE_PER_CLASS] for k in range(CLASSES)]
    return everything[np.concatenate(chosen)]


REGISTRY.register("webvisionmini")(
    SourceEntry(
        load,
        PRESET,
        own_noise="labels of a web search",
        files=True,
        imagenet_eval=True,
        method_presets=METHOD_PRESETS,
    )
)

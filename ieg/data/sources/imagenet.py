"""ImageNet (ILSVRC 2012): 1,281,167 training and 50,000 test images in 1,000 classes.

A tree of files in the official layout: train/<wnid>/*.JPEG and val/<wnid>/*.JPEG.

Reference: O. Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", IJCV 2015,
arXiv 1409.0575.
"""

from pathlib import Path

from ieg.data import file_source, listing
from ieg.data.left_out import LeftOut
from ieg.data.listing import Listed
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry
from ieg.errors import InputError

SIDE = 224
FOLDER = "imagenet"
_OFFICIAL_SIZES = (1000, 1_281_167, 50_000)

PRESET = {
    "network_name": "resnet50",
    "batch_size": 32,
    "max_epoch": 90,
    "lr_schedule": "cosine_one",
    "eval_freq": 10_000,
    "queue_capacity": 5000,
}


def load(request: Request) -> Source:
    """Load the images below <dataset_dir>/imagenet.

    Raises:
      InputError: they are not there, or not in class folders.
    """
    root = Path(request.dataset_dir).expanduser() / FOLDER
    require(root, "train")
    require(root, "val")
    classes = listing.class_folders(root / "train")
    left_out = LeftOut()
    listing.check_classes(classes, f"{root / 'train'}, whose folders are the classes,", left_out)
    train = listing.class_tree(root, "train", classes, left_out)
    test = some_classes(root, "val", classes, left_out)
    left_out.warn()
    sizes = (len(classes), len(train), len(test))
    note = f"imagenet-like ({sizes[1]:,} images in {sizes[0]} classes, {sizes[2]:,} to test)"
    return file_source.make_source(
        request,
        root,
        SIDE,
        classes,
        train=train,
        test=test,
        views=file_source.imagenet_views,
        note=None if sizes == _OFFICIAL_SIZES else note,
    )


def require(root: Path, split: str) -> None:
    """Raise InputError with the ways to get the images if a split is not there."""
    folders = listing.class_folders(root / split) if (root / split).is_dir() else []
    if folders:
        return
    raise InputError(
        f"ImageNet is not in {root / split} (`dataset_dir`): it needs class folders such as "
        f"{split}/n01440764 with the images of the official archives, or of TensorFlow Datasets, "
        "where imagenet2012 is prepared: python -m ieg.data.imagenet_tree; see data/README.md"
    )


def some_classes(
    root: Path,
    split: str,
    classes: list[str],
    left_out: LeftOut,
    *,
    every_class: bool = True,
) -> Listed:
    """List the images of some classes of a split, whatever others there are.

    Args:
      root: folder that the paths will be relative to.
      split: folder of the class folders below the root.
      classes: K wnids; images of classes[k] get label k.
      left_out: takes in files that are no images.
      every_class: True if a class without images is an error.
    Raises:
      InputError: a class has no image.
    """
    lists = []
    for label, wnid in enumerate(classes):
        there = (root / split / wnid).is_dir()
        images = listing.images_below(root, f"{split}/{wnid}", left_out) if there else []
        if every_class and not images:
            raise InputError(f"{root / split} has no image of class {wnid}")
        lists.append(Listed.of(images, [label] * len(images)))
    return listing.joined(lists)


REGISTRY.register("imagenet")(SourceEntry(load, PRESET, files=True))

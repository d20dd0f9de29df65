"""CIFAR-10 and CIFAR-100: 50,000 training and 10,000 test images of 32x32 pixels.

Read from the official binary archive in the data folder, else through TensorFlow Datasets. Both
give the same images in the same order, so that noise and splits hit the same ones.

Reference: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", technical report,
University of Toronto 2009.
"""

import functools
from pathlib import Path

import numpy as np

from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.data import small_budget
from ieg.data.cifar import CIFAR10, CIFAR100, OFFICIAL_SIZES, Contents, Layout, archive, catalogue
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry, Split
from ieg.errors import InputError

#: truck → automobile, bird → airplane, deer → horse, cat ↔ dog; the others keep their labels
#: (G. Patrini, A. Rozza, A. Menon, R. Nock, L. Qu, "Making Deep Neural Networks Robust to Label
#: Noise: a Loss Correction Approach", CVPR 2017, arXiv 1609.03683).
CONFUSION_10 = np.array([0, 1, 0, 5, 7, 3, 6, 7, 8, 1])


def load(layout: Layout, request: Request) -> Source:
    """Load one of the two data sets.

    Args:
      layout: CIFAR10 or CIFAR100.
      request: folder of the archive.
    Raises:
      InputError: the archive is missing and cannot be downloaded, or it is damaged.
    """
    folder = Path(request.dataset_dir).expanduser()
    path = folder / layout.archive
    here = path.exists()
    contents = archive.read(path, layout) if here else catalogue.load(layout, folder)
    train, test, names = contents
    missing = np.setdiff1d(np.arange(layout.num_classes), train.labels)
    if len(missing):
        raise InputError(
            f"{layout.title} in {folder} has no training image of class {names[missing[0]]}"
        )
    groups = superclasses(contents) if layout.num_superclasses else None
    return Source(
        train=Split(train.images, train.labels),
        test=Split(test.images, test.labels),
        class_names=names,
        confusion=CONFUSION_10 if groups is None else next_in_group(groups),
        # IEG, section 4.1: two pixels of padding, random crop, random flip.
        weak=WeakAugmentation(pad=2, flip=True),
        strong=StrongAugmentation(policy="cifar10", per_batch=False, pad=4, flip=True, cutout=16),
        superclass=groups,
        note=_note(layout, contents),
    )


def superclasses(contents: Contents) -> np.ndarray:
    """[K] superclass of each class, taken from the training images.

    Raises:
      InputError: images of one class belong to different superclasses.
    """
    labels, superlabels = contents.train.labels, contents.train.superlabels
    groups = np.empty(len(contents.class_names), np.int64)
    groups[labels] = superlabels
    wrong = labels[groups[labels] != superlabels]
    if len(wrong):
        raise InputError(
            f"images of class {contents.class_names[wrong[0]]} have different coarse labels; "
            "a class must belong to one superclass"
        )
    return groups


def next_in_group(groups: np.ndarray) -> np.ndarray:
    """[K] the next class of the same group, and the first for the last.

    Args:
      groups: [K] group of each class.

    >>> next_in_group(np.array([0, 1, 0, 1, 1, 2]))
    array([2, 3, 0, 4, 1, 5])
    """
    following = np.empty(len(groups), np.int64)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        following[members] = np.roll(members, -1)
    return following


def _note(layout: Layout, contents: Contents) -> str | None:
    """Remark on numbers of images other than the official ones, which make it another data set."""
    sizes = len(contents.train.labels), len(contents.test.labels)
    if sizes == OFFICIAL_SIZES:
        return None
    tested = f", {sizes[1]:,} to test" if sizes[0] == OFFICIAL_SIZES[0] else ""
    return f"{layout.name}-like ({sizes[0]:,} images{tested})"


for _layout in (CIFAR10, CIFAR100):
    REGISTRY.register(_layout.name)(
        SourceEntry(functools.partial(load, _layout), of_networks={"cnn4": small_budget.PRESETS})
    )

"""Data sets of listed image files, and the views of them in training."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ieg.augment.area import TrainingArea
from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.data import listing
from ieg.data.files import Damage, FileImages
from ieg.data.listing import Listed
from ieg.data.sources import ProbeSet, Request, Source, Split


class Views(NamedTuple):
    """Augmentation of image files in training: first a random area, then a view of it."""

    weak: WeakAugmentation
    strong: StrongAugmentation
    area: TrainingArea = TrainingArea()


def small_views(side: int) -> Views:
    """Views for some hundred images that fill the frame; strong ones have CIFAR's proportions.

    The area is larger than ImageNet's, since so few images teach little of which part shows what.
    """
    strong = StrongAugmentation("imagenet", False, pad=side // 8, flip=True, cutout=side // 2)
    return Views(WeakAugmentation(pad=0, flip=True), strong, TrainingArea(smallest=0.4))


def imagenet_views(side: int) -> Views:
    """Views of IEG on WebVision: AutoAugment v0 and a cutout of 16 of 224 pixels."""
    strong = StrongAugmentation("imagenet", False, pad=0, flip=False, cutout=max(1, side // 14))
    return Views(WeakAugmentation(pad=0, flip=True), strong)


def unknown(*lists: Listed) -> np.ndarray:
    """[N] true labels of listed files, none of which is known: -1 each, in a single cell."""
    return np.broadcast_to(np.int64(-1), sum(map(len, lists)))


def make_source(
    request: Request,
    root: Path,
    side: int,
    class_names: Sequence[str],
    *,
    train: Listed,
    test: Listed,
    probe: Listed | None = None,
    validation: Listed | None = None,
    class_balanced: bool = True,
    given_labels: np.ndarray | None = None,
    true_labels: np.ndarray | None = None,
    views: Callable[[int], Views],
    **more: Any,
) -> Source:
    """Make a data set of listed files. The training split is `train`, then `probe`.

    Args:
      request: place, seed and image size.
      root: folder that the paths are relative to.
      side: side of the images in pixels, if the request does not name one.
      class_names: K names.
      train, test: files to train and to test on, with their best known labels.
      probe: files of the probe set with their right labels, or None.
      validation: files of the validation split, or None.
      class_balanced: see `ProbeSet`.
      given_labels: [N] given labels of the training split, where they differ from the listed ones.
      true_labels: [N] true labels of the training split, see `Split`.
      views: side → augmentation.
      more: further fields of `Source`.
    """
    probe, validation = probe or Listed.of(), validation or Listed.of()
    side = request.image_size or side
    augmentation = views(side)
    trained = listing.joined([train, probe])
    files = len(trained) + len(test) + (0 if validation is test else len(validation))
    damage = Damage(files, request.damaged_limit)

    def images(listed: Listed) -> FileImages:
        area, background = augmentation.area, request.background
        return FileImages(str(root), listed.paths, side, damage, area, background=background)

    def held_out(listed: Listed) -> Split:
        return Split(images(listed), listed.labels)

    return Source(
        train=Split(
            images(trained),
            trained.labels if given_labels is None else given_labels,
            true_labels=true_labels,
        ),
        test=held_out(test),
        validation=held_out(validation) if validation else None,
        class_names=tuple(class_names),
        confusion=None,
        weak=augmentation.weak,
        strong=augmentation.strong,
        probe=ProbeSet(np.arange(len(train), len(trained)), probe.labels, class_balanced)
        if probe
        else None,
        damage=damage,
        **more,
    )

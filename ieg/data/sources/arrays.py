"""Arrays of the user's own, which come through Python: `ieg.RobustClassifier`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.data.sources import Source, Split

#: Name of an augmentation → (whether images are shifted, whether they are mirrored).
AUGMENTATIONS = {"none": (False, False), "shift": (True, False), "shift_flip": (True, True)}

PRESET: Mapping[str, Any] = {
    "network_name": "cnn",
    "batch_size": 100,
    "max_epoch": 60,
    "learning_rate": 0.03,
    "lr_schedule": "cosine_one",
    "eval_freq": 200,
    "aug_type": "default",  # nobody has said that colours may change
    "meta_start_epoch": 10,
    "queue_bs": 50,
}


def source(
    train: tuple[np.ndarray, np.ndarray],
    class_names: Sequence[str],
    *,
    probe: tuple[np.ndarray, np.ndarray] | None = None,
    test: tuple[np.ndarray, np.ndarray] | None = None,
    augmentation: str = "shift",
) -> Source:
    """Arrays as a base data set.

    Args:
      train: examples [N, H, W, C] in 0 .. 255 or [N, D], and given labels [N] in [0, K).
      class_names: K names.
      probe: clean examples likewise, which are put behind those to train on; None for none.
      test: what accuracy is measured on; None for nothing.
      augmentation: of images, a name in `AUGMENTATIONS`.
    """
    examples, labels = train
    trusted = None
    if probe is not None:
        trusted = np.arange(len(labels), len(labels) + len(probe[1]))
        examples, labels = np.concatenate([examples, probe[0]]), np.concatenate([labels, probe[1]])
    if test is None:
        test = examples[:0], labels[:0]
    weak, strong = None, None
    if examples.ndim == 4:
        side = min(examples.shape[1:3])
        shifted, mirrored = AUGMENTATIONS[augmentation]
        pad = max(1, side // 8) if shifted else 0
        weak = WeakAugmentation(pad, mirrored)
        strong = StrongAugmentation("cifar10", False, pad, mirrored, cutout=max(1, side // 2))
    return Source(
        train=_split(examples, labels),
        test=_split(*test),
        class_names=tuple(class_names),
        confusion=None,
        weak=weak,
        strong=strong,
        truth_known=np.zeros(len(labels), bool),
        trusted=trusted,
    )


def _split(examples: np.ndarray, labels: np.ndarray) -> Split:
    """With row numbers as names, which tell a run on other arrays from this one."""
    return Split(examples, labels.astype(np.int64), np.arange(len(labels)).astype(str))

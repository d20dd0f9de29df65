"""Arrays of the user's own, from `ieg.RobustClassifier`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.data.sources import ProbeSet, Source, Split

#: Name of an augmentation → (images are shifted, images are mirrored).
AUGMENTATIONS = {"none": (False, False), "shift": (True, False), "shift_flip": (True, True)}

PRESET: Mapping[str, Any] = {
    "network_name": "cnn",
    "batch_size": 100,
    "max_epoch": 60,
    "learning_rate": 0.03,
    "lr_schedule": "cosine_one",
    "eval_freq": 200,
    "aug_type": "default",  # colors may matter
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
    """Make a base data set of arrays. The training split is `train`, then `probe`.

    Args:
      train: examples [N, H, W, C] in 0 .. 255 or [N, D], and given labels [N] in [0, K).
      class_names: K names.
      probe: probe set likewise, with labels that have been checked, or None.
      test: test split likewise, or None.
      augmentation: name in `AUGMENTATIONS`, for images.
    """
    examples, labels = train
    probe_set = None
    if probe is not None:
        indices = np.arange(len(labels), len(labels) + len(probe[1]))
        probe_set = ProbeSet(indices, probe[1].astype(np.int64))
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
        train=_split(examples, labels, true_labels=np.full(len(labels), -1)),
        test=_split(*test),
        class_names=tuple(class_names),
        confusion=None,
        weak=weak,
        strong=strong,
        probe=probe_set,
    )


def _split(
    examples: np.ndarray, labels: np.ndarray, true_labels: np.ndarray | None = None
) -> Split:
    """Split with row numbers as names, so that a run on other arrays is told from this one."""
    names = np.arange(len(labels)).astype(str)
    return Split(examples, labels.astype(np.int64), names, true_labels)

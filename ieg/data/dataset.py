"""A data set as a run sees it: imbalance, then noise, then probe data, all by (name, seed)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.data import holdout, imbalance, names, noise, sources
from ieg.data.names import DatasetName
from ieg.data.sources import Source, Split
from ieg.errors import InputError


@dataclass(frozen=True)
class Dataset:
    """What one run trains on and is tested on.

    Attributes:
      name: as the user typed it.
      class_names: K names.
      train: the whole training split with true labels; indices below point into it.
      given_labels: [N] labels after noise; probe examples carry their true label.
      train_indices: [n] examples to train on.
      probe_indices: [K, m] clean probe examples by class, or None.
      evaluation: the split that accuracy is measured on.
      noise: what the noise did to the examples to train on.
      weak: the weak augmentation of the training images.
      strong: the strong one, for methods that want a second view; None where there is none.
      note: what a reader of results must know about the data, or None.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    given_labels: np.ndarray
    train_indices: np.ndarray
    probe_indices: np.ndarray | None
    evaluation: Split
    noise: noise.NoiseReport
    weak: WeakAugmentation
    strong: StrongAugmentation | None = None
    note: str | None = None

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.class_names)

    @property
    def class_counts(self) -> np.ndarray:
        """[K] examples to train on per given label."""
        return np.bincount(self.given_labels[self.train_indices], minlength=self.num_classes)


def prepare(
    name: str,
    *,
    seed: int,
    probe_ratio: float,
    eval_split: str = "test",
    validation_ratio: float = 0.1,
    dataset_dir: str = "data",
) -> Dataset:
    """Loads a base data set and does to it what the name says.

    Order: validation split, imbalance, noise, probe. Noise is drawn per example of the whole
    training split, so every method sees the same wrong labels on the same images.

    Args:
      name: such as "digits_uniform_0.4", see `names.parse`.
      seed: of validation split, imbalance, noise and probe data.
      probe_ratio: in [0, 1), share of the training examples kept as clean probe data; 0 for none.
      eval_split: "test", or "validation" for a stratified part of the training split.
      validation_ratio: in (0, 1), its share.
      dataset_dir: where data sets live.
    Raises:
      InputError: the name does not fit the grammar, or a class would be left without examples.
    """
    if eval_split not in ("test", "validation"):
        raise InputError(f"eval_split must be 'test' or 'validation', not {eval_split!r}")
    asked = names.parse(name)
    entry = sources.REGISTRY.get(asked.base)
    source = entry.load(dataset_dir)
    labels, num_classes = source.train.labels, len(source.class_names)
    kept, evaluation = np.arange(len(labels)), source.test
    if eval_split == "validation":
        held = holdout.validation_set(labels, validation_ratio, num_classes=num_classes, seed=seed)
        kept = np.setdiff1d(kept, held)
        evaluation = Split(source.train.images[held], labels[held])
    if asked.imbalance is not None:
        kept = imbalance.thin_out(
            labels, kept, asked.imbalance, profile=asked.profile, num_classes=num_classes, seed=seed
        )
    given, facts = _given_labels(source, entry.own_noise, asked, kept, seed)
    probe = None
    if probe_ratio > 0:
        probe = holdout.probe_set(labels, kept, probe_ratio, num_classes=num_classes, seed=seed)
        given[probe] = labels[probe]
        kept = np.setdiff1d(kept, probe)
    return Dataset(
        name=name,
        class_names=source.class_names,
        train=source.train,
        given_labels=given,
        train_indices=kept,
        probe_indices=probe,
        evaluation=evaluation,
        noise=noise.measure(labels[kept], given[kept], num_classes, **facts),
        weak=source.weak,
        strong=source.strong,
        note=source.note,
    )


def _given_labels(
    source: Source, own_noise: str | None, asked: DatasetName, kept: np.ndarray, seed: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """[N] labels to train on, and what `noise.measure` reports about them unmeasured."""
    if source.given_labels is not None:
        return source.given_labels.copy(), {"kind": own_noise, "asked": None}
    count = len(source.class_names)
    classes = noise.describe(
        count,
        confusion=source.confusion,
        superclass=source.superclass,
        sizes=np.bincount(source.train.labels[kept], minlength=count),
        seed=seed,
    )
    given = noise.corrupt(
        source.train.labels, kept, kind=asked.noise, ratio=asked.ratio, classes=classes, seed=seed
    )
    if asked.noise is None:
        return given, {}
    expected = noise.REGISTRY.get(asked.noise).expected(asked.ratio, classes)
    return given, {"kind": asked.noise, "asked": asked.ratio, "expected": expected}

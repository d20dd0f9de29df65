"""Data set of a run: a base data set with imbalance, noise and probe set, by name and seed."""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.data import corrections, holdout, imbalance, names, noise, sources
from ieg.data.corrections import Corrections
from ieg.data.files import Damage, FileImages
from ieg.data.holdout import Fold
from ieg.data.names import DatasetName
from ieg.data.settings import DataSettings
from ieg.data.sources import Annotations, Request, Source, SourceEntry, Split
from ieg.errors import InputError


@dataclass(frozen=True)
class Dataset:
    """Training and test examples of one run.

    Attributes:
      name: title of the data set; "folder:photos, uniform_0.4" for a path with noise beside it.
      class_names: K names.
      train: training split of the base data set. All indices below point into it.
      best_labels: [N] true labels as far as anybody knows, see `Source.best_labels`.
      given_labels: [N] labels to train on, after noise and corrections. Probe examples carry their
        right labels.
      true_labels: [N] labels to judge given labels by, -1 where unknown.
      train_indices: [n] examples to train on.
      probe_indices: [R, m] probe examples, or None. One row per class (class-balanced) or a single
        row (natural class frequencies).
      evaluation: split that accuracy is measured on.
      noise: measured noise in the given labels of the examples to train on.
      weak: weak augmentation of the training images; None for examples that are no images.
      strong: strong augmentation, for methods that want a second view; None where there is none.
      note: remark on the data for readers of results, or None.
      damage: record of unreadable image files; None for images in memory.
      made_split: columns path (bytes) and split of a table of a split made by ieg, or None.
      corrections: numbers of corrected given labels, or None.
      held_out: [m] training examples in the fold that is not trained on, or None.
      annotations: labels of the people whose consensus is trained on, or None.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    best_labels: np.ndarray
    given_labels: np.ndarray
    true_labels: np.ndarray
    train_indices: np.ndarray
    probe_indices: np.ndarray | None
    evaluation: Split
    noise: noise.NoiseReport
    weak: WeakAugmentation | None
    strong: StrongAugmentation | None = None
    note: str | None = None
    damage: Damage | None = None
    made_split: Mapping[str, Any] | None = None
    corrections: Corrections | None = None
    held_out: np.ndarray | None = None
    annotations: Annotations | None = None

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.class_names)

    @property
    def probe_size(self) -> int:
        """Number of distinct probe examples."""
        return 0 if self.probe_indices is None else len(np.unique(self.probe_indices))

    @functools.cached_property
    def digest(self) -> str | None:
        """Digest of the examples and their labels, to tell changed data from those of a run.

        None for data sets that never change and whose labels are not corrected.
        """
        content = hashlib.sha256()
        splits = ((self.train, self.best_labels), (self.evaluation, self.evaluation.labels))
        for split, labels in splits:
            if isinstance(split.images, FileImages):
                content.update(split.images.places().tobytes())
            elif split.names is not None:
                content.update("\0".join(split.names).encode() + np.asarray(split.images).tobytes())
            elif self.corrections is None:
                return None
            content.update(labels.tobytes())
        parts = [self.given_labels, self.true_labels, self.train_indices]
        parts += [] if self.probe_indices is None else [self.probe_indices]
        for values in parts:
            content.update(np.asarray(values, np.int64).tobytes())
        content.update("\0".join(self.class_names).encode())
        return content.hexdigest()[:16]

    def file_sizes(self) -> str | None:
        """Digest of the sizes of all image files in bytes; None for examples that are no files."""
        content = hashlib.sha256()
        for images in (self.train.images, self.evaluation.images):
            if not isinstance(images, FileImages):
                return None
            content.update(images.sizes().tobytes())
        return content.hexdigest()[:16]

    @property
    def class_counts(self) -> np.ndarray:
        """[K] number of examples to train on by given label."""
        return np.bincount(self.given_labels[self.train_indices], minlength=self.num_classes)


def prepare(
    settings: DataSettings,
    *,
    seed: int,
    probe: bool = False,
    own_probe: bool = False,
    fold: Fold | None = None,
    name: DatasetName | None = None,
    entry: SourceEntry | None = None,
) -> Dataset:
    """Load a base data set and apply imbalance and noise of its name, probe set and corrections.

    Order: validation split, imbalance, noise, probe set, corrections, fold. Noise is drawn per
    example of the whole training split, so every method sees the same wrong labels on the same
    images. A probe set of the data set's own is never trained on.

    Args:
      settings: of the data.
      seed: of validation split, imbalance, noise and probe set.
      probe: True to hold out probe examples.
      own_probe: True for the probe set that the data bring, if they do, in a single row.
      fold: part of the training examples to hold out, or None.
      name: meaning of `settings.dataset`, where it has been parsed already.
      entry: entry of the base data set; None: the registered one.
    Raises:
      InputError: the name does not fit the grammar, the decisions do not fit the data, a class
        would be left without examples, or nobody knows right labels for a probe set.
    """
    name = name or names.parse(settings.dataset, settings.noise)
    entry = entry or sources.REGISTRY.get(name.base)
    source = load(settings, name, entry, seed)
    labels, num_classes = source.best_labels, len(source.class_names)
    in_use, evaluation = np.arange(len(labels)), source.test
    if source.probe is not None:
        in_use = np.setdiff1d(in_use, source.probe.indices)
    if settings.eval_split == "validation" and source.validation is not None:
        evaluation = source.validation
    elif settings.eval_split == "validation":
        in_use, evaluation = _split_validation(source, in_use, settings.validation_ratio, seed)
    if name.imbalance is not None:
        in_use = imbalance.thin_out(
            labels,
            in_use,
            name.imbalance,
            profile=name.profile,
            num_classes=num_classes,
            seed=seed,
        )
    given, facts = _given_labels(source, entry.own_noise, name, in_use, seed)
    true = source.train.true_labels
    if true is None or name.noise is not None:  # added noise takes the labels before it for true
        true = labels
    probe_indices = None
    if probe:
        probe_indices = _probe_indices(settings, source, true, in_use, seed)
    elif own_probe and source.probe is not None:
        probe_indices = source.probe.indices[np.newaxis]
    if probe_indices is not None:
        in_use = np.setdiff1d(in_use, probe_indices)
        given = given.copy()
        given[probe_indices] = labels[probe_indices]
    corrected, held_out = None, None
    if settings.label_corrections is not None:
        given, in_use, corrected = corrections.apply(
            Path(settings.label_corrections).expanduser(),
            given,
            in_use,
            np.array([], np.int64) if probe_indices is None else probe_indices.ravel(),
            class_names=source.class_names,
            files=images.paths if isinstance(images := source.train.images, FileImages) else None,
        )
    if fold is not None:
        in_use, held_out = holdout.without_fold(
            given, in_use, fold, num_classes=num_classes, seed=seed
        )
    return Dataset(
        name=name.title,
        class_names=source.class_names,
        train=source.train,
        best_labels=labels,
        given_labels=given,
        true_labels=true,
        train_indices=in_use,
        probe_indices=probe_indices,
        evaluation=evaluation,
        noise=noise.measure(true[in_use], given[in_use], num_classes, **facts),
        weak=source.weak,
        strong=source.strong,
        note=source.note,
        damage=source.damage,
        made_split=source.made_split,
        corrections=corrected,
        held_out=held_out,
        annotations=source.annotations,
    )


_NO_PROBE = (
    "the method needs clean probe images, and nobody has said which labels of {name} are right: "
    "`method=fsr` does without; or name images that you have checked (folder probe/CLASS, split "
    "'probe' of a CSV, ImageNet beside WebVision)"
)


def load(settings: DataSettings, name: DatasetName, entry: SourceEntry, seed: int) -> Source:
    """Read the base data set and check it; the arguments are those of `prepare`.

    Raises:
      InputError: it cannot be read, or there are settings that only other data can follow.
    """
    if settings.use_imagenet_as_eval and not entry.imagenet_eval:
        able = [n for n in sources.REGISTRY.names() if sources.REGISTRY.get(n).imagenet_eval]
        problem = f"for {', '.join(able)}, not for {name.base}"
        raise InputError(problem, option="use_imagenet_as_eval")
    if settings.image_size and not entry.files:
        raise InputError(
            f"for data sets of image files; the images of {name.base} have a size of their own",
            option="image_size",
            value=settings.image_size,
        )
    source = entry.load(
        Request(
            settings.dataset_dir,
            name.path or name.listed,
            seed,
            settings.image_size,
            settings.use_imagenet_as_eval,
            settings.damaged_limit,
            settings.background_color(),
        )
    )
    source.check(settings.dataset)
    return source


def _split_validation(
    source: Source, in_use: np.ndarray, ratio: float, seed: int
) -> tuple[np.ndarray, Split]:
    """Take a stratified validation split out of the training split.

    Returns:
      [n] examples in use that remain; the validation split.
    """
    labels = source.best_labels
    held = holdout.validation_set(labels, ratio, num_classes=len(source.class_names), seed=seed)
    if source.probe is not None:
        held = np.setdiff1d(held, source.probe.indices)
    names_held = None if source.train.names is None else source.train.names[held]
    evaluation = Split(source.train.images[held], labels[held], names_held)
    return np.setdiff1d(in_use, held), evaluation


def _given_labels(
    source: Source, own_noise: str | None, asked: DatasetName, in_use: np.ndarray, seed: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """[N] labels to train on, and the arguments of `noise.measure` that are not measured."""
    labels, true = source.best_labels, source.train.true_labels
    if own_noise is not None or (true is not None and (true >= 0).any()):
        if asked.noise is not None:
            raise InputError(
                f"{asked.base}:{asked.path} has given and true labels of its own, so no noise can "
                "be added",
                option="noise",
            )
        return source.train.labels, {"kind": own_noise or "given labels", "asked": None}
    if asked.noise is None:
        return labels, {} if true is None else {"kind": "unknown", "asked": None}
    count = len(source.class_names)
    classes = noise.describe(
        count,
        confusion=source.confusion,
        superclass=source.superclass,
        sizes=np.bincount(labels[in_use], minlength=count),
        seed=seed,
    )
    # Drawn without the probe set: others get the same noise whatever is in it.
    open_to_noise = np.arange(len(labels))
    if source.probe is not None:
        open_to_noise = np.setdiff1d(open_to_noise, source.probe.indices)
    given = labels.copy()
    given[open_to_noise] = noise.corrupt(
        given[open_to_noise],
        np.searchsorted(open_to_noise, in_use),
        kind=asked.noise,
        ratio=asked.ratio,
        classes=classes,
        seed=seed,
    )
    expected = noise.REGISTRY.get(asked.noise).expected(asked.ratio, classes)
    return given, {"kind": asked.noise, "asked": asked.ratio, "expected": expected}


def _probe_indices(
    settings: DataSettings, source: Source, true_labels: np.ndarray, in_use: np.ndarray, seed: int
) -> np.ndarray:
    """[R, m] probe examples: the data set's own, else some in use with known true labels."""
    labels, num_classes = source.best_labels, len(source.class_names)
    if source.probe is not None and not source.probe.class_balanced:
        return source.probe.indices[np.newaxis]
    if source.probe is not None:
        return holdout.probe_table(labels, source.probe.indices, num_classes=num_classes)
    known = in_use[true_labels[in_use] >= 0]
    if not len(known):
        raise InputError(_NO_PROBE.format(name=settings.dataset))
    ratio = settings.probe_dataset_hold_ratio
    return holdout.probe_set(labels, known, ratio, num_classes=num_classes, seed=seed)

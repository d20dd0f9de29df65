"""A data set as a run sees it: imbalance, then noise, then probe data, all by (name, seed)."""

import dataclasses
import functools
import hashlib
from collections.abc import Mapping, Sequence
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
from ieg.data.sources import FileRequest, Source, SourceEntry, Split
from ieg.errors import InputError


@dataclass(frozen=True)
class Dataset:
    """What one run trains on and is tested on.

    Attributes:
      name: as the user typed it; "folder:photos, uniform_0.4" for a path and noise of their own.
      class_names: K names.
      train: the whole training split; indices below point into it.
      given_labels: [N] labels after noise; probe examples carry their true label.
      train_indices: [n] examples to train on.
      probe_indices: [R, m] clean probe examples, or None. Rows take turns: one for each class that
        has examples, or a single one where classes come in the shares that they have.
      evaluation: the split that accuracy is measured on.
      noise: what the noise did to the examples to train on.
      weak: the weak augmentation of the training images; None for examples that are no images.
      strong: the strong one, for methods that want a second view; None where there is none.
      note: what a reader of results must know about the data, or None.
      truth_known: [N] bool, whether the label in `train` is known to be the true one; None: all.
      damage: what is found out about damaged image files; None for images in memory.
      made_split: columns of a table that says what was split off for testing, if ieg did that.
      corrections: what a person's decisions did to the given labels; None without such decisions.
      held_out: [m] examples of the fold that is not trained on, or None.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    given_labels: np.ndarray
    train_indices: np.ndarray
    probe_indices: np.ndarray | None
    evaluation: Split
    noise: noise.NoiseReport
    weak: WeakAugmentation | None
    strong: StrongAugmentation | None = None
    note: str | None = None
    truth_known: np.ndarray | None = None
    damage: Damage | None = None
    made_split: Mapping[str, Sequence[str]] | None = None
    corrections: Corrections | None = None
    held_out: np.ndarray | None = None

    @functools.cached_property
    def true_labels(self) -> np.ndarray:
        """[N] of the training split; -1 where the true label is not known."""
        if self.truth_known is None:
            return self.train.labels
        return np.where(self.truth_known, self.train.labels, -1)

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.class_names)

    @property
    def probe_size(self) -> int:
        """Distinct clean probe examples."""
        return 0 if self.probe_indices is None else len(np.unique(self.probe_indices))

    @functools.cached_property
    def digest(self) -> str | None:
        """Stands for which examples there are and how they are labelled, where that may change.

        None for known data sets, whose examples are always the same, unless labels are corrected.
        """
        content = hashlib.sha256()
        for split in (self.train, self.evaluation):
            if isinstance(split.images, FileImages):
                content.update(split.images.paths.tobytes())
            elif split.names is not None:
                content.update("\0".join(split.names).encode() + np.asarray(split.images).tobytes())
            elif self.corrections is None:
                return None
            content.update(split.labels.tobytes())
        parts = [self.given_labels, self.true_labels, self.train_indices]
        parts += [] if self.probe_indices is None else [self.probe_indices]
        for values in parts:
            content.update(np.asarray(values, np.int64).tobytes())
        content.update("\0".join(self.class_names).encode())
        return content.hexdigest()[:16]

    @property
    def class_counts(self) -> np.ndarray:
        """[K] examples to train on per given label."""
        return np.bincount(self.given_labels[self.train_indices], minlength=self.num_classes)


def prepare(
    settings: DataSettings,
    *,
    seed: int,
    probe: bool = False,
    fold: Fold | None = None,
    name: DatasetName | None = None,
    entry: SourceEntry | None = None,
) -> Dataset:
    """Load a base data set and do to it what its name says.

    Order: validation split, imbalance, noise, probe, corrections, fold. Noise is drawn per example
    of the whole training split, so every method sees the same wrong labels on the same images.
    Examples that the data set itself calls clean are probe data, and nothing else.

    Args:
      settings: of the data.
      seed: of validation split, imbalance, noise and probe data.
      probe: True to hold out probe examples.
      fold: part of the training examples to hold out, or None.
      name: meaning of `settings.dataset`, where it has been parsed already.
      entry: entry of the base data set; None: the registered one.
    Raises:
      InputError: the name does not fit the grammar, the decisions do not fit the data, a class
        would be left without examples, or there are no clean examples for the probe.
    """
    name = name or names.parse(settings.dataset, settings.noise)
    entry = entry or sources.REGISTRY.get(name.base)
    source = _load(settings, name, entry, seed)
    labels, num_classes = source.train.labels, len(source.class_names)
    trusted = np.array([], np.int64) if source.trusted is None else source.trusted
    kept, evaluation = np.setdiff1d(np.arange(len(labels)), trusted), source.test
    if settings.eval_split == "validation":
        ratio = settings.validation_ratio
        held = holdout.validation_set(labels, ratio, num_classes=num_classes, seed=seed)
        held = np.setdiff1d(held, trusted)
        kept = np.setdiff1d(kept, held)
        names_held = None if source.train.names is None else source.train.names[held]
        evaluation = Split(source.train.images[held], labels[held], names_held)
    if name.imbalance is not None:
        kept = imbalance.thin_out(
            labels, kept, name.imbalance, profile=name.profile, num_classes=num_classes, seed=seed
        )
    given, facts = _given_labels(source, entry.own_noise, name, kept, seed)
    truth_known = source.truth_known if name.noise is None else None
    probe_rows = None
    if probe and source.trusted_as_is and len(trusted):
        probe_rows = trusted[np.newaxis]
    elif probe and source.trusted is not None:
        probe_rows = holdout.trusted_set(labels, trusted, num_classes=num_classes)
    elif probe:
        sure = kept if truth_known is None else kept[truth_known[kept]]
        if not len(sure):
            raise InputError(_NO_CLEAN_EXAMPLES.format(name=settings.dataset))
        ratio = settings.probe_dataset_hold_ratio
        probe_rows = holdout.probe_set(labels, sure, ratio, num_classes=num_classes, seed=seed)
        kept = np.setdiff1d(kept, probe_rows)
    if probe_rows is not None:
        given[probe_rows] = labels[probe_rows]
    corrected, held_out = None, None
    if settings.label_corrections is not None:
        given, kept, corrected = corrections.apply(
            Path(settings.label_corrections).expanduser(),
            given,
            kept,
            np.array([], np.int64) if probe_rows is None else probe_rows.ravel(),
            class_names=source.class_names,
            files=images.paths if isinstance(images := source.train.images, FileImages) else None,
        )
    if fold is not None:
        kept, held_out = holdout.without_fold(given, kept, fold, num_classes=num_classes, seed=seed)
    dataset = Dataset(
        name=name.title,
        class_names=source.class_names,
        train=source.train,
        given_labels=given,
        train_indices=kept,
        probe_indices=probe_rows,
        evaluation=evaluation,
        noise=noise.NoiseReport(None, None, None),
        weak=source.weak,
        strong=source.strong,
        note=source.note,
        truth_known=truth_known,
        damage=source.damage,
        made_split=source.made_split,
        corrections=corrected,
        held_out=held_out,
    )
    measured = noise.measure(dataset.true_labels[kept], given[kept], num_classes, **facts)
    return dataclasses.replace(dataset, noise=measured)


_NO_CLEAN_EXAMPLES = (
    "the method needs clean probe images, and nobody has said which labels of {name} are right: "
    "`method=fsr` does without; or name images that you have checked (folder probe/CLASS, split "
    "'probe' of a CSV, ImageNet beside WebVision)"
)


def _load(settings: DataSettings, name: DatasetName, entry: SourceEntry, seed: int) -> Source:
    """Read the base data set; refuse settings that only image files can follow."""
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
    if not (entry.files or entry.seeded):
        return entry.load(settings.dataset_dir)
    return entry.load(
        FileRequest(
            settings.dataset_dir,
            name.path,
            seed,
            settings.image_size,
            settings.use_imagenet_as_eval,
            settings.damaged_limit,
        )
    )


def _given_labels(
    source: Source, own_noise: str | None, asked: DatasetName, kept: np.ndarray, seed: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """[N] labels to train on, and what `noise.measure` reports about them unmeasured."""
    if source.given_labels is not None:
        if asked.noise is not None:
            raise InputError(
                f"{asked.base}:{asked.path} has given and true labels of its own, so no noise can "
                "be added",
                option="noise",
            )
        return source.given_labels.copy(), {"kind": own_noise or "given labels", "asked": None}
    count = len(source.class_names)
    classes = noise.describe(
        count,
        confusion=source.confusion,
        superclass=source.superclass,
        sizes=np.bincount(source.train.labels[kept], minlength=count),
        seed=seed,
    )
    # Drawn without the trusted examples: others get the same noise whatever is trusted.
    open_to_noise = np.arange(len(source.train.labels))
    if source.trusted is not None:
        open_to_noise = np.setdiff1d(open_to_noise, source.trusted)
    given = source.train.labels.copy()
    given[open_to_noise] = noise.corrupt(
        given[open_to_noise],
        np.searchsorted(open_to_noise, kept),
        kind=asked.noise,
        ratio=asked.ratio,
        classes=classes,
        seed=seed,
    )
    if asked.noise is None:
        return given, {} if source.truth_known is None else {"kind": "unknown", "asked": None}
    expected = noise.REGISTRY.get(asked.noise).expected(asked.ratio, classes)
    return given, {"kind": asked.noise, "asked": asked.ratio, "expected": expected}

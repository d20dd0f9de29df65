"""Conversion of the arguments of `fit` and `predict` to data of experiments and networks."""

import dataclasses
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from ieg.augment.area import MIDDLE, WHOLE
from ieg.classifier.examples import (
    Form,
    checked_labels,
    collected,
    encoded,
    is_path,
    one_line,
    pixels,
)
from ieg.data import listing, sources
from ieg.data.files import CHANNELS, FileImages
from ieg.data.images import Images
from ieg.data.sources import Request, Source, SourceEntry, arrays
from ieg.errors import InputError
from ieg.exporting.inference import RawInput

#: Examples on which a network of the caller's own is tried, two batches.
_TRIED = 16
#: Features with a smaller standard deviation count as constant.
_CONSTANT = 1e-7

#: Examples and labels; either may be None.
Pair = tuple[Any, Any]


class Prepared(NamedTuple):
    """Data that a classifier is fitted on.

    Attributes:
      dataset: value of the option `dataset`.
      source: the data.
      entry: registry entry of the data, for `ieg.config.resolve`.
      form: form of an example.
      classes: [K] labels in the order of their numbers.
      feature_names: [D] names of the columns of a table; None without names.
    """

    dataset: str
    source: Source
    entry: SourceEntry
    form: Form
    classes: np.ndarray
    feature_names: list[str] | None = None

    @property
    def size(self) -> int:
        """Number N of examples to train on."""
        probe = self.source.probe
        return len(self.source.train.labels) - (0 if probe is None else len(probe.indices))

    def behind(self, square: int | None) -> "Prepared":
        """The same with the side of the square that a backbone sees of each image."""
        if square is None:
            return self
        shape = self.form.shape
        if self.form.kind == "files":  # read in the size that the backbone takes
            shape = (square, square, CHANNELS)
        return self._replace(form=self.form._replace(shape=shape, square=square))

    def as_seen(self) -> np.ndarray:
        """Some examples [B, ...] as a network sees them; noise instead of image files."""
        if self.form.kind == "files":
            draws = np.random.default_rng(0).uniform(-1, 1, (_TRIED, *self.form.shape))
            return draws.astype(np.float32)
        rows = np.resize(np.arange(self.size), _TRIED)  # a small data set repeats
        values = np.asarray(self.source.train.images[rows], np.float32)
        return values if self.form.kind == "features" else values * (2 / 255) - 1


def from_path(path: str | os.PathLike, pairs: list[Pair], request: Request) -> Prepared:
    """Prepare a folder of class folders, or a CSV file that lists images.

    Args:
      path: of the folder or the CSV file.
      pairs: other examples and labels, all of which must be None.
      request: request for the files, without their path.
    Raises:
      InputError: other data were given too, or the files cannot be used.
    """
    if any(value is not None for pair in pairs for value in pair):
        raise InputError(
            "with a folder or a CSV file as X, labels, probe and test images come from there too: "
            "leave out the other arguments"
        )
    text = os.fspath(path)
    base = "csv" if text.lower().endswith(".csv") else "folder"
    entry = sources.REGISTRY.get(base)
    source = entry.load(dataclasses.replace(request, path=text))
    entry = dataclasses.replace(entry, load=lambda request: source)
    images = source.train.images
    assert isinstance(images, FileImages)
    form = Form("files", images.shape[1:], background=images.background)
    return Prepared(f"{base}:{text}", source, entry, form, np.array(source.class_names))


def from_arrays(
    estimator: BaseEstimator, pairs: list[Pair], *, augmentation: str, standardize: bool
) -> Prepared:
    """Prepare arrays, tables, or tf.data.Datasets.

    Args:
      estimator: stores the number and the names of features.
      pairs: training, probe and test examples with their labels; only the first are required.
      augmentation: see `arrays.source`.
      standardize: True to standardize features to mean 0 and standard deviation 1.
    Raises:
      InputError: see `RobustClassifier.fit`.
    """
    pairs = [collected(x) if isinstance(x, tf.data.Dataset) else (x, y) for x, y in pairs]
    X, y = pairs[0]
    form: Form | None = None
    if (X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim) in (3, 4):
        examples, form = pixels(X)
        more = [None if x is None else pixels(x, form)[0] for x, _ in pairs[1:]]
    else:
        examples = features(estimator, X, reset=True)
        more = [None if x is None else features(estimator, x, reset=False) for x, _ in pairs[1:]]
        form = Form("features", examples.shape[1:])
        if standardize:
            form = form._replace(scaling=_scaling(examples))
            examples = scaled(examples, form)
            more = [None if x is None else scaled(x, form) for x in more]
    labels = checked_labels(y, len(examples))
    classes = np.unique(labels)
    if len(classes) < 2:
        raise InputError(
            f"y has only one class, {classes.tolist()[0]!r}; a classifier needs at least two"
        )
    names = ("y_probe", "y_test")
    others = [
        None if x is None else (x, encoded(checked_labels(given, len(x)), classes, name))
        for x, (_, given), name in zip(more, pairs[1:], names, strict=True)
    ]
    source = arrays.source(
        (examples, encoded(labels, classes, "y")),
        [str(label) for label in classes],
        probe=others[0],
        test=others[1],
        augmentation=augmentation,
    )
    columns = getattr(estimator, "feature_names_in_", None) if form.kind == "features" else None
    return Prepared(
        "arrays",
        source,
        SourceEntry(lambda request: source, arrays.PRESET),
        form,
        classes,
        None if columns is None else [str(c) for c in columns],
    )


def features(estimator: BaseEstimator, X: Any, *, reset: bool) -> np.ndarray:
    """Features [N, D] float32, validated by scikit-learn.

    Args:
      estimator: stores the number and the names of features, or compares them.
      X: array or table.
      reset: True in `fit`, which stores them.
    Raises:
      InputError: they are no finite numbers, or others than in `fit`.
    """
    try:
        return validate_data(estimator, X, reset=reset, dtype=np.float32)
    except ValueError as error:
        raise one_line(error) from None


def _scaling(examples: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each feature; deviation 1 for a constant one."""
    wide = examples.astype(np.float64)
    deviation = wide.std(axis=0)
    return wide.mean(axis=0).tolist(), np.where(deviation > _CONSTANT, deviation, 1.0).tolist()


def scaled(examples: np.ndarray, form: Form) -> np.ndarray:
    """Features [N, D], standardized by mean and standard deviation of the training examples."""
    if form.scaling is None:
        return examples
    mean, deviation = (np.array(values, np.float32) for values in form.scaling)
    return (examples - mean) / deviation


def to_predict(estimator: BaseEstimator, X: Any, form: Form) -> Images:
    """Examples to predict: pixels in 0 .. 255, image files, or features.

    Raises:
      InputError: they have another form than those of `fit`.
    """
    if isinstance(X, tf.data.Dataset):
        X, _ = collected(X)
    if form.kind == "features":
        return features(estimator, X, reset=False)
    if not is_path(X):
        return pixels(X, form)[0].astype(np.float32)
    height, width, channels = form.shape
    if height != width or channels != CHANNELS:
        raise InputError(
            "files are color images of any size, and the classifier was fitted on images of "
            f"{height}x{width}x{channels}"
        )
    root, paths = listing.list_images(Path(X).expanduser())
    middle, ground = MIDDLE if form.square is None else WHOLE, form.background
    return listing.to_predict(root, paths, height, middle=middle, background=ground)


def raw_input(form: Form, *, exported: bool) -> RawInput:
    """Input of a model of probabilities: checked arrays, or after an export raw examples."""
    if form.kind == "features":
        return RawInput(form.shape, "float32", is_image=False, scaling=form.scaling)
    dtype, any_size = ("uint8", form.kind == "files") if exported else ("float32", False)
    return RawInput(form.shape, dtype, is_image=True, any_size=any_size, square=form.square)

"""Conversion of the arguments of `fit` and `predict` to data of experiments and networks."""

import dataclasses
import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from ieg.augment.area import MIDDLE, WHOLE
from ieg.classifier.datasets import collected
from ieg.classifier.examples import Form, are_images, is_path, listed_paths, one_line, pixels, sides
from ieg.classifier.labels import MISSING_AS_TEXT, checked_labels, encoded
from ieg.data import file_source, listing, sources
from ieg.data.files import CHANNELS, FileImages, first_few
from ieg.data.images import Images
from ieg.data.listing import Listed
from ieg.data.sources import Request, Source, SourceEntry, arrays, folder
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
      paths: [N] files that the examples come from, in the caller's order; None for arrays, and for
        a folder or a table, whose order is that of the source.
    """

    dataset: str
    source: Source
    entry: SourceEntry
    form: Form
    classes: np.ndarray
    feature_names: list[str] | None = None
    paths: list[str] | None = None

    @property
    def in_order(self) -> bool:
        """True if the caller has given the examples one by one, in an order to be kept."""
        return not self.entry.takes_path

    @property
    def tested(self) -> bool:
        """True if there are examples to measure accuracy on."""
        return len(self.source.test.labels) > 0

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


def from_files(pairs: list[Pair], request: Request) -> Prepared:
    """Prepare image files that are given one by one, with their labels.

    Args:
      pairs: training, probe and test files with their labels; only the first are required.
      request: request for the files.
    Raises:
      InputError: a file does not exist, or see `RobustClassifier.fit`.
    """
    names = ("X", "X_probe", "X_test")
    files = [_existing(x, name) for (x, _), name in zip(pairs, names, strict=True)]
    classes, numbers = _numbered([(x, y) for x, (_, y) in zip(files, pairs, strict=True)])
    train, probe, test = (
        Listed.of(paths or (), () if labels is None else labels.tolist())
        for paths, labels in zip(files, numbers, strict=True)
    )
    source = file_source.make_source(
        request,
        _root([path for paths in files for path in paths or ()]),
        folder.SIDE,
        [str(label) for label in classes],
        train=train,
        test=test,
        probe=probe,
        true_labels=file_source.unknown(train, probe),
        views=file_source.small_views,
    )
    entry = dataclasses.replace(
        sources.REGISTRY.get("folder"), load=lambda request: source, takes_path=False
    )
    form = Form("files", source.train.images.shape[1:], background=request.background)
    return Prepared("files", source, entry, form, classes, paths=files[0])


def _root(paths: list[str]) -> Path:
    """Folder that relative paths begin at; if all are absolute, the one that they have in common.

    By the places relative to it a run knows its files again.
    """
    if not all(map(os.path.isabs, paths)):
        return Path.cwd()
    return Path(os.path.commonpath(list(map(os.path.dirname, paths))))


def _existing(X: Any, name: str) -> list[str] | None:
    """Paths of files that all exist; None for None."""
    if X is None:
        return None
    paths = listed_paths(X)
    if paths is None:
        raise InputError(f"{name} must be a list of paths, as X is")
    missing = [path for path in paths if not os.path.isfile(path)]
    if missing:
        raise InputError(f"{name} has files that do not exist: {first_few(missing)}")
    return paths


def _numbered(pairs: list[Pair]) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Classes, the labels of the training examples, and all labels as numbers of these.

    Args:
      pairs: training, probe and test examples with their labels.
    Raises:
      InputError: see `RobustClassifier.fit`.
    """
    names = ("y", "y_probe", "y_test")
    for (x, y), name in zip(pairs[1:], names[1:], strict=True):
        if (x is None) != (y is None):
            raise InputError(f"X{name[1:]} and {name} must be given together")
    labels = [
        None if x is None else checked_labels(y, len(x), name)
        for (x, y), name in zip(pairs, names, strict=True)
    ]
    assert labels[0] is not None
    classes = np.unique(labels[0])
    if len(classes) < 2:
        raise InputError(
            f"y has only one class, {classes.tolist()[0]!r}; a classifier needs at least two"
        )
    for name in np.intersect1d(classes.astype(str), MISSING_AS_TEXT).tolist():
        warnings.warn(
            f"y has a class called {name!r}: leave those examples out if their labels are missing",
            stacklevel=6,
        )
    return classes, [
        None if values is None else encoded(values, classes, name)
        for values, name in zip(labels, names, strict=True)
    ]


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
    paths = None
    for number, (x, y) in enumerate(pairs):
        if isinstance(x, tf.data.Dataset):
            found = collected(x, y, ordered=number == 0)
            pairs[number], paths = (found.X, found.y), paths or found.paths
    X = pairs[0][0]
    form: Form | None = None
    if are_images(X):
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
    checked = [examples, *more]
    classes, numbers = _numbered([(x, y) for x, (_, y) in zip(checked, pairs, strict=True)])
    train, probe, test = (
        None if x is None or y is None else (x, y) for x, y in zip(checked, numbers, strict=True)
    )
    assert train is not None
    source = arrays.source(
        train,
        [str(label) for label in classes],
        probe=probe,
        test=test,
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
        paths,
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


class ToPredict(NamedTuple):
    """Examples to predict.

    Attributes:
      examples: N pixels in 0 .. 255, image files, or features.
      paths: [N] files that they come from; None for arrays.
    """

    examples: Images
    paths: list[str] | None = None


def to_predict(estimator: BaseEstimator, X: Any, form: Form) -> ToPredict:
    """Examples to predict, of the form of those of `fit`.

    Raises:
      InputError: they have another form.
    """
    paths = listed_paths(X)
    if is_path(X) or paths is not None:
        return _files_to_predict(X, paths, form)
    if isinstance(X, tf.data.Dataset):
        X, _, paths = collected(X, ordered=True)
    if form.kind == "features":
        return ToPredict(features(estimator, X, reset=False))
    return ToPredict(pixels(X, form)[0].astype(np.float32), paths)


def _files_to_predict(X: Any, paths: list[str] | None, form: Form) -> ToPredict:
    """Images of a folder, a table or one file; or the listed ones."""
    side = form.shape[0]
    if form.shape != (side, side, CHANNELS):
        kind = "features" if form.kind == "features" else f"images of {sides(form.shape)}"
        raise InputError(
            f"files are color images of any size, and the classifier was fitted on {kind}"
        )
    root = Path.cwd()
    if paths is None:
        root, paths = listing.list_images(Path(X).expanduser())
    middle, ground = MIDDLE if form.square is None else WHOLE, form.background
    images = listing.to_predict(root, paths, side, middle=middle, background=ground)
    return ToPredict(images, paths)


def raw_input(form: Form, *, exported: bool) -> RawInput:
    """Input of a model of probabilities: checked arrays, or after an export raw examples."""
    if form.kind == "features":
        return RawInput(form.shape, "float32", is_image=False, scaling=form.scaling)
    dtype, any_size = ("uint8", form.kind == "files") if exported else ("float32", False)
    return RawInput(form.shape, dtype, is_image=True, any_size=any_size, square=form.square)

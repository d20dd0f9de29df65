"""Validation of arrays: images on one scale, labels as numbers of classes."""

import os
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from ieg.decoding import RGB, WHITE
from ieg.errors import InputError

#: A brightest pixel below this (of 255) means that images have another scale.
_DARKEST = 64
_RIGHT = "images are whole numbers from 0 to 255, or floats from 0 to 1 or from 0 to 255"


class Form(NamedTuple):
    """Form of the examples of a classifier.

    Attributes:
      kind: "images", "features", or "files" (images from files).
      shape: shape of one example, (H, W, C) or (D,).
      unit: True if images are floats in [0, 1].
      scaling: mean and standard deviation of each feature, for standardization; None without.
      square: side of the square that a backbone sees of each image; None without a backbone.
      background: color behind transparent pixels of files.
    """

    kind: str
    shape: tuple[int, ...]
    unit: bool = False
    scaling: tuple[list[float], list[float]] | None = None
    square: int | None = None
    background: RGB = WHITE


def one_line(error: Exception) -> InputError:
    """Error of another library as an `InputError` on one line."""
    return InputError(" ".join(str(error).split()))


def pixels(values: Any, form: Form | None = None) -> tuple[np.ndarray, Form]:
    """Images as pixels in 0 .. 255.

    Args:
      values: [N, H, W, C] or [N, H, W], whole numbers or floats.
      form: form of the images of `fit`; None in `fit` itself.
    Returns:
      [N, H, W, C], uint8 or float32, and their form.
    Raises:
      InputError: there are no images, or they have another shape or a wrong scale.

    >>> images, form = pixels(np.array([[[0.0, 0.5], [1.0, 0.2]]]))
    >>> images.shape, float(images.max()), form.kind, form.unit
    ((1, 2, 2, 1), 255.0, 'images', True)
    """
    images = np.asarray(values)
    if images.ndim not in (3, 4) or not images.size:
        raise InputError(
            f"images must be an array [N, H, W, C] or [N, H, W] with at least one, not of shape "
            f"{images.shape}"
        )
    images = images[..., np.newaxis] if images.ndim == 3 else images
    if form is not None and images.shape[1:] != form.shape:
        found, fitted = ("x".join(map(str, s)) for s in (images.shape[1:], form.shape))
        raise InputError(f"images are {found}, and the classifier was fitted on {fitted}")
    if images.dtype == bool:
        images = images.astype(np.float32)
    if images.dtype.kind not in "iuf":
        raise InputError(f"images of dtype {images.dtype}: {_RIGHT}")
    if not np.isfinite(images).all():
        raise InputError(f"images contain NaN or infinity; {_RIGHT}")
    low, high = float(images.min()), float(images.max())
    is_float = images.dtype.kind == "f"
    unit = form.unit if form is not None else is_float and high <= 1
    limit = 1 if is_float and unit else 255
    too_dark = form is None and limit == 255 and high < _DARKEST
    if low < 0 or high > limit or too_dark:
        right = _RIGHT
        if limit == 1 and form is not None:
            right = "the classifier was fitted on floats from 0 to 1"
        raise InputError(f"pixels are from {low:g} to {high:g}; {right}")
    if not is_float:
        images = images.astype(np.uint8)
    else:
        images = images.astype(np.float32) * (255 if unit else 1)
    return images, form or Form("images", images.shape[1:], unit)


def checked_labels(y: Any, count: int) -> np.ndarray:
    """Labels [N] of any type, none of them missing.

    Args:
      y: labels as given to `fit` or `score`.
      count: N, number of examples.
    Raises:
      InputError: there are not N labels, one is missing, or they are no classes.
    """
    if y is None:
        raise InputError("RobustClassifier requires y to be passed, but the target y is None")
    try:
        labels = column_or_1d(y, warn=True)
        missing = labels.dtype.kind == "f" and not np.isfinite(labels).all()
        if missing or (labels.dtype == object and any(v is None or v != v for v in labels)):
            raise InputError("y contains NaN, infinity or None; every example needs a label")
        check_classification_targets(labels)
    except (ValueError, TypeError) as error:
        raise one_line(error) from None
    if len(labels) != count:
        raise InputError(f"X has {count} examples and y {len(labels)} labels")
    return labels


def encoded(labels: np.ndarray, classes: np.ndarray, name: str) -> np.ndarray:
    """Numbers [N] int64 of the classes of labels.

    Args:
      labels: [N].
      classes: [K] sorted.
      name: name of the argument with these labels, for errors.
    Raises:
      InputError: a label is none of the classes.

    >>> print(encoded(np.array(["b", "a"]), np.array(["a", "b"]), "y"))
    [1 0]
    """
    foreign = np.setdiff1d(labels, classes)
    if len(foreign):
        raise InputError(f"{name} has the label {foreign.tolist()[0]!r}, which is no class of y")
    return np.searchsorted(classes, labels)


def collected(dataset: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray | None]:
    """Examples and labels of a tf.data.Dataset, batched or not, in memory.

    Raises:
      InputError: it is infinite or empty, or its elements are neither (x, y) nor batches of x.
    """
    spec = dataset.element_spec
    pair = isinstance(spec, tuple)
    if (pair and len(spec) != 2) or not all(
        isinstance(part, tf.TensorSpec) for part in (spec if pair else (spec,))
    ):
        raise InputError(
            f"elements of a tf.data.Dataset must be (x, y) or batches of x, not {spec}"
        )
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise InputError("the tf.data.Dataset is infinite; leave out .repeat()")
    if pair and spec[1].shape.rank == 1:
        dataset = dataset.unbatch()
    rows = list(dataset.as_numpy_iterator())
    if not rows:
        raise InputError("the tf.data.Dataset is empty")
    if not pair:
        return np.concatenate(rows), None
    labels = np.array([label for _, label in rows])
    if labels.dtype.kind == "S" or labels.dtype == object:
        labels = np.array([label.decode() for label in labels])
    return np.stack([x for x, _ in rows]), labels


def is_path(values: Any) -> bool:
    """True for the path of a folder or file."""
    return isinstance(values, str | os.PathLike)

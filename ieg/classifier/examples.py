"""Validation of examples: images on one scale and in one shape, or paths of files."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ieg.decoding import RGB, WHITE
from ieg.errors import InputError

#: A brightest pixel below this (of 255) means that images have another scale.
_DARKEST = 64
#: More numbers than this in the last axis are no colors where the first axis may be.
_MOST_CHANNELS = 4
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


def are_images(X: Any) -> bool:
    """True for images, also in a wrong shape; False for a table of features.

    Raises:
      InputError: examples have several shapes.

    >>> are_images(np.zeros([5, 8, 8])), are_images([[0.5, 1.0]])
    (True, False)
    """
    return (X.ndim if hasattr(X, "ndim") and X.ndim > 1 else _as_array(X).ndim) > 2


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
    images = _as_array(values)
    if images.ndim not in (3, 4) or not images.size:
        raise InputError(
            f"images must be an array [N, H, W, C] or [N, H, W] with at least one, not of shape "
            f"{images.shape}"
        )
    if form is not None and images.shape == form.shape:
        raise InputError(f"X is one image of {sides(images.shape)}; give a batch, X[np.newaxis]")
    images = images[..., np.newaxis] if images.ndim == 3 else images
    _check_shape(images.shape[1:], form)
    if images.dtype == bool:
        images = images.astype(np.float32)
    if images.dtype.kind not in "iuf":
        raise InputError(f"images of dtype {images.dtype}: {_RIGHT}")
    if not np.isfinite(images).all():
        raise InputError(f"images contain NaN or infinity; {_RIGHT}")
    unit = _checked_unit(images, form)
    if images.dtype.kind != "f":
        images = images.astype(np.uint8)
    else:
        images = images.astype(np.float32) * (255 if unit else 1)
    return images, form or Form("images", images.shape[1:], unit)


def _as_array(values: Any) -> np.ndarray:
    try:
        array = np.asarray(values)
        return np.array(list(array)) if array.dtype == object else array  # a column of images
    except ValueError:
        shapes = sorted({np.shape(value) for value in values})
    raise InputError(several_shapes("X", shapes))


def several_shapes(name: str, shapes: Sequence[tuple[int, ...]]) -> str:
    """Message for examples of several shapes, which are sorted."""
    one, other = map(sides, shapes[:2])
    return (
        f"{name} has examples of {len(shapes)} shapes, such as {one} and {other}; bring them to "
        "one, or give the paths of image files, which may have any size"
    )


def _check_shape(shape: tuple[int, ...], form: Form | None) -> None:
    """Refuse images [H, W, C] with colors first, or of another shape than in `fit`."""
    if shape[0] in (1, 3) and shape[2] > _MOST_CHANNELS:
        raise InputError(
            f"images of {sides(shape)} have their colors first, which must come last: give "
            "X.transpose(0, 2, 3, 1)"
        )
    if form is not None and shape != form.shape:
        raise InputError(
            f"images are {sides(shape)}, and the classifier was fitted on {sides(form.shape)}"
        )


def _checked_unit(images: np.ndarray, form: Form | None) -> bool:
    """True if floats are from 0 to 1; an InputError for images on another scale than in `fit`."""
    low, high = float(images.min()), float(images.max())
    is_float = images.dtype.kind == "f"
    unit = form.unit if form is not None else is_float and high <= 1
    limit = 1 if is_float and unit else 255
    too_dark = limit == 255 and (high < _DARKEST if form is None else 0 < high <= 1)
    if low >= 0 and high <= limit and not too_dark:
        return unit
    right = _RIGHT
    if form is not None and unit:
        whole = "" if is_float else ", and these are whole numbers"
        right = f"the classifier was fitted on floats from 0 to 1{whole}"
    elif form is not None and too_dark:
        right = "the classifier was fitted on pixels from 0 to 255: give X * 255"
    raise InputError(f"pixels are from {low:g} to {high:g}; {right}")


def sides(shape: tuple[int, ...]) -> str:
    """Shape in words.

    >>> sides((20, 28, 3))
    '20x28x3'
    """
    return "x".join(map(str, shape))


def is_path(values: Any) -> bool:
    """True for the path of a folder or file."""
    return isinstance(values, str | os.PathLike)


def listed_paths(values: Any) -> list[str] | None:
    """Paths of files in a list, an array or a table's only column; None for anything else.

    >>> listed_paths(["a.jpg", "b.jpg"]), listed_paths([[0.5, 1.0]]), listed_paths("photos")
    (['a.jpg', 'b.jpg'], None, None)
    """
    if hasattr(values, "columns") and values.shape[1] == 1:
        values = np.asarray(values)[:, 0]
    if is_path(values) or not hasattr(values, "__len__") or getattr(values, "ndim", 1) != 1:
        return None
    rows = list(values)
    return [os.fspath(row) for row in rows] if rows and all(map(is_path, rows)) else None

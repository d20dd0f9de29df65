"""A tf.data.Dataset of the caller's, read into memory in an order that can be relied on."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ieg.classifier.examples import several_shapes
from ieg.errors import InputError

#: Numbers of color channels, by which an image is told from a batch of gray ones.
_CHANNELS = (1, 3, 4)


class Collected(NamedTuple):
    """Examples of a tf.data.Dataset.

    Attributes:
      X: [N, ...] examples.
      y: [N] labels or [N, K] one-hot ones; None without labels.
      paths: [N] files that the examples come from, as `keras.utils.image_dataset_from_directory`
        names them; None for others.
    """

    X: np.ndarray
    y: Any
    paths: list[str] | None = None


def collected(dataset: tf.data.Dataset, y: Any = None, *, ordered: bool) -> Collected:
    """Examples and labels of a tf.data.Dataset, batched or not, in memory.

    Args:
      dataset: finite.
      y: labels for a Dataset without labels, or None.
      ordered: True if results are told apart by the place of their example: the Dataset is then
        read twice, and must give the same in the same order. So it is with `y`.
    Raises:
      InputError: it is infinite or empty, its images have several sizes, its elements are neither
        (x, y) nor batches of x, it has labels besides `y`, or its order changes.

    >>> pairs = tf.data.Dataset.from_tensor_slices(([[1.0], [2.0]], [0, 1]))
    >>> collected(pairs.batch(2), ordered=True).y.tolist()
    [0, 1]
    """
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    if len(parts) > 2 or not all(isinstance(part, tf.TensorSpec) for part in parts):
        raise InputError(
            f"elements of a tf.data.Dataset must be (x, y) or batches of x, not {spec}"
        )
    if len(parts) == 2 and y is not None:
        raise InputError("the tf.data.Dataset has labels of its own; leave out the others")
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise InputError("the tf.data.Dataset is infinite; leave out .repeat()")
    rows = list(_rows(dataset))
    if not rows:
        raise InputError("the tf.data.Dataset is empty")
    shapes = sorted({row[0].shape for row in rows})
    if len(shapes) > 1:
        raise InputError(several_shapes("the tf.data.Dataset", shapes))
    if (ordered or y is not None) and not _same_again(dataset, rows):
        files = " (its file_paths)" if hasattr(dataset, "file_paths") else ""
        raise InputError(
            "the tf.data.Dataset gives another order or other values in each pass, so nobody would "
            "know which example a result belongs to: make it with shuffle=False and without random "
            f"changes, or pass arrays or the paths of the files{files}"
        )
    if len(parts) == 2:
        y = _labels([row[1] for row in rows])
    paths = list(getattr(dataset, "file_paths", ())) if ordered else []
    named = len(paths) == len(rows)
    return Collected(np.stack([row[0] for row in rows]), y, paths if named else None)


def _rows(dataset: tf.data.Dataset) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield (x,) or (x, y) of each example."""
    if _is_batched(dataset.element_spec):
        dataset = dataset.unbatch()
    for row in dataset.as_numpy_iterator():
        yield row if isinstance(row, tuple) else (row,)


def _is_batched(spec: Any) -> bool:
    """True if elements are batches, by their shapes; a Dataset of x alone mostly has those."""
    x, y = spec if isinstance(spec, tuple) else (spec, None)
    if x.shape.rank is None or x.shape.rank < 2:
        return False
    if x.shape.rank == 3 and x.shape[2] in _CHANNELS:  # one image, or a batch of tiny gray ones
        return False
    if y is None:
        return True
    return bool(y.shape.rank) and x.shape[0] == y.shape[0]


def _same_again(dataset: tf.data.Dataset, rows: list[tuple[np.ndarray, ...]]) -> bool:
    """True if another pass gives the same rows."""
    again = _rows(dataset)
    same = all(
        len(row) == len(other) and all(map(_equal, row, other))
        for row, other in zip(rows, again, strict=False)
    )
    return same and next(again, None) is None


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f")


def _labels(values: list[Any]) -> np.ndarray:
    """Labels as text or numbers; a single column [N, 1] as [N], whole floats as integers."""
    labels = np.array(values)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind in "SO":
        return np.array([label.decode() for label in labels])
    whole = labels.dtype.kind == "f" and labels.ndim == 1 and np.equal(labels % 1, 0).all()
    return labels.astype(np.int64) if whole else labels

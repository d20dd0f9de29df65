"""Labels of the caller's, checked: one kind, none missing, as numbers of classes."""

from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from ieg.classifier.examples import one_line
from ieg.errors import InputError

#: Missing values that NumPy or pandas have turned into text.
MISSING_AS_TEXT = ("nan", "None", "<NA>", "NaT")


def checked_labels(y: Any, count: int, name: str = "y") -> np.ndarray:
    """Labels [N] of one kind, none of them missing.

    Args:
      y: labels as given to `fit` or `score`: [N] of any type, or one-hot rows [N, K], of which the
        label is the number of the column.
      count: N, number of examples.
      name: name of the argument with these labels, for errors.
    Raises:
      InputError: there are not N labels, one is missing, text and numbers are mixed, or they are no
        classes.

    >>> print(checked_labels(["b", "a"], 2), checked_labels([[0.0, 1.0], [1.0, 0.0]], 2))
    ['b' 'a'] [1 0]
    """
    if y is None:
        raise InputError("RobustClassifier requires y to be passed, but the target y is None")
    try:
        labels = _of_one_kind(column_or_1d(_without_one_hot(_as_given(y)), warn=True))
        check_classification_targets(labels)
    except (ValueError, TypeError) as error:
        raise one_line(error) from None
    if len(labels) != count:
        raise InputError(f"X{name[1:]} has {count} examples and {name} {len(labels)} labels")
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


def _as_given(y: Any) -> Any:
    """An array of `y`; of a list an array of objects, since NumPy would turn 1 and nan to text."""
    if not isinstance(y, list | tuple):
        return y if hasattr(y, "columns") else np.asarray(y)
    values = np.array(y, dtype=object)
    return values if values.ndim == 1 else np.array(y)


def _without_one_hot(y: Any) -> Any:
    """Column numbers [N] of one-hot rows [N, K]; other labels as they are."""
    values = np.asarray(y)
    if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind not in "biuf":
        return y
    one_hot = np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()
    return values.argmax(axis=1) if one_hot else y


def _of_one_kind(labels: np.ndarray) -> np.ndarray:
    """Labels [N], objects as text or numbers; an InputError if one is missing or kinds mix."""
    missing = labels.dtype.kind == "f" and not np.isfinite(labels).all()
    if missing or (labels.dtype.kind in "OMm" and any(map(_is_missing, labels.tolist()))):
        raise InputError("y contains NaN, infinity or None; every example needs a label")
    if labels.dtype != object:
        return labels
    first = {_kind(label): label for label in reversed(labels.tolist())}
    if len(first) > 1:
        one, other = list(first.values())[:2]
        raise InputError(
            f"y mixes {' and '.join(sorted(first))}, such as {one!r} and {other!r}; make all "
            "labels the same kind"
        )
    return labels if first.keys() == {"other objects"} else _of_one_kind(np.array(labels.tolist()))


def _is_missing(label: Any) -> bool:
    """True for None, nan, NaT and pandas.NA, of which no other equals itself."""
    if label is None:
        return True
    try:
        return not bool(label == label)
    except TypeError:  # pandas.NA has no truth value
        return True


def _kind(label: Any) -> str:
    if isinstance(label, str | bytes):
        return "text"
    return "numbers" if isinstance(label, int | float | np.number | np.bool) else "other objects"

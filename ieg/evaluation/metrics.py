"""Accuracies and calibration.

A network that diverged gives NaN logits. They never count as a hit: `predicted_classes` answers
-1 for such a row, and every function here takes -1 as "no class was predicted", which is wrong.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.int64]


def predicted_classes(logits: ArrayLike) -> IntArray:
    """The class with the largest logit; the lower index when several are equally large.

    Args:
      logits: [N, K] float.
    Returns:
      [N] int64 in [0, K), or -1 for a row that holds a NaN.
    """
    rows = _as_logits(logits)
    return np.where(np.isnan(rows).any(axis=1), -1, rows.argmax(axis=1)).astype(np.int64)


def top_k_accuracy(logits: ArrayLike, labels: ArrayLike, k: int) -> float:
    """Share of the examples whose label is among the k largest logits.

    Equal logits are ranked by class index, so that k = 1 is exactly argmax: a network whose logits
    are all the same scores as chance, not 1. A row that holds a NaN counts as wrong for every k.

    Args:
      logits: [N, K] float.
      labels: [N] int in [0, K).
      k: at least 1; more than K means K.
    Returns:
      A fraction in [0, 1]; nan without examples.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    rows, labels = _as_logits_and_labels(logits, labels)
    own = np.take_along_axis(rows, labels[:, None], axis=1)  # [N, 1]
    lower_index = np.arange(rows.shape[1]) < labels[:, None]  # [N, K]
    ahead = (rows > own) | ((rows == own) & lower_index)  # [N, K]
    hit = (ahead.sum(axis=1) < k) & ~np.isnan(rows).any(axis=1)
    return mean(hit)


def per_class_accuracy(
    predictions: ArrayLike, labels: ArrayLike, num_classes: int
) -> NDArray[np.float64]:
    """Accuracy within each class.

    Args:
      predictions: [N] int in [0, K), -1 for none.
      labels: [N] int in [0, K).
      num_classes: K.
    Returns:
      [K] float64 in [0, 1]; nan for a class without examples.
    """
    from sklearn.metrics import recall_score  # takes a second, which not all users of this need

    predicted, true = _as_predictions_and_labels(predictions, labels, num_classes)
    if not len(true):
        return np.full(num_classes, np.nan)
    classes = np.arange(num_classes)
    return recall_score(true, predicted, labels=classes, average=None, zero_division=np.nan)


def balanced_accuracy(predictions: ArrayLike, labels: ArrayLike, num_classes: int) -> float:
    """Mean of the accuracies of the classes that have examples, each class counting the same.

    scikit-learn's `balanced_accuracy_score`, without its warning where -1 or a class without
    examples is predicted.

    Args and range are those of `per_class_accuracy`; nan without examples.
    """
    accuracy = per_class_accuracy(predictions, labels, num_classes)
    return mean(accuracy[~np.isnan(accuracy)])


def expected_calibration_error(logits: ArrayLike, labels: ArrayLike, bins: int = 15) -> float:
    """Distance of the confidence of a network from its accuracy.

    ECE = Σ_m |B_m|/N · |accuracy(B_m) - confidence(B_m)|

    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017
    (arXiv 1706.04599), eq. 3.

    B_m holds the examples whose largest softmax probability lies in ((m-1)/M, m/M].

    Args:
      logits: [N, K] float.
      labels: [N] int in [0, K).
      bins: M, at least 1.
    Returns:
      A number in [0, 1]; nan without examples, and nan when a row has no softmax (NaN or +inf).
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    rows, labels = _as_logits_and_labels(logits, labels)
    if not len(labels):
        return math.nan
    with np.errstate(invalid="ignore"):  # inf - inf is nan
        p = softmax(rows.astype(np.float64), axis=1)
    confidence = p.max(axis=1)  # [N]; one nan makes the sum below nan
    hit = rows.argmax(axis=1) == labels
    inner_edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    bin_of = np.searchsorted(inner_edges, confidence, side="left")  # an edge belongs to its left
    gap = np.bincount(bin_of, weights=hit - confidence, minlength=bins)  # |B_m| (acc - conf)
    return float(np.abs(gap).sum() / len(labels))


def confusion_matrix(predictions: ArrayLike, labels: ArrayLike, num_classes: int) -> IntArray:
    """Counts of (label, prediction) pairs.

    Args:
      predictions: [N] int in [0, K); examples with -1 (none) are left out.
      labels: [N] int in [0, K), true or given.
      num_classes: K.
    Returns:
      [K, K] int64: rows are labels, columns are predictions.
    """
    from sklearn import metrics

    predicted, true = _as_predictions_and_labels(predictions, labels, num_classes)
    if not len(true):
        return np.zeros([num_classes, num_classes], np.int64)
    return metrics.confusion_matrix(true, predicted, labels=np.arange(num_classes))


def mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    """Mean of an array; nan of an empty one."""
    return float(values.mean()) if values.size else math.nan


def _as_logits(logits: ArrayLike) -> FloatArray:
    rows = np.asarray(logits)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"logits must have the shape [N, K] with K > 0, got {rows.shape}")
    return rows


def _as_logits_and_labels(logits: ArrayLike, labels: ArrayLike) -> tuple[FloatArray, IntArray]:
    rows = _as_logits(logits)
    classes = _as_classes(labels, "labels", lowest=0, num_classes=rows.shape[1])
    _check_same_length(logits=rows, labels=classes)
    return rows, classes


def _as_predictions_and_labels(
    predictions: ArrayLike, labels: ArrayLike, num_classes: int
) -> tuple[IntArray, IntArray]:
    predicted = _as_classes(predictions, "predictions", lowest=-1, num_classes=num_classes)
    true = _as_classes(labels, "labels", lowest=0, num_classes=num_classes)
    _check_same_length(predictions=predicted, labels=true)
    return predicted, true


def _as_classes(
    values: ArrayLike, name: str, *, lowest: int, num_classes: int | None = None
) -> IntArray:
    classes = np.asarray(values)
    if classes.ndim != 1:
        raise ValueError(f"{name} must have the shape [N], got {classes.shape}")
    if not classes.size:
        return classes.astype(np.int64)
    if not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(f"{name} must be whole numbers, got {classes.dtype}")
    low, high = int(classes.min()), int(classes.max())
    if low < lowest or (num_classes is not None and high >= num_classes):
        upper = "" if num_classes is None else f" and at most {num_classes - 1}"
        raise ValueError(f"{name} must be at least {lowest}{upper}, got {low} to {high}")
    return classes.astype(np.int64)


def _check_same_length(**arrays: FloatArray | IntArray) -> None:
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"expected one entry per example, got {lengths}")

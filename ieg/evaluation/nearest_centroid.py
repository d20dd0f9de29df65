"""Classification by the direction of class means instead of by a classifier."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ieg.evaluation import metrics
from ieg.evaluation.metrics import FloatArray, IntArray
from ieg.evaluation.shots import shot_accuracy


def class_means(features: ArrayLike, labels: ArrayLike, num_classes: int) -> FloatArray:
    """Mean feature of each class.

    Args:
      features: [N, D] float.
      labels: [N] int in [0, K).
      num_classes: K.
    Returns:
      [K, D] float64; 0 for a class without examples.
    """
    rows, classes = np.asarray(features, np.float64), np.asarray(labels)
    sums = np.zeros([num_classes, rows.shape[1]])
    np.add.at(sums, classes, rows)
    counts = np.bincount(classes, minlength=num_classes)
    return sums / np.maximum(counts, 1)[:, np.newaxis]


def cosines(features: ArrayLike, centroids: ArrayLike) -> FloatArray:
    """Cosine of the angle between each feature and each centroid.

    Args:
      features: [N, D] float.
      centroids: [K, D] float.
    Returns:
      [N, K] in [-1, 1]; 0 where one of the two is 0.
    """
    return _directions(features) @ _directions(centroids).T


def predict(features: ArrayLike, centroids: ArrayLike) -> IntArray:
    """The class whose centroid has the most similar direction, as published for DRO-LT.

    The loss that the features are trained with has Euclidean distances all the same.

    Args:
      features: [N, D] float.
      centroids: [K, D] float; a row of 0 is a class that is never predicted unless nothing points
        to any other.
    Returns:
      [N] int64 in [0, K).
    """
    similarity = cosines(features, centroids)
    similarity[:, ~np.any(np.asarray(centroids), axis=1)] = -np.inf
    return np.argmax(similarity, axis=1).astype(np.int64)


def on_split(
    predictions: ArrayLike,
    labels: ArrayLike,
    counts: ArrayLike,
    *,
    many_above: int = 100,
    few_below: int = 20,
) -> dict[str, Any]:
    """Accuracies of predictions, by class and by the number of its training images.

    Args:
      predictions: [N] int in [0, K).
      labels: [N] int in [0, K), the true ones.
      counts: [K] int, training images of each class.
      many_above, few_below: limits of the many-shot and few-shot classes.
    Returns:
      top1 and balanced_accuracy in [0, 1]; per_class, K accuracies (None for a class without
      images); many_shot, medium_shot and few_shot (None for a group without classes).
    """
    num_classes = len(np.asarray(counts))
    per_class = metrics.per_class_accuracy(predictions, labels, num_classes)
    shots = shot_accuracy(per_class, counts, many=many_above, few=few_below)
    return {
        "top1": float(np.mean(np.asarray(predictions) == np.asarray(labels))),
        "balanced_accuracy": metrics.balanced_accuracy(predictions, labels, num_classes),
        "per_class": [None if np.isnan(a) else float(a) for a in per_class],
        **{f"{name}_shot": value for name, value in shots.items()},
    }


def _directions(rows: ArrayLike) -> FloatArray:
    vectors = np.asarray(rows, np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)

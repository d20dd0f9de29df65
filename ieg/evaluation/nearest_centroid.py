"""Classes told by the direction of their mean feature instead of by a classifier."""

import numpy as np
from numpy.typing import ArrayLike

from ieg.evaluation.metrics import FloatArray, IntArray


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


def _directions(rows: ArrayLike) -> FloatArray:
    vectors = np.asarray(rows, np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)

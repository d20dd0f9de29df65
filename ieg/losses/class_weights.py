"""Class weights from class sizes, and losses weighted by them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from ieg.replicas import Mean, replica_mean


def effective_number_weights(class_counts: ArrayLike, beta: float = 0.9999) -> np.ndarray:
    """Class weights by the effective number of examples; they sum to K.

    w_c ∝ (1 - β) / (1 - β^{n_c})

    Source: Cui, Jia, Lin, Song and Belongie, "Class-Balanced Loss Based on Effective Number of
    Samples", CVPR 2019 (arXiv 1901.05555); scaled as in the LDAM-DRW code.

    Args:
      class_counts: [K] integers n_c; a class without examples gets weight 0.
      beta: β in [0, 1); 0 weighs all classes alike, near 1 the weights are as 1 / n_c.
    Returns:
      [K] float32.
    Raises:
      ValueError: β is out of range, or no class has examples.

    The effective numbers at β = 0.5 are 1 and 1.5.

    >>> print(effective_number_weights([1, 2, 0], beta=0.5))
    [1.8 1.2 0. ]
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta must be in [0, 1), got {beta}")
    counts = np.asarray(class_counts, float)
    if not counts.any():
        raise ValueError("at least one class must have examples")
    effective = np.where(counts > 0, 1 - beta**counts, np.inf)
    weights = (1 - beta) / effective
    return (weights * len(counts) / weights.sum()).astype(np.float32)


def class_weighted(
    values: tf.Tensor,
    labels: tf.Tensor,
    weights: np.ndarray | tf.Tensor,
    *,
    weighted_mean: bool = True,
    mean: Mean = replica_mean,
) -> tf.Tensor:
    """Losses per example times the weights of their classes.

    w_{y_i} L_i / mean_j w_{y_j}, whose mean is Σ w L / Σ w; or w_{y_i} L_i

    Args:
      values: [B] L.
      labels: [B] integers in [0, K).
      weights: [K] w, at least 0.
      weighted_mean: True for the first form, in which the weights of a batch have the mean 1.
      mean: mean over the global batch, [B] → scalar.
    Returns:
      [B].

    The mean weight of labels 0, 1 and 1 is 5/3.

    >>> losses = tf.constant([1.0, 2.0, 4.0])
    >>> labels = tf.constant([0, 1, 1])
    >>> print(class_weighted(losses, labels, np.array([3.0, 1.0])).numpy().round(3))
    [1.8 1.2 2.4]
    >>> print(class_weighted(losses, labels, np.array([3.0, 1.0]), weighted_mean=False).numpy())
    [3. 2. 4.]
    """
    own = tf.gather(tf.constant(weights, values.dtype), labels)
    if weighted_mean:
        own = tf.math.divide_no_nan(own, mean(own))
    return own * values

"""Weights of classes by their sizes, and means with them."""

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from ieg.losses.label_guess import Mean


def effective_number_weights(class_counts: ArrayLike, beta: float = 0.9999) -> np.ndarray:
    """Class weights by the effective number of examples, which sum to K.

    w_c ∝ (1 - β) / (1 - β^{n_c})        Cui et al. 2019; as LDAM-DRW scales it

    Args:
      class_counts: [K] integers n_c; a class without examples gets weight 0.
      beta: β in [0, 1); 0 weighs all classes alike, near 1 they weigh 1 / n_c.
    Returns:
      [K] float32.
    Raises:
      ValueError: β is out of range, or no class has examples.
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta must be in [0, 1), got {beta}")
    counts = np.asarray(class_counts, float)
    if not counts.any():
        raise ValueError("at least one class must have examples")
    # 1 - β^n without cancellation, and 0^0 = 1 for β = 0.
    effective = np.where(counts > 0, 1 - beta**counts, np.inf)
    weights = (1 - beta) / effective
    return (weights * len(counts) / weights.sum()).astype(np.float32)


def class_weighted(
    values: tf.Tensor,
    labels: tf.Tensor,
    weights: np.ndarray | tf.Tensor,
    *,
    weighted_mean: bool = True,
    mean: Mean = tf.reduce_mean,
) -> tf.Tensor:
    """Losses per example times the weights of their classes.

    w_{y_i} L_i / mean_j w_{y_j}, whose mean is Σ w L / Σ w; or w_{y_i} L_i

    Args:
      values: [B] L.
      labels: [B] integers in [0, K).
      weights: [K].
      weighted_mean: whether the weights of a batch are made to have the mean 1.
      mean: over the global batch.
    Returns:
      [B].
    """
    own = tf.gather(tf.constant(weights, values.dtype), labels)
    if weighted_mean:
        own = tf.math.divide_no_nan(own, mean(own))
    return own * values

"""Balanced softmax: logits are compared as if all classes were equally large."""

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from ieg.losses.cross_entropy import cross_entropy
from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import one_hot


def balanced_softmax(labels: tf.Tensor, logits: tf.Tensor, class_counts: ArrayLike) -> tf.Tensor:
    """Cross entropy of logits to which the logarithm of the class sizes is added.

    -log( n_y exp(z_y) / Σ_j n_j exp(z_j) )        Ren et al. 2020, eq. 4

    Predictions are made from the plain logits, so the prior of the training data is left out.

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      class_counts: [K] integers n; a class without examples takes no part.
    Returns:
      [B].
    Raises:
      ValueError: no class has examples.
    """
    counts = np.asarray(class_counts, float)
    if not counts.any():
        raise ValueError("at least one class must have examples")
    # Any number this low leaves a class without examples out, and stays finite beside logits.
    prior = np.where(counts > 0, np.log(np.maximum(counts, 1)), -1e9)
    return cross_entropy(one_hot(labels, logits), logits + tf.constant(prior, logits.dtype))


@register("balanced_softmax")
def _chosen(batch: LossInput, options: object) -> LossOutput:
    return LossOutput(balanced_softmax(batch.labels, batch.logits, batch.course.class_counts))

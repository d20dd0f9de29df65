"""Balanced softmax: the class sizes are part of the training softmax, not of the predictions."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from ieg.losses.cross_entropy import cross_entropy
from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import one_hot


def balanced_softmax(labels: tf.Tensor, logits: tf.Tensor, class_counts: ArrayLike) -> tf.Tensor:
    """Cross entropy of logits plus the logarithm of the class sizes.

    -log( n_y exp(z_y) / Σ_j n_j exp(z_j) )

    Predictions use the plain logits, so the class prior of the training data is left out of them.

    Source: Ren et al., "Balanced Meta-Softmax for Long-Tailed Visual Recognition", NeurIPS 2020
    (arXiv 2007.10740), eq. 4.

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      class_counts: [K] integers n; a class without examples takes no part.
    Returns:
      [B].
    Raises:
      ValueError: no class has examples.

    0.7 and 0.2 count ten and five times: -log(1 / 8).

    >>> logits = tf.math.log([[0.7, 0.2, 0.1]])
    >>> print(balanced_softmax(tf.constant([1]), logits, [10, 5, 0]).numpy().round(3))
    [2.079]
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

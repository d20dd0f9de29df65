"""LDAM: margins between cosines, wider for smaller classes.

Cao, Wei, Gaidon, Arechiga and Ma, "Learning Imbalanced Datasets with Label-Distribution-Aware
Margin Loss", NeurIPS 2019 (arXiv 1906.07413).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from ieg.losses.cross_entropy import cross_entropy
from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import one_hot
from ieg.networks.cosine import SCALE
from ieg.options import option


@dataclass(frozen=True)
class Options:
    """Options of LDAM."""

    ldam_margin: float = option(0.5, "margin of the smallest class, as a cosine", at_least=0)


def ldam_margins(class_counts: ArrayLike, largest: float = 0.5) -> np.ndarray:
    """Margins from class sizes.

    m_c = m · n_c^(-1/4) / max_j n_j^(-1/4)        LDAM (see above)

    Args:
      class_counts: [K] integers n_c; a class without examples gets margin 0.
      largest: m, margin of the smallest class.
    Returns:
      [K] float32.
    Raises:
      ValueError: no class has examples.

    >>> print(ldam_margins([16, 1, 0], largest=0.5))
    [0.25 0.5  0.  ]
    """
    counts = np.asarray(class_counts, float)
    if not counts.any():
        raise ValueError("at least one class must have examples")
    smallest = counts[counts > 0].min()
    margins = np.zeros(len(counts))
    margins[counts > 0] = largest * (smallest / counts[counts > 0]) ** 0.25
    return margins.astype(np.float32)


def ldam(
    labels: tf.Tensor,
    logits: tf.Tensor,
    margins: np.ndarray | tf.Tensor,
    scale: float = SCALE,
) -> tf.Tensor:
    """Label-distribution-aware margin loss.

    H(onehot(y), softmax(s (cos_j - m_y [j = y])))        LDAM (see above)

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float, s times the cosines between features and class vectors.
      margins: [K] m.
      scale: s.
    Returns:
      [B].

    A margin of 1 at scale log 2 halves the 0.2 of the label: -log(0.1 / 0.9).

    >>> logits = tf.math.log([[0.7, 0.2, 0.1]])
    >>> print(ldam(tf.constant([1]), logits, [0, 1, 0], scale=np.log(2)).numpy().round(3))
    [2.197]
    """
    label = one_hot(labels, logits)
    margin = tf.gather(tf.constant(margins, logits.dtype), labels)[:, tf.newaxis]
    return cross_entropy(label, logits - scale * margin * label)


@register("ldam", Options, requires={"cosine_classifier": True})
def _chosen(batch: LossInput, options: Options) -> LossOutput:
    margins = ldam_margins(batch.course.class_counts, options.ldam_margin)
    return LossOutput(ldam(batch.labels, batch.logits, margins))

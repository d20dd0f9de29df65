"""LDAM: margins that are wider for smaller classes, between cosines."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from ieg.losses.cross_entropy import cross_entropy
from ieg.losses.registry import HARD_LABELS, LossInput, LossOutput, register
from ieg.losses.targets import one_hot
from ieg.networks.cosine import SCALE
from ieg.options import option


@dataclass(frozen=True)
class Options:
    """Options of LDAM."""

    ldam_margin: float = option(0.5, "margin of the smallest class, as a cosine", at_least=0)


def ldam_margins(class_counts: ArrayLike, largest: float = 0.5) -> np.ndarray:
    """Margins of classes by their sizes.

    m_c = m · n_c^(-1/4) / max_j n_j^(-1/4)        Cao et al. 2019

    Args:
      class_counts: [K] integers n_c; a class without examples gets margin 0.
      largest: m, margin of the smallest class.
    Returns:
      [K] float32.
    Raises:
      ValueError: no class has examples.
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

    H(onehot(y), softmax(s (cos_j - m_y [j = y])))        Cao et al. 2019

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float, s times the cosines between features and class vectors.
      margins: [K] m.
      scale: s.
    Returns:
      [B].
    """
    label = one_hot(labels, logits)
    margin = tf.gather(tf.constant(margins, logits.dtype), labels)[:, tf.newaxis]
    return cross_entropy(label, logits - scale * margin * label)


@register("ldam", Options, requires={**HARD_LABELS, "cosine_classifier": True})
def _chosen(batch: LossInput, options: Options) -> LossOutput:
    margins = ldam_margins(batch.course.class_counts, options.ldam_margin)
    return LossOutput(ldam(batch.labels, batch.logits, margins))

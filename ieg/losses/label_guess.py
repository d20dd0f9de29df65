"""IEG's label guess from several views of an image.

Zhang, Zhang, Arık, Lee and Pfister, "Distilling Effective Supervision from Severe Label Noise"
(IEG), CVPR 2020 (arXiv 1910.00701).
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ieg.replicas import Mean, replica_mean


def rms_normalize(logits: tf.Tensor, mean: Mean = replica_mean) -> tf.Tensor:
    """Logits divided by their root mean square over all entries of the batch; couples its rows.

    v · rsqrt(mean(v²) + 1e-8)        as in the IEG release

    Args:
      logits: [B, K].
      mean: mean over all entries of the global batch, [B, K] → scalar.
    Returns:
      [B, K] with mean square 1; zeros stay zero.

    The mean square of 1, 1, 5 and 3 is 9.

    >>> print(rms_normalize(tf.constant([[1.0, -1.0], [5.0, 3.0]])).numpy().round(3))
    [[ 0.333 -0.333]
     [ 1.667  1.   ]]
    """
    return logits * tf.math.rsqrt(mean(tf.square(logits)) + 1e-8)


def sharpen(probabilities: tf.Tensor, temperature: float) -> tf.Tensor:
    """Distributions raised to a power, which moves them towards their largest entry.

    p_k^(1/T) / Σ_j p_j^(1/T)

    Source: Berthelot et al., "MixMatch: A Holistic Approach to Semi-Supervised Learning", NeurIPS
    2019 (arXiv 1905.02249), eq. 7.

    Args:
      probabilities: [B, K], rows sum to 1.
      temperature: T in (0, 1].
    Returns:
      [B, K], rows sum to 1.

    36, 9 and 1 of 46:

    >>> print(sharpen(tf.constant([[0.6, 0.3, 0.1]]), 0.5).numpy().round(3))
    [[0.783 0.196 0.022]]
    """
    raised = probabilities ** (1 / temperature)
    return raised / tf.reduce_sum(raised, axis=-1, keepdims=True)


def label_guess(
    views: Sequence[tf.Tensor], temperature: float = 0.5, mean: Mean = replica_mean
) -> tf.Tensor:
    """Label guess: the sharpened mean of the predictions for several views of the same images.

    g = sharpen(mean_v softmax(rms_normalize(z_v)), T)        IEG (see above), section 3.2

    Args:
      views: logits [B, K] of each view.
      temperature: T in (0, 1].
      mean: mean over all entries of the global batch, [B, K] → scalar.
    Returns:
      [B, K], rows sum to 1; the gradient runs through it.

    Both views are [1, -1] after normalization; odds of e² become e⁴.

    >>> views = [tf.constant([[2.0, -2.0]]), tf.constant([[3.0, -3.0]])]
    >>> print(label_guess(views, 0.5).numpy().round(3))
    [[0.982 0.018]]
    """
    guesses = [tf.nn.softmax(rms_normalize(z, mean)) for z in views]
    return sharpen(tf.add_n(guesses) / len(views), temperature)

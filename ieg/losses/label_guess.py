"""IEG's guess of a label from two views of an image."""

from collections.abc import Sequence

import tensorflow as tf


def rms_normalize(logits: tf.Tensor) -> tf.Tensor:
    """Logits divided by their root mean square over all entries of the batch; couples its rows.

    v · rsqrt(mean(v²) + 1e-8)        as in the IEG release

    Args:
      logits: [B, K].
    Returns:
      [B, K] with mean square 1.
    """
    return logits * tf.math.rsqrt(tf.reduce_mean(tf.square(logits)) + 1e-8)


def sharpen(probabilities: tf.Tensor, temperature: float) -> tf.Tensor:
    """Distributions moved towards their largest entry.

    p_k^(1/T) / Σ_j p_j^(1/T)        MixMatch, eq. 7

    Args:
      probabilities: [B, K], rows sum to 1.
      temperature: T in (0, 1].
    Returns:
      [B, K], rows sum to 1.
    """
    raised = probabilities ** (1 / temperature)
    return raised / tf.reduce_sum(raised, axis=-1, keepdims=True)


def label_guess(views: Sequence[tf.Tensor], temperature: float = 0.5) -> tf.Tensor:
    """The sharpened mean of what the network says of several views of the same images.

    g = sharpen(mean_v softmax(rms_normalize(z_v)), T)        IEG, section 3.2

    Args:
      views: logits [B, K] of each view.
      temperature: T in (0, 1].
    Returns:
      [B, K], rows sum to 1; the gradient runs through it.
    """
    mean = tf.add_n([tf.nn.softmax(rms_normalize(z)) for z in views]) / len(views)
    return sharpen(mean, temperature)

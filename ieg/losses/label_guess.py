"""IEG's guess of a label from two views of an image."""

from collections.abc import Callable, Sequence

import tensorflow as tf

#: Mean over all entries of a batch: of this replica alone, or of the global batch.
Mean = Callable[[tf.Tensor], tf.Tensor]


def rms_normalize(logits: tf.Tensor, mean: Mean = tf.reduce_mean) -> tf.Tensor:
    """Logits divided by their root mean square over all entries of the batch; couples its rows.

    v · rsqrt(mean(v²) + 1e-8)        as in the IEG release

    Args:
      logits: [B, K].
      mean: over all entries of the batch.
    Returns:
      [B, K] with mean square 1.
    """
    return logits * tf.math.rsqrt(mean(tf.square(logits)) + 1e-8)


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


def label_guess(
    views: Sequence[tf.Tensor], temperature: float = 0.5, mean: Mean = tf.reduce_mean
) -> tf.Tensor:
    """The sharpened mean of what the network says of several views of the same images.

    g = sharpen(mean_v softmax(rms_normalize(z_v)), T)        IEG, section 3.2

    Args:
      views: logits [B, K] of each view.
      temperature: T in (0, 1].
      mean: over all entries of the batch, for the normalisation.
    Returns:
      [B, K], rows sum to 1; the gradient runs through it.
    """
    guesses = [tf.nn.softmax(rms_normalize(z, mean)) for z in views]
    return sharpen(tf.add_n(guesses) / len(views), temperature)

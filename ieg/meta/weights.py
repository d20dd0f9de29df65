"""Example weights and trust in labels from a meta-gradient."""

from collections.abc import Callable

import tensorflow as tf


def example_weights(
    gradient: tf.Tensor,
    mode: str = "clamp",
    total: Callable[[tf.Tensor], tf.Tensor] = lambda share: share,
) -> tf.Tensor:
    """Weights that sum to one over the global batch, larger where the probe loss would fall.

    clamp:    w̃_i = max(-g_i, 0),  w_i = w̃_i / (Σ_j w̃_j + 1e-5)    L2R, line 11 of algorithm 1
    sigmoid:  w̃_i = σ(-g_i),       w_i = w̃_i / Σ_j w̃_j

    Args:
      gradient: [B] float32, g_i = ∂(probe loss)/∂ε_i.
      mode: "clamp" or "sigmoid".
      total: adds a scalar up over the replicas of the global batch.
    Returns:
      [B] float32 in [0, 1]. With clamp all are zero when no gradient is negative: such a step only
      decays the network's weights.
    Raises:
      ValueError: another mode.
    """
    if mode == "clamp":
        raw, guard = tf.nn.relu(-gradient), 1e-5
    elif mode == "sigmoid":
        raw, guard = tf.sigmoid(-gradient), 0.0
    else:
        raise ValueError(f"mode must be 'clamp' or 'sigmoid', not {mode!r}")
    return raw / (total(tf.reduce_sum(raw)) + guard)


def shifted_weights(gradient: tf.Tensor) -> tf.Tensor:
    """Weights that keep every example, for classes of very different sizes.

    w̃_i = ω - g_i - min_j(ω - g_j) + ω with ω = 1 / B,  w_i = w̃_i / (Σ_j w̃_j + 1e-5)
    as in the FSR release with `clip_meta_weight` off

    Args:
      gradient: [B] float32 of the global batch, g_i = ∂(outer loss)/∂ω_i at ω_i = 1 / B.
    Returns:
      [B] float32 above 0 that sum to one.
    """
    equal = 1 / tf.cast(tf.size(gradient), gradient.dtype)
    raw = tf.reduce_max(gradient) - gradient + equal
    return raw / (tf.reduce_sum(raw) + 1e-5)


def label_trust(gradient: tf.Tensor) -> tf.Tensor:
    """How far given labels are trusted, more where more weight would lower the probe loss.

    β_i = σ(-g_i)

    Args:
      gradient: [B] float32, g_i = ∂(probe loss)/∂ε_i of an example with its given label.
    Returns:
      [B] float32 in (0, 1); 0.5 where the example says nothing of the probe data.
    """
    return tf.sigmoid(-gradient)


def standardized(
    values: tf.Tensor, mean: Callable[[tf.Tensor], tf.Tensor] = tf.reduce_mean
) -> tf.Tensor:
    """Values of mean 0 and standard deviation 1 over the global batch; zeros where all are equal.

    Args:
      values: [B] float32.
      mean: of a tensor [B] over all replicas of the global batch, a scalar.
    """
    apart = values - mean(values)
    return tf.math.divide_no_nan(apart, tf.sqrt(mean(tf.square(apart))))

"""Example weights and label trust from a meta-gradient."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from ieg.replicas import Mean, replica_mean


def example_weights(
    gradient: tf.Tensor,
    mode: str = "clamp",
    total: Callable[[tf.Tensor], tf.Tensor] = lambda share: share,
) -> tf.Tensor:
    """Example weights that sum to one, larger where more weight would lower the probe loss.

    clamp:    w̃_i = max(-g_i, 0),  w_i = w̃_i / (Σ_j w̃_j + 1e-5)
    sigmoid:  w̃_i = σ(-g_i),       w_i = w̃_i / Σ_j w̃_j

    Source: Ren, Zeng, Yang and Urtasun, "Learning to Reweight Examples for Robust Deep Learning"
    (L2R), ICML 2018 (arXiv 1803.09050), line 11 of algorithm 1, which is clamp.

    Args:
      gradient: [B] float32, g_i = ∂(probe loss)/∂ε_i.
      mode: "clamp" or "sigmoid".
      total: sum of a scalar over the replicas of the global batch.
    Returns:
      [B] float32 in [0, 1]. With clamp all are zero when no gradient is negative: such a step only
      decays the network's weights.
    Raises:
      ValueError: another mode.

    >>> print(example_weights(tf.constant([-3.0, 1.0, -1.0])).numpy().round(3))
    [0.75 0.   0.25]
    """
    if mode == "clamp":
        raw, guard = tf.nn.relu(-gradient), 1e-5
    elif mode == "sigmoid":
        raw, guard = tf.sigmoid(-gradient), 0.0
    else:
        raise ValueError(f"mode must be 'clamp' or 'sigmoid', not {mode!r}")
    return raw / (total(tf.reduce_sum(raw)) + guard)


def shifted_weights(gradient: tf.Tensor) -> tf.Tensor:
    """Example weights that keep every example, for classes of very different sizes.

    w̃_i = ω - g_i - min_j(ω - g_j) + ω with ω = 1 / B,  w_i = w̃_i / (Σ_j w̃_j + 1e-5)

    Source: code of Zhang and Pfister, "Learning Fast Sample Re-weighting Without Reward Data"
    (FSR), ICCV 2021 (arXiv 2109.03216), with `clip_meta_weight` off.

    Args:
      gradient: [B] float32 of the global batch, g_i = ∂(outer loss)/∂ω_i at ω_i = 1 / B.
    Returns:
      [B] float32 above 0 that sum to one.

    0.7 and 0.5 of 1.2:

    >>> print(shifted_weights(tf.constant([-0.1, 0.1])).numpy().round(3))
    [0.583 0.417]
    """
    equal = 1 / tf.cast(tf.size(gradient), gradient.dtype)
    raw = tf.reduce_max(gradient) - gradient + equal
    return raw / (tf.reduce_sum(raw) + 1e-5)


def label_trust(gradient: tf.Tensor) -> tf.Tensor:
    """Trust in given labels, higher where more weight would lower the probe loss.

    β_i = σ(-g_i)

    Source: the ISIC-2019 experiments that were published as code (`learning-to-reweight-examples`
    by Cute77 on GitHub); there is no paper.

    Args:
      gradient: [B] float32, g_i = ∂(probe loss)/∂ε_i of an example with its given label.
    Returns:
      [B] float32 in (0, 1); 0.5 where the weight of the example does not change the probe loss.

    >>> print(label_trust(tf.constant([-1.0, 0.0, 1.0])).numpy().round(3))
    [0.731 0.5   0.269]
    """
    return tf.sigmoid(-gradient)


def standardized(values: tf.Tensor, mean: Mean = replica_mean) -> tf.Tensor:
    """Values shifted and scaled to mean 0 and standard deviation 1 over the global batch.

    Args:
      values: [B] float32.
      mean: mean over the global batch, [B] → scalar.
    Returns:
      [B] float32; zeros if all values are equal.

    >>> print(standardized(tf.constant([1.0, 3.0, 1.0, 3.0])).numpy())
    [-1.  1. -1.  1.]
    """
    apart = values - mean(values)
    return tf.math.divide_no_nan(apart, tf.sqrt(mean(tf.square(apart))))

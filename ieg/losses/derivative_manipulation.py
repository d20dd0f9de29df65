"""Derivative manipulation: the direction of cross entropy's derivative, with a chosen norm.

Wang, Kodirov, Hua and Robertson, "Derivative Manipulation for General Example Weighting", 2019
(arXiv 1905.11233). Its case λ = 1 is IMAE: Wang, Hua, Kodirov and Robertson, "IMAE for Noise-Robust
Learning: Mean Absolute Error Does Not Treat Examples Equally and Gradient Magnitude's Variance
Matters", 2019 (arXiv 1903.12141).
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import one_hot
from ieg.options import option
from ieg.replicas import Mean, replica_mean

#: Distance |p - q|₁ of a label that needs no more fitting.
_NEGLIGIBLE = 1e-8


@dataclass(frozen=True)
class DMOptions:
    """Options of derivative manipulation."""

    dm_lambda: float = option(
        0.5,
        "λ: examples with label probability λ/(λ+1) get the largest weight; 0: for clean data",
        at_least=0,
    )
    dm_beta: float = option(
        12.0, "β: emphasis on the examples that --dm_lambda chooses; 0: equal weights"
    )


@dataclass(frozen=True)
class IMAEOptions:
    """Options of IMAE."""

    imae_temperature: float = option(
        8.0, "T: emphasis on examples with label probability 1/2", above=0
    )


def emphasis(labels: tf.Tensor, logits: tf.Tensor, lambda_: float, beta: float) -> tf.Tensor:
    """Log-weight of each example: the logarithm of the L1 norm that its derivative gets.

    log w_i = β p_y^λ (1 - p_y)        derivative manipulation (see above)

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      lambda_: λ >= 0; the most weight lies at p_y = λ / (λ + 1).
      beta: β; a negative β turns the emphasis round.
    Returns:
      [B], constant.
    Raises:
      ValueError: λ is negative.

    12 √0.2 · 0.8 and 12 √0.7 · 0.3:

    >>> logits = tf.math.log([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])
    >>> print(emphasis(tf.constant([0, 0]), logits, 0.5, 12).numpy().round(3))
    [4.293 3.012]
    """
    if lambda_ < 0:
        raise ValueError(f"lambda must be at least 0, got {lambda_}")
    odds = _log_odds_against(labels, logits)
    label, rest = tf.math.log_sigmoid(-odds), tf.sigmoid(odds)  # log p_y, 1 - p_y
    return tf.stop_gradient(beta * tf.exp(lambda_ * label) * rest)


def dm(
    labels: tf.Tensor,
    logits: tf.Tensor,
    lambda_: float = 0.5,
    beta: float = 12.0,
    *,
    mean: Mean = replica_mean,
) -> tf.Tensor:
    """Derivative manipulation: cross entropy's derivative with the norm set by `emphasis`.

    ∂L_i/∂z = w_i / mean_j w_j · (p - q) / (2 (1 - p_y)),  w = exp(β p_y^λ (1 - p_y))

    The derivative of each example has the L1 norm w_i / mean w, which is 1 on average over a batch.
    It is the derivative of ½ log((1 - p_y) / p_y) = ½ (logsumexp of the other logits - z_y), times
    constants, and finite for any logits. Where 1 - p_y is not far above 1e-8 it fades, by
    2 (1 - p_y) / (2 (1 - p_y) + 1e-8), as in the released code: a label that is fitted perfectly
    would else push with full norm for ever, and logits grow until training collapses.

    Source: derivative manipulation (see above).

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float, K >= 2.
      lambda_: λ >= 0.
      beta: β.
      mean: mean over the global batch, [B] → scalar, for the weights.
    Returns:
      [B]; the values themselves, weighted halves of the log odds against the label, mean little and
      are negative for well-fitted labels.
    Raises:
      ValueError: λ is negative.

    The weights 73.2 and 20.3 become 1.565 and 0.435; the log odds are log 4 and log 3/7.

    >>> logits = tf.math.log([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])
    >>> print(dm(tf.constant([0, 0]), logits, lambda_=0.5, beta=12).numpy().round(3))
    [ 1.085 -0.184]
    """
    exponent = emphasis(labels, logits, lambda_, beta)
    # Ratios are the same whatever is subtracted; this keeps large β from overflowing.
    weight = tf.exp(exponent - _largest_exponent(lambda_, beta))
    weight = tf.stop_gradient(tf.math.divide_no_nan(weight, mean(weight)))
    odds = _log_odds_against(labels, logits)
    distance = 2 * tf.sigmoid(odds)
    fading = tf.stop_gradient(distance / (distance + _NEGLIGIBLE))
    return weight * fading * odds / 2


def imae(
    labels: tf.Tensor,
    logits: tf.Tensor,
    temperature: float = 8.0,
    *,
    mean: Mean = replica_mean,
) -> tf.Tensor:
    """Improved mean absolute error: `dm` with λ = 1 and β = T.

    Source: IMAE (see above).

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float, K >= 2.
      temperature: T.
      mean: mean over the global batch, [B] → scalar, for the weights.
    Returns:
      [B], as for `dm`.

    The weights exp(8 · 0.2 · 0.8) and exp(8 · 0.7 · 0.3) become 0.803 and 1.197.

    >>> logits = tf.math.log([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])
    >>> print(imae(tf.constant([0, 0]), logits, temperature=8).numpy().round(3))
    [ 0.556 -0.507]
    """
    return dm(labels, logits, 1.0, temperature, mean=mean)


def _log_odds_against(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """[B] log((1 - p_y) / p_y), exact where p_y is next to 0 or 1."""
    label = one_hot(labels, logits)
    others = tf.where(label > 0, logits.dtype.min, logits)
    return tf.reduce_logsumexp(others, axis=-1) - tf.reduce_sum(label * logits, axis=-1)


def _largest_exponent(lambda_: float, beta: float) -> float:
    """The largest β p^λ (1 - p) that any p in [0, 1] gives."""
    if beta <= 0:
        return 0.0
    # λ^λ / (λ + 1)^(λ + 1), of which neither power fits into a float from λ = 144 on.
    return float(beta * (lambda_ / (lambda_ + 1)) ** lambda_ / (lambda_ + 1))


def _label_weights(batch: LossInput, lambda_: float, beta: float) -> LossOutput:
    values = dm(batch.labels, batch.logits, lambda_, beta, mean=batch.course.mean)
    # The released code logs this as the loss.
    distance = 2 * tf.sigmoid(_log_odds_against(batch.labels, batch.logits))
    return LossOutput(values, {"train_absolute_error": distance})


@register("dm", DMOptions)
def _dm(batch: LossInput, options: DMOptions) -> LossOutput:
    return _label_weights(batch, options.dm_lambda, options.dm_beta)


@register("imae", IMAEOptions)
def _imae(batch: LossInput, options: IMAEOptions) -> LossOutput:
    return _label_weights(batch, 1.0, options.imae_temperature)

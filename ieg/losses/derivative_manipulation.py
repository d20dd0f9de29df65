"""Derivative manipulation: the direction of cross entropy's derivative, with a norm that is chosen.

Wang et al., "Derivative Manipulation for General Example Weighting", arXiv 1905.11233; IMAE is the
case λ = 1 (arXiv 1903.12141).
"""

from dataclasses import dataclass

import tensorflow as tf

from ieg.losses.label_guess import Mean
from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import one_hot
from ieg.options import option

#: Distance |p - q|₁ of a label that needs no more fitting.
_NEGLIGIBLE = 1e-8


@dataclass(frozen=True)
class DMOptions:
    """Options of derivative manipulation."""

    dm_lambda: float = option(
        0.5, "λ: examples with label probability λ/(λ+1) weigh most; 0 for clean data", at_least=0
    )
    dm_beta: float = option(12.0, "β: how much more they weigh; 0 weighs all alike")


@dataclass(frozen=True)
class IMAEOptions:
    """Options of IMAE."""

    imae_temperature: float = option(
        8.0, "T: how much more examples with label probability 1/2 weigh", above=0
    )


def emphasis(labels: tf.Tensor, logits: tf.Tensor, lambda_: float, beta: float) -> tf.Tensor:
    """The logarithm of the L1 norm that an example's derivative gets.

    log w_i = β p_y^λ (1 - p_y)

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      lambda_: λ >= 0; the most weight lies at p_y = λ / (λ + 1).
      beta: β; a negative one turns the emphasis round.
    Returns:
      [B], constant.
    Raises:
      ValueError: λ is negative.
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
    mean: Mean = tf.reduce_mean,
) -> tf.Tensor:
    """A loss whose derivative in the logits is that of cross entropy with another norm.

    ∂L_i/∂z = w_i / mean_j w_j · (p - q) / (2 (1 - p_y)),  w = exp(β p_y^λ (1 - p_y))

    The derivative of each example has the L1 norm w_i / mean w, that of a batch's mean the norm 1.
    It is the derivative of ½ log((1 - p_y) / p_y) = ½ (logsumexp of the other logits - z_y), times
    constants, and finite for whatever logits. Where 1 - p_y is not far above 1e-8 it fades, by
    2 (1 - p_y) / (2 (1 - p_y) + 1e-8), as in the released code: a label that is fitted perfectly
    would else push with full norm for ever, and logits grow until training collapses.

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float, K >= 2.
      lambda_: λ >= 0.
      beta: β.
      mean: over the global batch, for the normalisation.
    Returns:
      [B]; the values themselves, half the log odds against the label, say little and are negative
      for well-fitted labels.
    Raises:
      ValueError: λ is negative.
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
    mean: Mean = tf.reduce_mean,
) -> tf.Tensor:
    """Improved mean absolute error: `dm` with λ = 1 and β = T.

    Args and result are those of `dm`.
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
    return float(beta * lambda_**lambda_ / (lambda_ + 1) ** (lambda_ + 1))


def _label_weights(batch: LossInput, lambda_: float, beta: float) -> LossOutput:
    values = dm(batch.labels, batch.logits, lambda_, beta, mean=batch.course.mean)
    # What the released code logs as the loss.
    distance = 2 * tf.sigmoid(_log_odds_against(batch.labels, batch.logits))
    return LossOutput(values, {"train_absolute_error": distance})


@register("dm", DMOptions)
def _dm(batch: LossInput, options: DMOptions) -> LossOutput:
    return _label_weights(batch, options.dm_lambda, options.dm_beta)


@register("imae", IMAEOptions)
def _imae(batch: LossInput, options: IMAEOptions) -> LossOutput:
    return _label_weights(batch, 1.0, options.imae_temperature)

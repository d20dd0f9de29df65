"""ProSelfLC: labels corrected by the network's own predictions, more when late and when sure.

Wang, Hua, Kodirov, Clifton and Robertson, "ProSelfLC: Progressive Self Label Correction for
Training Robust Deep Neural Networks", CVPR 2021 (arXiv 2005.03788), and its successor with
sharpened predictions, "ProSelfLC: Progressive Self Label Correction Towards A Low-Temperature
Entropy State", 2022 (arXiv 2207.00118).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ieg.losses.registry import LossInput, LossOutput, register
from ieg.losses.targets import against, one_hot, prediction
from ieg.options import option

TRUST_MODES = ("entropy", "max_p", "global")
LOSS_MODES = ("cross_entropy", "relative_entropy")


@dataclass(frozen=True)
class Options:
    """Options of ProSelfLC."""

    proselflc_temperature: float = option(
        0.5,
        "temperature of the prediction that corrects labels; below 1 sharpens it, 1 is the form "
        "of CVPR 2021",
        above=0,
    )
    proselflc_exp_base: float = option(
        12.0, "B: steepness of the rise of the global trust in the course of the run", at_least=0
    )
    proselflc_transit_time_ratio: float = option(
        0.5, "share of the run after which the global trust is one half", at_least=0, at_most=1
    )
    proselflc_trust_mode: str = option(
        "entropy",
        "local trust in a prediction p: entropy for 1 - H(p)/log K, max_p for its largest "
        "probability, global for 1",
        choices=TRUST_MODES,
    )
    proselflc_counter: str = option(
        "iteration", "unit of time of the global trust", choices=("iteration", "epoch")
    )
    proselflc_loss_mode: str = option(
        "cross_entropy",
        "loss against the target t: cross_entropy for H(t, p), relative_entropy for KL(t, p); "
        "with a constant target both have the same gradient",
        choices=LOSS_MODES,
    )
    detach_target: bool = option(
        True, "treat the target as a constant, without a gradient through it"
    )


class Correction(NamedTuple):
    """Corrected targets, and the trust in predictions that made them.

    Attributes:
      target: [B, K], rows sum to 1.
      trust: [B] ε_i in [0, 1], constant.
      global_trust: scalar g in [0, 1].
      local_trust: [B] l_i in [0, 1], constant.
    """

    target: tf.Tensor
    trust: tf.Tensor
    global_trust: tf.Tensor
    local_trust: tf.Tensor


def global_trust(
    time: int | tf.Tensor, total: int, *, exp_base: float = 12.0, transit_time_ratio: float = 0.5
) -> tf.Tensor:
    """Global trust in predictions, by training time alone.

    g(t) = sigmoid(B (t / Γ - ρ))        ProSelfLC (see above)

    Args:
      time: t in [0, Γ], scalar number or tensor.
      total: Γ > 0, the time at the end of the run.
      exp_base: B >= 0.
      transit_time_ratio: ρ.
    Returns:
      scalar float32 in (0, 1).
    Raises:
      ValueError: B or Γ is out of range, or t, where its value is known.

    sigmoid(12 · ¼):

    >>> print(global_trust(75, 100).numpy().round(3))
    0.953
    """
    if exp_base < 0 or not total > 0:
        raise ValueError(
            f"exp_base must be at least 0 and total above 0, got {exp_base} and {total}"
        )
    known = tf.get_static_value(time)
    if known is not None and not 0 <= known <= total:
        raise ValueError(f"time must be in [0, {total}], got {known}")
    ratio = tf.cast(time, tf.float32) / tf.cast(total, tf.float32)
    return tf.sigmoid(exp_base * (ratio - transit_time_ratio))


def local_trust(probabilities: tf.Tensor, mode: str = "entropy") -> tf.Tensor:
    """Local trust in each prediction, by its own certainty.

    l(p) = 1 - H(p) / log K (entropy), or max_j p_j (max_p), or 1 (global)    ProSelfLC (see above)

    Args:
      probabilities: [B, K], rows sum to 1; zeros are allowed.
      mode: one of `TRUST_MODES`.
    Returns:
      [B] in [0, 1].
    Raises:
      ValueError: unknown mode.

    >>> print(local_trust(tf.constant([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]])).numpy().round(3))
    [0.27 1.  ]
    """
    if mode == "entropy":
        return tf.clip_by_value(1 - normalized_entropy(probabilities), 0.0, 1.0)
    if mode == "max_p":
        return tf.reduce_max(probabilities, axis=-1)
    if mode == "global":
        return tf.ones_like(probabilities[:, 0])
    raise ValueError(f"trust mode must be one of {', '.join(TRUST_MODES)}, got {mode!r}")


def normalized_entropy(probabilities: tf.Tensor) -> tf.Tensor:
    """Entropy as a share of its maximum: [B] H(p) / log K in [0, 1] of [B, K]; 0 log 0 is 0."""
    entropy = -tf.reduce_sum(tf.math.xlogy(probabilities, probabilities), axis=-1)
    return entropy / np.log(probabilities.shape[-1])


def corrected_labels(
    labels: tf.Tensor,
    logits: tf.Tensor,
    time: int | tf.Tensor,
    total: int,
    *,
    temperature: float = 0.5,
    exp_base: float = 12.0,
    transit_time_ratio: float = 0.5,
    trust_mode: str = "entropy",
) -> Correction:
    """ProSelfLC's targets: given labels mixed with predictions by global times local trust.

    t_i = (1 - ε_i) onehot(y_i) + ε_i p'_i,  ε_i = g(t) l(p'_i),  p' = softmax(z / T)

    Source: ProSelfLC (see above). The arguments are those of `proselflc`.

    Raises:
      ValueError: an argument is out of range.

    >>> logits = tf.math.log([[0.7, 0.2, 0.1]])
    >>> found = corrected_labels(tf.constant([1]), logits, 75, 100, temperature=1.0)
    >>> print(found.trust.numpy().round(3))  # 0.953 · 0.270
    [0.257]
    >>> print(found.target.numpy().round(3))
    [[0.18  0.794 0.026]]
    """
    guess = prediction(logits, temperature)
    overall = global_trust(time, total, exp_base=exp_base, transit_time_ratio=transit_time_ratio)
    own = tf.stop_gradient(local_trust(guess, trust_mode))
    trust = tf.cast(overall, own.dtype) * own
    share = trust[:, tf.newaxis]
    target = (1 - share) * one_hot(labels, logits) + share * guess
    return Correction(target, trust, overall, own)


def proselflc(
    labels: tf.Tensor,
    logits: tf.Tensor,
    time: int | tf.Tensor,
    total: int,
    *,
    temperature: float = 0.5,
    exp_base: float = 12.0,
    transit_time_ratio: float = 0.5,
    trust_mode: str = "entropy",
    loss_mode: str = "cross_entropy",
    detach_target: bool = True,
) -> tf.Tensor:
    """Cross entropy with progressively corrected labels.

    H(t_i, p_i) or KL(t_i, p_i), with the targets t_i of `corrected_labels`

    The CVPR form has T = 1 and a gradient through the target; the successor T < 1 and none.

    Source: ProSelfLC (see above).

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      time: t in [0, Γ], 1-based.
      total: Γ.
      temperature: T > 0 of the prediction in the target.
      exp_base: B >= 0, steepness of the global trust.
      transit_time_ratio: ρ, share of the run at which the global trust is one half.
      trust_mode: one of `TRUST_MODES`.
      loss_mode: one of `LOSS_MODES`.
      detach_target: True to treat the target as a constant; ε always is one.
    Returns:
      [B].
    Raises:
      ValueError: an argument is out of range.

    >>> logits = tf.math.log([[0.7, 0.2, 0.1]])
    >>> print(proselflc(tf.constant([1]), logits, 75, 100, temperature=1.0).numpy().round(3))
    [1.402]
    """
    correction = corrected_labels(
        labels,
        logits,
        time,
        total,
        temperature=temperature,
        exp_base=exp_base,
        transit_time_ratio=transit_time_ratio,
        trust_mode=trust_mode,
    )
    return _loss(correction.target, logits, loss_mode, detach_target)


def _loss(target: tf.Tensor, logits: tf.Tensor, mode: str, detach_target: bool) -> tf.Tensor:
    if mode not in LOSS_MODES:
        raise ValueError(f"loss mode must be one of {', '.join(LOSS_MODES)}, got {mode!r}")
    loss = against(target, logits, detach_target=detach_target)
    if mode == "cross_entropy":
        return loss
    constant = tf.stop_gradient(target) if detach_target else target
    return loss + tf.reduce_sum(tf.math.xlogy(constant, constant), axis=-1)


@register("proselflc", Options, by_length=True)
def _chosen(batch: LossInput, options: Options) -> LossOutput:
    time, total = _time(batch, options.proselflc_counter)
    correction = corrected_labels(
        batch.labels,
        batch.logits,
        time,
        total,
        temperature=options.proselflc_temperature,
        exp_base=options.proselflc_exp_base,
        transit_time_ratio=options.proselflc_transit_time_ratio,
        trust_mode=options.proselflc_trust_mode,
    )
    probabilities = tf.nn.softmax(batch.logits)
    return LossOutput(
        _loss(correction.target, batch.logits, options.proselflc_loss_mode, options.detach_target),
        {
            "trust": correction.trust,
            "global_trust": tf.fill(tf.shape(correction.trust), correction.global_trust),
            "local_trust": correction.local_trust,
            "train_entropy": normalized_entropy(probabilities),
            "train_max_p": tf.reduce_max(probabilities, axis=-1),
        },
    )


def _time(batch: LossInput, counter: str) -> tuple[tf.Tensor, int]:
    """t and Γ in 1-based epochs, or in 1-based updates (several steps if gradients accumulate)."""
    course = batch.course
    if counter == "epoch":
        total = -(-course.total_steps // course.steps_per_epoch)
        return batch.step // course.steps_per_epoch + 1, total
    every = course.accumulation_steps
    return (batch.step + 1) // every, max(1, course.total_steps // every)

"""ProSelfLC: labels corrected by the network's own prediction, the more the later and the surer.

Wang et al., "ProSelfLC: Progressive Self Label Correction for Training Robust Deep Neural
Networks", CVPR 2021 (arXiv 2005.03788), and its successor with sharpened predictions (arXiv
2207.00118).
"""

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
        0.5, "of the prediction that corrects labels; below 1 sharpens, 1 as at CVPR", above=0
    )
    proselflc_exp_base: float = option(
        12.0, "B, how suddenly the trust rises in the course of the run", at_least=0
    )
    proselflc_transit_time_ratio: float = option(
        0.5, "the share of the run after which the global trust is one half", at_least=0, at_most=1
    )
    proselflc_trust_mode: str = option(
        "entropy",
        "local trust in a prediction: 1 - H(p)/log K, its largest probability, or 1",
        choices=TRUST_MODES,
    )
    proselflc_counter: str = option(
        "iteration", "what time is counted in", choices=("iteration", "epoch")
    )
    proselflc_loss_mode: str = option(
        "cross_entropy",
        "H(t, p) or KL(t, p); with a constant target the gradient is the same",
        choices=LOSS_MODES,
    )
    detach_target: bool = option(
        True, "treat the target as a constant, rather than let the gradient run through it"
    )


class Correction(NamedTuple):
    """How far each label is corrected.

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
    """How far predictions are trusted at a time, whatever they are.

    g(t) = sigmoid(B (t / Γ - ρ))

    Args:
      time: t in [0, Γ], scalar number or tensor.
      total: Γ > 0, the time at the end of the run.
      exp_base: B >= 0.
      transit_time_ratio: ρ.
    Returns:
      scalar float32.
    Raises:
      ValueError: B, Γ or a t that is known is out of range.
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
    """How far each prediction is trusted for itself.

    l(p) = 1 - H(p) / log K, or max_j p_j, or 1

    Args:
      probabilities: [B, K], rows sum to 1; zeros are allowed.
      mode: one of `TRUST_MODES`.
    Returns:
      [B] in [0, 1].
    Raises:
      ValueError: unknown mode.
    """
    if mode == "entropy":
        return tf.clip_by_value(1 - normalized_entropy(probabilities), 0.0, 1.0)
    if mode == "max_p":
        return tf.reduce_max(probabilities, axis=-1)
    if mode == "global":
        return tf.ones_like(probabilities[:, 0])
    raise ValueError(f"trust mode must be one of {', '.join(TRUST_MODES)}, got {mode!r}")


def normalized_entropy(probabilities: tf.Tensor) -> tf.Tensor:
    """[B] H(p) / log K in [0, 1] of [B, K]; 0 log 0 is 0."""
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
    """ProSelfLC's targets; the arguments are those of `proselflc`.

    t_i = (1 - ε_i) onehot(y_i) + ε_i p'_i,  ε_i = g(t) l(p'_i),  p' = softmax(z / T)
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
    """Cross entropy against labels that are corrected progressively.

    H(t_i, p_i) or KL(t_i, p_i), with the targets t_i of `corrected_labels`.
    The CVPR form has T = 1 and a gradient through the target; the successor T < 1 and none.

    Args:
      labels: [B] integers in [0, K).
      logits: [B, K] float.
      time: t in [0, Γ], 1-based.
      total: Γ.
      temperature: T > 0.
      exp_base: B.
      transit_time_ratio: ρ.
      trust_mode: one of `TRUST_MODES`.
      loss_mode: one of `LOSS_MODES`.
      detach_target: whether no gradient runs through the target; through ε none ever does.
    Returns:
      [B].
    Raises:
      ValueError: an argument is out of range.
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
    """t and Γ: 1-based epochs, or 1-based steps, counted by updates where several make one."""
    course = batch.course
    if counter == "epoch":
        total = -(-course.total_steps // course.steps_per_epoch)
        return batch.step // course.steps_per_epoch + 1, total
    every = course.accumulation_steps
    return (batch.step + 1) // every, max(1, course.total_steps // every)

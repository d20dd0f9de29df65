"""What methods with a look-ahead on clean probe data have in common."""

import enum
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from ieg import replicas
from ieg.data.pipeline import Batch, Probe
from ieg.losses import cross_entropy
from ieg.meta import InnerProblem, MetaGradient, after, meta_gradient
from ieg.meta.gradient import Tensors
from ieg.methods import Context, Method, StepState
from ieg.options import option

#: For `Method.curves`: whether the weights find the clean labels.
WEIGHT_CURVES = {
    "Clean labels": {
        "clean_weight_share": "share of the weight",
        "clean_share": "share of the examples",
    }
}


@dataclass(frozen=True)
class ScopeOptions:
    """How far a look-ahead reaches."""

    meta_scope: str = option(
        "global",
        "batch that the look-ahead sees and weights are normalized over: global (all replicas "
        "together) or replica (each replica alone, as in the original releases)",
        choices=("global", "replica"),
    )


@dataclass(frozen=True)
class LookaheadOptions(ScopeOptions):
    """How the virtual step is taken and differentiated."""

    meta_stepsize: float = option(
        0.1, "step size of the virtual (look-ahead) step; unless given, the learning rate", above=0
    )
    meta_gradient: str = option(
        "forward",
        "differentiation of the look-ahead: forward (one forward-mode pass) or nested (nested "
        "gradient tapes, with the same result)",
        choices=("forward", "nested"),
    )
    meta_partial_level: int = option(
        -1,
        "variables that take part in the look-ahead: 0 the classifier, k the last k stages and "
        "all after them, -1 all variables",
        at_least=-1,
    )
    meta_low_memory: bool = option(
        False,
        "run the passes of a step one after another, so that none holds the activations of "
        "another; costs one more forward pass",
    )


@dataclass(frozen=True)
class MomentumLookaheadOptions(LookaheadOptions):
    """The same for a virtual step like that of SGD with momentum."""

    meta_momentum: float = option(
        0.9, "momentum of the virtual (look-ahead) step", at_least=0, below=1
    )


@dataclass(frozen=True)
class IntervalOptions:
    """How often there is a look-ahead."""

    meta_interval: int = option(
        1,
        "steps from one look-ahead to the next; in between each example keeps the result of its "
        "last look-ahead, and an example without one counts as the average",
        above=0,
    )


class Weighing(enum.Enum):
    """Where the weights of a step come from."""

    EQUAL = "all count alike"
    LOOK_AHEAD = "a look-ahead"
    REMEMBERED = "the last look-ahead of each example"


def weighing(step: int, warmup_steps: int, interval: int) -> Weighing:
    """That of a 0-based step, of which `warmup_steps` come before the first look-ahead."""
    if step < warmup_steps:
        return Weighing.EQUAL
    return Weighing.LOOK_AHEAD if step % interval == 0 else Weighing.REMEMBERED


def memories(context: Context, *names: str) -> dict[str, tf.Variable]:
    """Variables [N] that keep a value for each example, 1 at first."""
    keep = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
    size = len(context.examples.given_labels)
    return {name: tf.Variable(tf.ones([size]), **keep) for name in names}


def remember(memory: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
    """Enters this replica's values [B, ...] at its rows [B]."""
    replicas.scatter_update(memory, replicas.gather(rows), replicas.gather(values))


def relative(weights: tf.Tensor) -> tf.Tensor:
    """[B] weights as multiples of their mean, in which form batches can be compared."""
    return weights / replicas.equal_weights(weights)


def normalised(values: tf.Tensor, scope: str) -> tf.Tensor:
    """[B] values ≥ 0 as shares of their sum over the batch of a `replicas.scope`; all 0 stay 0."""
    with replicas.scope(scope):
        weights = tf.math.divide_no_nan(values, replicas.total(tf.reduce_sum(values)))
    return replicas.shares(weights, scope)


def probe_loss(
    method: Method, network_state: Tensors, probe: Probe
) -> Callable[[Tensors], tuple[tf.Tensor, tf.Tensor]]:
    """The outer loss of a look-ahead: θ' → mean cross entropy and accuracy on probe data.

    Args:
      method: whose network predicts, batch norm in training mode.
      network_state: the network's other variables.
      probe: this replica's part of the probe batch.
    Returns:
      a function that gives this replica's shares of both.
    """
    targets = tf.one_hot(probe.label, method.context.num_classes)

    def loss(params: Tensors) -> tuple[tf.Tensor, tf.Tensor]:
        logits, _ = method.network(params, network_state, probe.image)
        right = tf.argmax(logits, axis=1, output_type=tf.int32) == probe.label
        return (
            replicas.batch_mean(cross_entropy(targets, logits)),
            replicas.batch_mean(tf.cast(right, tf.float32)),
        )

    return loss


def gradient_of_weights(
    method: Method,
    batch: Batch,
    state: StepState,
    targets: tf.Tensor,
    *,
    moving: Sequence[int],
    probe_decay: Sequence[float] | None,
) -> MetaGradient:
    """g_i = ∂L_probe/∂ε_i at ε = 0 behind a virtual step on Σ ε_i ce(q_i, f(x_i; θ)).

    L2R, algorithm 1, lines 4 to 9; batch norm always in training mode.

    Args:
      method: one whose options are `LookaheadOptions`.
      batch: with probe data.
      state: what the step starts from.
      targets: [B, K] distributions q.
      moving: indices of the parameters that take the virtual step.
      probe_decay: weight decay in the probe loss, for each parameter; None for none.
    Returns:
      the gradient [B], and the accuracy on probe data as `aux`.
    """
    assert batch.probe is not None  # the trainer sees to what `needs` asks for

    def predict(params: Tensors) -> tf.Tensor:
        return method.network(params, state.network_state, batch.image)[0]

    def weighted_loss(logits: tf.Tensor, epsilon: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(epsilon * cross_entropy(targets, logits))

    inner = InnerProblem(
        predict,
        weighted_loss,
        stepsize=method.options.meta_stepsize,
        decay=method.context.update.decay,
        moving=moving,
        loss_is_zero=True,
        scale=method.context.loss_scale,
        apart=method.options.meta_low_memory,
    )
    return meta_gradient(
        inner,
        probe_loss(method, state.network_state, batch.probe),
        state.params,
        tf.zeros_like(batch.label, tf.float32),
        mode=method.options.meta_gradient,
        outer_decay=probe_decay,
    )


def after_look_ahead(options: LookaheadOptions, found: Any) -> AbstractContextManager[None]:
    """With `meta_low_memory` the block waits for what the look-ahead has found."""
    return after(found if options.meta_low_memory else [])


def weight_scalars(weights: tf.Tensor, batch: Batch) -> dict[str, tf.Tensor]:
    """How many weights are 0; how much lies on clean examples, beside their share of the batch.

    The last two are shares among the examples whose true label is known, and nan where none is.
    """
    clean, wrong = clean_and_wrong(batch)
    return {
        "weights_zero_ratio": replicas.batch_mean(tf.cast(weights <= 0, tf.float32)),
        "clean_weight_share": tf.reduce_sum(weights * clean)
        / replicas.total(tf.reduce_sum(weights * (clean + wrong))),
        "clean_share": tf.reduce_sum(clean) / replicas.total(tf.reduce_sum(clean + wrong)),
    }


def clean_and_wrong(batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
    """[B] float32 each: 1 for examples known to be labelled right, and known to be labelled wrong.

    An example whose true label is not known is 0 in both; if that holds for the whole global batch
    all are nan, so that nothing can be said of it.
    """
    known, clean = batch.true_label >= 0, batch.label == batch.true_label
    count = replicas.total(tf.reduce_sum(tf.cast(known, tf.float32)))
    nothing = tf.where(count > 0, 0.0, math.nan)
    return tf.cast(clean, tf.float32) + nothing, tf.cast(known & ~clean, tf.float32) + nothing


def share_of_mean(values: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """This replica's share of the mean of values [B] over those with chosen [B] = 1, or nan."""
    return tf.reduce_sum(values * chosen) / replicas.total(tf.reduce_sum(chosen))

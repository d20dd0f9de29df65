"""Options and steps that the methods with a look-ahead share.

The meta-gradient itself is `ieg.meta.meta_gradient`; here are its options, the probe loss, and the
memory from which examples get their weights in steps without a look-ahead.
"""

from __future__ import annotations

import enum
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


@dataclass(frozen=True)
class GradientOptions:
    """Scope and differentiation of a look-ahead."""

    meta_scope: str = option(
        "global",
        "batch that the look-ahead sees and weights are normalized over: global (all replicas "
        "together) or replica (each replica alone, as in the original releases)",
        choices=("global", "replica"),
    )
    meta_gradient: str = option(
        "forward",
        "differentiation of the look-ahead: forward (one forward-mode pass) or nested (nested "
        "gradient tapes, with the same result)",
        choices=("forward", "nested"),
    )


def partial_level(default: int) -> Any:
    """Option `meta_partial_level` with the default of a method."""
    return option(
        default,
        "variables that take part in the look-ahead: 0 the classifier, k the last k stages and "
        "all after them, -1 all variables",
        at_least=-1,
    )


@dataclass(frozen=True)
class LookaheadOptions(GradientOptions):
    """Virtual SGD step of a look-ahead."""

    meta_stepsize: float = option(
        0.1, "step size of the virtual (look-ahead) step; unless given, the learning rate", above=0
    )
    meta_schedule: str = option(
        "constant",
        "step size of the virtual (look-ahead) step in the course of the run: constant "
        "(--meta_stepsize) or learning_rate (that of the step, by --lr_schedule)",
        choices=("constant", "learning_rate"),
        before="constant",
    )
    meta_partial_level: int = partial_level(-1)
    meta_low_memory: bool = option(
        False,
        "run the passes of a step one after another, so that none holds the activations of "
        "another; costs one more forward pass",
    )


@dataclass(frozen=True)
class MomentumLookaheadOptions(LookaheadOptions):
    """Virtual step of SGD with momentum."""

    meta_momentum: float = option(
        0.9, "momentum of the virtual (look-ahead) step", at_least=0, below=1
    )


@dataclass(frozen=True)
class IntervalOptions:
    """Interval between look-aheads."""

    meta_interval: int = option(
        1,
        "steps from one look-ahead to the next; in between each example keeps the result of its "
        "last look-ahead, and an example without one counts as the average",
        above=0,
    )


class Weighing(enum.Enum):
    """Origin of the example weights of a step."""

    EQUAL = "the same weight for every example"
    LOOK_AHEAD = "a look-ahead in this step"
    REMEMBERED = "the last look-ahead of each example"


def weighing(step: int, warmup_steps: int, interval: int) -> Weighing:
    """Origin of the example weights of a step.

    Args:
      step: 0-based.
      warmup_steps: steps with equal weights before the first look-ahead.
      interval: steps from one look-ahead to the next.

    >>> [weighing(step, 1, 2).name for step in range(4)]
    ['EQUAL', 'REMEMBERED', 'LOOK_AHEAD', 'REMEMBERED']
    >>> {weighing(step, 0, 1).name for step in range(4)}
    {'LOOK_AHEAD'}
    """
    if step < warmup_steps:
        return Weighing.EQUAL
    return Weighing.LOOK_AHEAD if step % interval == 0 else Weighing.REMEMBERED


def memories(context: Context, *names: str) -> dict[str, tf.Variable]:
    """Variables [N] by name, one value for each example of the training split, 1 at first."""
    size = len(context.examples.given_labels)
    return {name: replicas.variable(tf.ones([size])) for name in names}


def remember(memory: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
    """Write this replica's values [B, ...] into rows [B] of a memory [N, ...]."""
    replicas.scatter_update(memory, replicas.gather(rows), replicas.gather(values))


def relative(weights: tf.Tensor) -> tf.Tensor:
    """Weights [B] as multiples of their mean, which compare across batches.

    >>> print(relative(tf.constant([0.25, 0.75])).numpy())
    [0.5 1.5]
    """
    return weights / replicas.equal_weights(weights)


def normalized(values: tf.Tensor, scope: str) -> tf.Tensor:
    """Values [B] ≥ 0 divided by their sum over the batch; all zero if the sum is zero.

    Args:
      values: of this replica.
      scope: "global" or "replica", the batch that the sum runs over.

    >>> print(normalized(tf.constant([1.0, 3.0]), "global").numpy())
    [0.25 0.75]
    >>> print(normalized(tf.zeros(2), "global").numpy())
    [0. 0.]
    """
    with replicas.scope(scope):
        weights = tf.math.divide_no_nan(values, replicas.total(tf.reduce_sum(values)))
    return replicas.shares(weights, scope)


def stepsize(options: LookaheadOptions, state: StepState) -> float | tf.Tensor:
    """Step size α of the virtual step."""
    follows = options.meta_schedule == "learning_rate"
    return state.learning_rate if follows else options.meta_stepsize


def probe_loss(
    method: Method, network_state: Tensors, probe: Probe
) -> Callable[[Tensors], tuple[tf.Tensor, tf.Tensor]]:
    """Outer loss of a look-ahead: mean cross entropy on probe examples, and top-1 accuracy.

    Args:
      method: owner of the network, which predicts with batch norm in training mode.
      network_state: the network's other variables.
      probe: this replica's part of the probe batch.
    Returns:
      function θ' → this replica's shares of loss and accuracy.
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
    """Meta-gradient of the probe loss in the example weights ε, at ε = 0.

    g_i = ∂L_probe(θ')/∂ε_i after a virtual step on Σ ε_i ce(q_i, f(x_i; θ))

    L2R (Ren et al., ICML 2018, arXiv 1803.09050), algorithm 1, lines 4 to 9. Batch norm is in
    training mode throughout.

    Args:
      method: one whose options are `LookaheadOptions`.
      batch: with probe examples.
      state: training state before the step.
      targets: [B, K] distributions q.
      moving: indices of the parameters that take the virtual step.
      probe_decay: weight decay of each parameter in the probe loss; None for none.
    Returns:
      the gradient [B]; `aux` is the accuracy on probe examples.
    """
    assert batch.probe is not None  # the trainer sees to what `needs` asks for

    def predict(params: Tensors) -> tf.Tensor:
        return method.network(params, state.network_state, batch.image)[0]

    def weighted_loss(logits: tf.Tensor, epsilon: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(epsilon * cross_entropy(targets, logits))

    inner = InnerProblem(
        predict,
        weighted_loss,
        stepsize=stepsize(method.options, state),
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
    """Context that waits for results of the look-ahead if `meta_low_memory` is set."""
    return after(found if options.meta_low_memory else [])

"""The exact gradient of a look-ahead: what a virtual training step would do to another loss.

Inner objective  I(θ, φ) = h(Z(θ), φ) + wd(θ), look-ahead  θ'(φ) = θ - α (μ m + ∇_θ I(θ, φ)),
outer loss  O(θ'). With v = ∇O(θ'),

    dO/dφ = -α ∂/∂φ ⟨∇_θ I(θ, φ), v⟩ = -α ∂/∂φ ⟨∂h/∂Z (Z, φ), Ż⟩,    Ż = J_Z(θ) v

since h sees the network only through its outputs Z and wd does not depend on φ. So one
forward-mode pass gives Ż, and what remains is a small gradient through the head. Nested tapes give
the same number through a second reverse pass; they serve networks without a forward mode.

The look-ahead is that of L2R (Ren et al. 2018, algorithm 1, lines 4 to 9) with the momentum of IEG
(Zhang et al. 2020, section 3.1); the middle form holds because differentiation in φ and the inner
product with a constant v commute, the last by the chain rule through Z.

With several replicas h and O are shares of sums over the global batch. Only ∇_θ I and v are added
up; the result for per-example φ belongs to the examples of this replica, and for φ that the
replicas have in common it is a share.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from ieg import replicas

Tensors = list[tf.Tensor]


@dataclass(frozen=True)
class InnerProblem:
    """The virtual training step.

    Attributes:
      predict: parameters → outputs Z, a tensor or a tree of tensors (logits of several views).
        Changes nothing: moving statistics are the caller's.
      loss: (Z, φ) → this replica's share of h, a scalar.
      stepsize: α > 0.
      decay: coefficient of ½‖θ_j‖² for each parameter; None for no decay.
      momentum: μ in [0, 1).
      buffers: m, one tensor per parameter; needed when μ > 0.
      moving: indices of the parameters that take the step; None for all.
      loss_is_zero: h(Z, φ) vanishes for every Z at this φ, as a weighted sum does at weights zero;
        forward mode then spares the inner backward pass.
      scale: what all passes through the network are multiplied with and their results divided by,
        for networks in float16, where small numbers are lost.
      apart: forward mode's pass begins when the outer one is over, and repeats the forward pass of
        others over the same examples, so that no pass holds the activations of another.
    """

    predict: Callable[[Tensors], Any]
    loss: Callable[[Any, Any], tf.Tensor]
    stepsize: float | tf.Tensor
    decay: Sequence[float] | None = None
    momentum: float = 0.0
    buffers: Sequence[tf.Tensor] | None = None
    moving: Sequence[int] | None = None
    loss_is_zero: bool = False
    scale: float = 1.0
    apart: bool = False


class MetaGradient(NamedTuple):
    """What the look-ahead tells.

    Attributes:
      gradient: dO/dφ, the structure of φ.
      params: θ', all parameters after the virtual step.
      outer_loss: this replica's share of O without weight decay.
      aux: what the outer loss returned besides.
    """

    gradient: Any
    params: Tensors
    outer_loss: tf.Tensor
    aux: Any


def meta_gradient(
    inner: InnerProblem,
    outer_loss: Callable[[Tensors], tuple[tf.Tensor, Any]],
    params: Sequence[tf.Tensor],
    phi: Any,
    *,
    mode: str = "forward",
    outer_decay: Sequence[float] | None = None,
) -> MetaGradient:
    """dO(θ'(φ))/dφ, exact to rounding in both modes.

    Args:
      inner: the virtual training step.
      outer_loss: θ' → (this replica's share of the outer loss, anything else worth keeping).
      params: θ, tensors.
      phi: φ, a tensor or a tree of tensors.
      mode: "forward" or "nested".
      outer_decay: coefficient of ½‖θ'_j‖² in the outer loss for each parameter; None for none.
    Returns:
      the gradient with what was computed on the way.
    Raises:
      ValueError: another mode, or momentum without buffers.
    """
    if mode not in ("forward", "nested"):
        raise ValueError(f"mode must be 'forward' or 'nested', not {mode!r}")
    if inner.momentum and inner.buffers is None:
        raise ValueError("a look-ahead with momentum needs the momentum buffers")
    params = list(params)
    moving = list(range(len(params))) if inner.moving is None else list(inner.moving)
    if mode == "nested":
        return _nested(inner, outer_loss, params, phi, moving, outer_decay)
    return _forward(inner, outer_loss, params, phi, moving, outer_decay)


def after(values: Any) -> contextlib.AbstractContextManager[None]:
    """What is computed within the block waits for all of these tensors.

    In a graph that also keeps it apart from the same computation elsewhere, with which TensorFlow
    would merge it otherwise. For no tensors the block is like any other.
    """
    tensors = tf.nest.flatten(values)
    # They meet in one operation: else each operation of the block had an edge from each of them.
    return tf.control_dependencies([tf.group(*tensors)] if tensors else [])


def _forward(
    inner: InnerProblem,
    outer_loss: Callable[[Tensors], tuple[tf.Tensor, Any]],
    params: Tensors,
    phi: Any,
    moving: list[int],
    outer_decay: Sequence[float] | None,
) -> MetaGradient:
    subset = [params[j] for j in moving]

    def predict(subset: Tensors) -> Any:
        return inner.predict(_replaced(params, moving, subset))

    gradients = [tf.zeros_like(p) for p in subset]
    if not inner.loss_is_zero:
        with tf.GradientTape() as tape:
            tape.watch(subset)
            value = inner.loss(predict(subset), phi)
        gradients = replicas.total(_gradient(tape, value, subset, inner.scale))
    ahead = _virtual_step(inner, params, moving, gradients)
    share, aux, v = _outer_gradient(inner, outer_loss, ahead, moving, outer_decay)

    tangents_in = [inner.scale * x for x in v]
    with (
        after(v if inner.apart else []),
        tf.autodiff.ForwardAccumulator(subset, tangents_in) as accumulator,
    ):
        outputs = predict(subset)
    flat = tf.nest.flatten(outputs)
    tangents = accumulator.jvp(flat, unconnected_gradients=tf.UnconnectedGradients.ZERO)  # Ż
    flat_phi = tf.nest.flatten(phi)
    with tf.GradientTape() as phi_tape:
        phi_tape.watch(flat_phi)
        with tf.GradientTape() as output_tape:
            output_tape.watch(flat)
            value = inner.loss(tf.nest.pack_sequence_as(outputs, flat), phi)
        product = tf.add_n(
            [
                tf.reduce_sum(g * t)
                for g, t in zip(_gradient(output_tape, value, flat), tangents, strict=True)
            ]
        )
    slopes = _gradient(phi_tape, product, flat_phi)
    factor = -inner.stepsize / inner.scale
    result = tf.nest.pack_sequence_as(phi, [factor * s for s in slopes])
    return MetaGradient(result, ahead, share, aux)


def _nested(
    inner: InnerProblem,
    outer_loss: Callable[[Tensors], tuple[tf.Tensor, Any]],
    params: Tensors,
    phi: Any,
    moving: list[int],
    outer_decay: Sequence[float] | None,
) -> MetaGradient:
    subset = [params[j] for j in moving]
    flat_phi = tf.nest.flatten(phi)
    with tf.GradientTape() as phi_tape:
        phi_tape.watch(flat_phi)
        with tf.GradientTape() as tape:
            tape.watch(subset)
            value = inner.loss(inner.predict(_replaced(params, moving, subset)), phi)
        gradients = _gradient(tape, value, subset, inner.scale)
    ahead = _virtual_step(inner, params, moving, replicas.total(gradients))
    share, aux, v = _outer_gradient(inner, outer_loss, ahead, moving, outer_decay)
    slopes = phi_tape.gradient(
        gradients,
        flat_phi,
        output_gradients=[-inner.stepsize * inner.scale * x for x in v],
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    result = tf.nest.pack_sequence_as(phi, [s / inner.scale for s in slopes])
    return MetaGradient(result, ahead, share, aux)


def _virtual_step(
    inner: InnerProblem, params: Tensors, moving: list[int], gradients: Tensors
) -> Tensors:
    """θ' = θ - α (μ m + g + decay θ) for the moving parameters, θ for the others."""
    ahead = []
    for j, gradient in zip(moving, gradients, strict=True):
        direction = gradient
        if inner.decay is not None:
            direction += inner.decay[j] * params[j]
        if inner.momentum:
            assert inner.buffers is not None  # checked by meta_gradient
            direction += inner.momentum * inner.buffers[j]
        ahead.append(params[j] - inner.stepsize * direction)
    return _replaced(params, moving, ahead)


def _outer_gradient(
    inner: InnerProblem,
    outer_loss: Callable[[Tensors], tuple[tf.Tensor, Any]],
    ahead: Tensors,
    moving: list[int],
    outer_decay: Sequence[float] | None,
) -> tuple[tf.Tensor, Any, Tensors]:
    """The outer loss' share, its aux, and v = ∇O(θ') of the global batch."""
    subset = [tf.stop_gradient(ahead[j]) for j in moving]
    with tf.GradientTape() as tape:
        tape.watch(subset)
        share, aux = outer_loss(_replaced(ahead, moving, subset))
    v = replicas.total(_gradient(tape, share, subset, inner.scale))
    if outer_decay is not None:
        v = [g + outer_decay[j] * p for g, j, p in zip(v, moving, subset, strict=True)]
    return share, aux, v


def _replaced(params: Tensors, moving: list[int], subset: Tensors) -> Tensors:
    result = list(params)
    for j, value in zip(moving, subset, strict=True):
        result[j] = value
    return result


def scaled_gradient(
    tape: tf.GradientTape,
    value: tf.Tensor,
    sources: Any,
    scale: float,
    unconnected: tf.UnconnectedGradients = tf.UnconnectedGradients.NONE,
) -> Any:
    """∂value/∂sources by way of ∂(scale · value)/∂sources, so that float16 loses less of it."""
    if scale == 1:
        return tape.gradient(value, sources, unconnected_gradients=unconnected)
    found = tape.gradient(value, sources, tf.fill(tf.shape(value), scale), unconnected)
    return tf.nest.map_structure(
        lambda g: None if g is None else tf.math.scalar_mul(1 / scale, g), found
    )


def _gradient(
    tape: tf.GradientTape, value: tf.Tensor, sources: Tensors, scale: float = 1.0
) -> Tensors:
    """Dense gradients, zero where `value` does not depend on a source."""
    gradients = scaled_gradient(tape, value, sources, scale, tf.UnconnectedGradients.ZERO)
    return [tf.convert_to_tensor(g) for g in gradients]  # embeddings give IndexedSlices

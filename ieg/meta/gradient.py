"""The exact gradient of a look-ahead: the effect of a virtual training step on another loss.

Inner objective  I(θ, φ) = h(Z(θ), φ) + wd(θ), look-ahead  θ'(φ) = θ - α (μ m + ∇_θ I(θ, φ)),
outer loss  O(θ'). With v = ∇O(θ'),

    dO/dφ = -α ∂/∂φ ⟨∇_θ I(θ, φ), v⟩ = -α ∂/∂φ ⟨∂h/∂Z (Z, φ), Ż⟩,    Ż = J_Z(θ) v

since h sees the network only through its outputs Z and wd does not depend on φ. So one
forward-mode pass gives Ż, and a small gradient through the head remains. Nested tapes give the same
number through a second reverse pass; they serve networks without a forward mode.

The middle form holds because differentiation in φ and the inner product with a constant v commute,
the last by the chain rule through Z.

The look-ahead is that of L2R: Ren, Zeng, Yang and Urtasun, "Learning to Reweight Examples for
Robust Deep Learning", ICML 2018 (arXiv 1803.09050), algorithm 1, lines 4 to 9. Its momentum is that
of IEG: Zhang, Zhang, Arık, Lee and Pfister, "Distilling Effective Supervision from Severe Label
Noise", CVPR 2020 (arXiv 1910.00701), section 3.1.

With several replicas h and O are shares of sums over the global batch. Only ∇_θ I and v are added
up; the result for per-example φ belongs to the examples of this replica, and for φ that the
replicas have in common it is a share.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import tensorflow as tf

from ieg import replicas

Tensors: TypeAlias = "list[tf.Tensor]"


@dataclass(frozen=True)
class InnerProblem:
    """Virtual training step of a look-ahead.

    Attributes:
      predict: parameters → outputs Z, a tensor or a tree of tensors (logits of several views).
        Without side effects: moving statistics are the caller's.
      loss: (Z, φ) → this replica's share of h, a scalar.
      stepsize: α > 0.
      decay: coefficient of ½‖θ_j‖² for each parameter; None for no decay.
      momentum: μ in [0, 1).
      buffers: m, one tensor per parameter; needed when μ > 0.
      moving: indices of the parameters that take the step; None for all.
      loss_is_zero: h(Z, φ) vanishes for every Z at this φ, as a weighted sum does at weights zero;
        forward mode then spares the inner backward pass.
      scale: factor on the loss in every pass through the network, divided out of the results, so
        that networks in float16 do not lose small numbers.
      apart: run the forward-mode pass after the outer one and recompute its activations, so that no
        pass holds the activations of another; lowers peak memory.
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
    """Meta-gradient, and results on the way to it.

    Attributes:
      gradient: dO/dφ, in the structure of φ.
      params: θ', all parameters after the virtual step.
      outer_loss: this replica's share of O without weight decay, a scalar.
      aux: second result of the outer loss.
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
    """Meta-gradient dO(θ'(φ))/dφ of a look-ahead, exact to rounding in both modes.

    Formula and sources: see the top of this module.

    Args:
      inner: virtual training step.
      outer_loss: θ' → (this replica's share of the outer loss, anything else worth keeping).
      params: θ, tensors.
      phi: φ, a tensor or a tree of tensors.
      mode: "forward" or "nested".
      outer_decay: coefficient of ½‖θ'_j‖² in the outer loss for each parameter; None for none.
    Returns:
      the gradient in φ, with θ', the outer loss and its second result.
    Raises:
      ValueError: another mode, or momentum without buffers.

    Two examples pull a single parameter from 0 to 1 and to -1; the outer loss wants it at 1. With
    dO/dφ_i = (θ' - 1) · -α (θ - x_i) and α = 0.5, only more weight on the first lowers that loss:

    >>> x = tf.constant([1.0, -1.0])
    >>> inner = InnerProblem(
    ...     predict=lambda params: params[0] * tf.ones(2),
    ...     loss=lambda outputs, phi: tf.reduce_sum(phi * (outputs - x) ** 2 / 2),
    ...     stepsize=0.5,
    ... )
    >>> found = meta_gradient(
    ...     inner, lambda params: ((params[0] - 1) ** 2 / 2, None), [tf.constant(0.0)], tf.zeros(2)
    ... )
    >>> print(found.gradient.numpy())
    [-0.5  0.5]
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
    """Context whose operations wait for all of these tensors.

    In a graph this also keeps them apart from the same computation elsewhere, with which TensorFlow
    would otherwise merge them.

    Args:
      values: a tree of tensors; without any the context does nothing.
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
    """Share of the outer loss, its aux, and v = ∇O(θ') of the global batch."""
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
    unconnected: Literal["none", "zero"] = "none",
) -> Any:
    """Gradient ∂value/∂sources by way of ∂(scale · value)/∂sources, for networks in float16.

    Args:
      tape: tape that recorded `value`.
      value: tensor of any shape, whose sum is differentiated.
      sources: a tree of tensors.
      scale: above 0; a power of 2 changes no bit of a result that float16 can hold.
      unconnected: gradient for sources on which `value` does not depend: None or zeros.
    Returns:
      the tree of gradients, divided by `scale` again.

    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     square = x * x
    >>> print(scaled_gradient(tape, square, x, scale=1024.0).numpy())
    6.0
    """
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
    gradients = scaled_gradient(tape, value, sources, scale, "zero")
    return [tf.convert_to_tensor(g) for g in gradients]  # embeddings give IndexedSlices

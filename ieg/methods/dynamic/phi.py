"""φ, the weights of the two small networks, with the state of their Adam, in variables.

Each network has an Adam of its own. When margins take their first step the corrector has taken
those of the warm-up already, and a common counter would leave margins without bias correction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf

from ieg import replicas
from ieg.meta.adam import adam
from ieg.methods.dynamic import corrector, margins, perceptron

Tensors: TypeAlias = "list[tf.Tensor]"


class Phi(NamedTuple):
    """Weights of the two networks, or their gradients; empty for a part that is switched off."""

    corrector: Tensors
    margin: Tensors


def start(
    num_classes: int, *, ranks: int, width: int, classwise: bool, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Initial values of the variables of both networks, by name.

    Args:
      num_classes: K.
      ranks: R, number of loss ranks.
      width: hidden units.
      classwise: True for a corrector with one output per class, False for one output.
      rng: random numbers of the weights.
    """
    outputs = num_classes if classwise else 1
    networks = {
        "corrector": perceptron.start(
            ranks, width, outputs, last_bias=corrector.LAST_BIAS, rng=rng
        ),
        "margin": perceptron.start(1, width, num_classes, last_bias=margins.LAST_BIAS, rng=rng),
    }
    values: dict[str, np.ndarray] = {}
    for part, weights in networks.items():
        values[f"{part}_updates"] = np.array(0, np.int64)
        for name, weight in zip(perceptron.NAMES, weights, strict=True):
            values[f"{part}_{name}"] = weight
            values[f"{part}_{name}_mean"] = np.zeros_like(weight)
            values[f"{part}_{name}_square"] = np.zeros_like(weight)
    return values


def read(variables: Mapping[str, tf.Variable], part: str) -> Tensors:
    """Weights of the part "corrector" or "margin"."""
    return [tf.convert_to_tensor(v) for v in _slots(variables, part)]


def update(
    variables: Mapping[str, tf.Variable], phi: Phi, shares: Phi, learning_rate: float
) -> Phi:
    """Take one Adam step, in replica context.

    Args:
      variables: those of `start`, which are updated.
      phi: weights before the step.
      shares: this replica's share of the gradient; empty for a part that stays as it is.
      learning_rate: of Adam.
    Returns:
      weights after the step.
    """
    result = phi._asdict()
    for part, gradients in shares._asdict().items():
        if not gradients:
            continue
        mean, square = (_slots(variables, part, suffix) for suffix in ("_mean", "_square"))
        updates = variables[f"{part}_updates"]
        before = tf.convert_to_tensor(updates)
        weights, means, squares = adam(
            result[part],
            replicas.total(list(gradients)),
            [tf.convert_to_tensor(v) for v in mean],
            [tf.convert_to_tensor(v) for v in square],
            before,
            learning_rate=learning_rate,
        )
        kept = [*_slots(variables, part), *mean, *square, updates]
        replicas.assign(kept, [*weights, *means, *squares, before + 1])
        result[part] = weights
    return Phi(**result)


def _slots(variables: Mapping[str, tf.Variable], part: str, suffix: str = "") -> list[tf.Variable]:
    return [variables[f"{part}_{name}{suffix}"] for name in perceptron.NAMES]

"""Losses by name, for `--loss`: each file has a function, its options and its entry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import tensorflow as tf

from ieg.losses.label_guess import Mean
from ieg.registry import Registry


@dataclass(frozen=True)
class NoOptions:
    """For a loss that has no options of its own."""


class Course(NamedTuple):
    """What a loss may know of the run that it is used in.

    Attributes:
      class_counts: [K] examples to train on per given label.
      label_smoothing: in [0, 1).
      steps_per_epoch: steps in one pass over the training data.
      total_steps: of the whole run.
      accumulation_steps: batches for one update of the weights.
      mean: over the global batch, for losses that couple its examples.
    """

    class_counts: tuple[int, ...]
    label_smoothing: float
    steps_per_epoch: int
    total_steps: int
    accumulation_steps: int
    mean: Mean = tf.reduce_mean


class LossInput(NamedTuple):
    """One batch as a loss sees it.

    Attributes:
      labels: [B] integers in [0, K), the given ones.
      logits: [B, K] float32.
      step: scalar integer, 0-based.
      course: what is known of the run.
    """

    labels: tf.Tensor
    logits: tf.Tensor
    step: tf.Tensor
    course: Course


class LossOutput(NamedTuple):
    """What a loss says of a batch.

    Attributes:
      values: [B]; their mean over the global batch is the loss.
      monitors: [B] further numbers by name, whose means are logged.
    """

    values: tf.Tensor
    monitors: Mapping[str, tf.Tensor] = {}


#: (batch, options) → what to minimise.
LossFunction = Callable[[LossInput, Any], LossOutput]


@dataclass(frozen=True)
class LossEntry:
    """How a loss is registered.

    Attributes:
      compute: the loss of a batch.
      Options: a frozen dataclass; each field is a flag (see `ieg.options.option`).
      defaults: settings of the run that it wants, by the name of the flag.
      requires: settings of the run that it cannot do without.
      by_length: whether it depends on how long the whole run is.
      weighted_mean: whether class weights make a mean Σ w L / Σ w, rather than 1/B Σ w L.
    """

    compute: LossFunction
    Options: type = NoOptions
    defaults: Mapping[str, Any] = field(default_factory=dict)
    requires: Mapping[str, Any] = field(default_factory=dict)
    by_length: bool = False
    weighted_mean: bool = True


REGISTRY: Registry[LossEntry] = Registry("loss", "ieg.losses")

#: What losses require that know labels only as classes.
HARD_LABELS: Mapping[str, Any] = {"label_smoothing": 0.0}


def register(
    name: str, options: type = NoOptions, *, requires: Mapping[str, Any] = HARD_LABELS, **more: Any
) -> Callable[[LossFunction], LossFunction]:
    """Decorator for what computes a loss; the arguments are those of `LossEntry`."""

    def add(compute: LossFunction) -> LossFunction:
        REGISTRY.register(name)(LossEntry(compute, options, requires=requires, **more))
        return compute

    return add

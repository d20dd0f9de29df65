"""Registry of the losses that training can minimize, each in a file with its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import tensorflow as tf

from ieg.registry import Registry
from ieg.replicas import Mean, replica_mean


@dataclass(frozen=True)
class NoOptions:
    """Options of a loss that has none."""


class Course(NamedTuple):
    """Facts about a run that a loss may depend on.

    Attributes:
      class_counts: [K] training examples per given label.
      label_smoothing: in [0, 1).
      steps_per_epoch: steps in one pass over the training data.
      total_steps: steps of the whole run.
      accumulation_steps: batches per update of the weights.
      mean: mean over the global batch, for losses that couple its examples.
    """

    class_counts: tuple[int, ...]
    label_smoothing: float
    steps_per_epoch: int
    total_steps: int
    accumulation_steps: int
    mean: Mean = replica_mean


class LossInput(NamedTuple):
    """One batch as a loss sees it.

    Attributes:
      labels: [B] integers in [0, K), the given labels.
      logits: [B, K] float32.
      step: scalar integer, 0-based.
      course: facts about the run.
    """

    labels: tf.Tensor
    logits: tf.Tensor
    step: tf.Tensor
    course: Course


class LossOutput(NamedTuple):
    """Loss values of a batch, and numbers to log with them.

    Attributes:
      values: [B]; their mean over the global batch is minimized.
      monitors: name → [B]; their means are logged.
    """

    values: tf.Tensor
    monitors: Mapping[str, tf.Tensor] = {}


#: (batch, options) → loss values.
LossFunction = Callable[[LossInput, Any], LossOutput]


@dataclass(frozen=True)
class LossEntry:
    """A registered loss.

    Attributes:
      compute: loss of a batch.
      Options: frozen dataclass of its options (fields made by `ieg.options.option`).
      defaults: option of the run → default that the loss brings.
      requires: option of the run → the only value that the loss works with.
      by_length: True if the loss depends on the number of steps of the whole run.
      weighted_mean: True if class weights make a mean Σ w L / Σ w, False for 1/B Σ w L.
    """

    compute: LossFunction
    Options: type = NoOptions
    defaults: Mapping[str, Any] = field(default_factory=dict)
    requires: Mapping[str, Any] = field(default_factory=dict)
    by_length: bool = False
    weighted_mean: bool = True


REGISTRY: Registry[LossEntry] = Registry("loss", "ieg.losses")


def register(
    name: str,
    options: type = NoOptions,
    *,
    smooths_labels: bool = False,
    requires: Mapping[str, Any] | None = None,
    **more: Any,
) -> Callable[[LossFunction], LossFunction]:
    """Decorator that registers the function below it as a loss.

    Args:
      name: name of the loss, as a value of the option `loss`.
      options: frozen dataclass of its options.
      smooths_labels: True if the loss applies `course.label_smoothing` to the labels. A loss that
        does not, because it takes labels as classes, requires `label_smoothing=0`: a run that asks
        for smoothing is refused rather than trained without it.
      requires: further requirements, as in `LossEntry`.
      more: further attributes of `LossEntry`.
    """
    required = {**({} if smooths_labels else {"label_smoothing": 0.0}), **(requires or {})}

    def add(compute: LossFunction) -> LossFunction:
        REGISTRY.register(name)(LossEntry(compute, options, requires=required, **more))
        return compute

    return add

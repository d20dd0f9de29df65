"""Checks of the values that losses and methods return, made once when a step is traced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import tensorflow as tf

from ieg.errors import InputError
from ieg.evaluation import measures
from ieg.losses import LossOutput
from ieg.methods import REGISTRY, Method, StepOutput

_MEASURES = {m.key for m in measures.ON_TEST} | {m.key for m in measures.ON_TRAINING}

#: Columns of metrics.csv that every run has.
SCALARS = _MEASURES | {
    *("step", "epoch", "seconds", "learning_rate", "loss", "train_accuracy", "gradient_norm")
}

#: Columns of examples.csv that every run has, or each of some data sets.
PER_EXAMPLE = {
    *("index", "given_label", "true_label", "visits", "loss", "agreement"),
    *("path", "name", "given_class"),
}

Shape = tuple[int | None, ...]


def check_loss(name: str, found: LossOutput, labels: tf.Tensor) -> None:
    """Check the values of a loss.

    Args:
      name: of the loss.
      found: returned by it.
      labels: [B], of its batch.
    Raises:
      InputError: a value is not [B], or the name of a monitor is taken.
    """
    who, size = f"loss {name!r}", labels.shape[0]
    _check_kind(who, found, LossOutput)
    _check_names(who, "monitors", found.monitors, SCALARS)
    _check_shape(who, "values", found.values, (size,), "[B]")
    _check_shapes(who, "monitors", found.monitors, (size,), "[B]")


def check_step(method: Method, output: StepOutput, labels: tf.Tensor) -> None:
    """Check the results of a step.

    Args:
      method: computed it.
      output: returned by it.
      labels: [B], of this replica's part of the batch.
    Raises:
      InputError: a value has another shape than `StepOutput` says, a name is taken, or the values
        per example are not those that the method declares.
    """
    who, size = f"method {_name(method)!r}", labels.shape[0]
    _check_kind(who, output, StepOutput)
    _check_names(who, "scalars", output.scalars, SCALARS)
    _check_names(who, "per_example", output.per_example, PER_EXAMPLE)
    declared, returned = sorted(method.per_example), sorted(output.per_example)
    if declared != returned:
        raise InputError(
            f"{who}: per_example must be {declared}, as the method declares, got {returned}"
        )
    _check_shape(who, "loss", output.loss, (), "a scalar")
    _check_shape(who, "logits", output.logits, (size, method.context.num_classes), "[B, K]")
    _check_shapes(who, "scalars", output.scalars, (), "a scalar")
    _check_shapes(who, "per_example", output.per_example, (size,), "[B]")


def _name(method: Method) -> str:
    """The name that a method is registered under; that of its class without one."""
    names = [name for name, cls in REGISTRY.entries().items() if cls is type(method)]
    return names[0] if names else type(method).__name__


def _check_kind(who: str, found: Any, kind: type) -> None:
    if not isinstance(found, kind):
        raise InputError(f"{who} must return a {kind.__name__}, got {type(found).__name__}")


def _check_names(who: str, what: str, names: Iterable[str], taken: Set[str]) -> None:
    for name in names:
        if name in taken:
            raise InputError(f'{who}: {what}["{name}"]: every run has a value of this name')


def _check_shapes(who: str, what: str, values: Mapping[str, Any], wanted: Shape, text: str) -> None:
    for name, value in values.items():
        _check_shape(who, f'{what}["{name}"]', value, wanted, text)


def _check_shape(who: str, what: str, value: Any, wanted: Shape, text: str) -> None:
    """Check one value; a size that is not known when the step is traced passes."""
    if value is None:
        raise InputError(f"{who}: {what} must be {text}, got None")
    shape = tf.TensorShape(getattr(value, "shape", ()))  # none: a Python number
    if not shape.is_compatible_with(wanted):
        raise InputError(f"{who}: {what} must be {text}, got {shape.as_list()}")

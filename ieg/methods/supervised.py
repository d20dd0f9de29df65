"""Supervised training on the given labels, with any loss and with class weights.

Each loss names its source. Class weights follow the effective number of examples: Y. Cui, M. Jia,
T.-Y. Lin, Y. Song and S. Belongie, "Class-Balanced Loss Based on Effective Number of Samples", CVPR
2019 (arXiv 1901.05555). Their deferred start (`train_rule=drw`) is from K. Cao, C. Wei, A. Gaidon,
N. Arechiga and T. Ma, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss",
NeurIPS 2019 (arXiv 1906.07413).
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from ieg import replicas
from ieg.data.pipeline import Batch
from ieg.errors import InputError
from ieg.losses import REGISTRY as LOSSES
from ieg.losses import Course, LossInput, class_weighted, effective_number_weights
from ieg.methods import REGISTRY, Context, Method, StepOutput, StepState, outputs
from ieg.options import option

#: Share of the run before `drw` weights classes: 160 of 200 epochs in LDAM-DRW.
DRW_SHARE = 0.8


@dataclass(frozen=True)
class Options:
    """Options of supervised training, to which those of the loss are added."""

    loss: str = option("ce", "name of the training loss")
    train_rule: str = option(
        "none",
        "class weights: none, reweight (by the effective number of examples), or drw (deferred: "
        "the same, from --drw_epoch on)",
        choices=("none", "reweight", "drw"),
    )
    drw_epoch: int | None = option(
        None,
        "for --train_rule=drw: first epoch with class weights, counted from 0; unset: after four "
        "fifths of the run",
        at_least=0,
    )


@REGISTRY.register("supervised")
class Supervised(Method):
    """Trains on the mean of a loss over the batch."""

    Options = Options
    on_features: ClassVar[Mapping[str, Any]] = {"learning_rate": 0.01}
    curves: ClassVar = {
        "Trust in predictions": {
            "trust": "trust ε, mean of g·l",
            "global_trust": "global g",
            "local_trust": "local l, mean",
        },
        "Predictions on augmented images": {
            "train_entropy": "H(p) / log K",
            "train_max_p": "largest probability",
        },
    }

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self._loss = LOSSES.get(options.loss)
        labels = context.examples.given_labels[context.examples.train_indices]
        counts = np.bincount(labels, minlength=context.num_classes)
        self._course = Course(
            class_counts=tuple(counts.tolist()),
            label_smoothing=context.label_smoothing,
            steps_per_epoch=context.length.steps_per_epoch,
            total_steps=context.length.total_steps,
            accumulation_steps=context.update.accumulation_steps,
            mean=replicas.global_mean,
        )
        self._class_weights = effective_number_weights(counts)
        self._weighted_from = _weighted_from(options, context)

    def by_length(self) -> str | None:
        """Some losses, and the default start of `drw`, follow the length of the run."""
        if self._loss.by_length:
            return f"`loss={self.options.loss}` follows the share of the run that is over"
        if self.options.train_rule == "drw" and self.options.drw_epoch is None:
            return "`train_rule=drw` begins after four fifths of the run, which is later now"
        return None

    def variant(self, step: int) -> Hashable:
        """True if classes are weighted in this step."""
        return step >= self._weighted_from

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """L = 1/B Σ L_i, or Σ w_{y_i} L_i / Σ w_{y_i} with class weights."""
        with tf.GradientTape() as tape:
            tape.watch(state.params)
            logits, network_state = self.network(state.params, state.network_state, batch.image)
            seen = LossInput(batch.label, logits, state.step, self._course)
            found = self._loss.compute(seen, self.options)
            outputs.check_loss(self.options.loss, found, batch.label)
            values = found.values
            if variant:
                values = class_weighted(
                    values,
                    batch.label,
                    self._class_weights,
                    weighted_mean=self._loss.weighted_mean,
                    mean=replicas.global_mean,
                )
            loss = replicas.batch_mean(values)
        return StepOutput(
            gradients=self.gradient(tape, loss, state.params),
            network_state=network_state,
            loss=loss,
            logits=logits,
            scalars={name: replicas.batch_mean(x) for name, x in found.monitors.items()},
            per_example={},
        )


def _weighted_from(options: Options, context: Context) -> float:
    """First step with class weights; infinity without any.

    Raises:
      InputError: `drw_epoch` is not in this run, or is given without `train_rule=drw`.
    """
    if options.train_rule != "drw":
        if options.drw_epoch is not None:
            raise InputError(
                "goes only with `train_rule=drw`", option="drw_epoch", value=options.drw_epoch
            )
        return 0 if options.train_rule == "reweight" else float("inf")
    epochs = context.length.total_steps / context.length.steps_per_epoch
    if options.drw_epoch is None:
        return context.length.steps_per_epoch * int(DRW_SHARE * epochs)
    if options.drw_epoch >= epochs:
        raise InputError(
            f"must be below the {epochs:g} epochs of the run",
            option="drw_epoch",
            value=options.drw_epoch,
        )
    return options.drw_epoch * context.length.steps_per_epoch

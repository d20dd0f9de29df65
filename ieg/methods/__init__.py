"""Methods, one file each: what one training step computes. The trainer owns all that is the same.

A method is a subclass of `Method` registered by name. Its `Options` become flags by themselves.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf

from ieg.data.pipeline import Batch, EpochPlan
from ieg.meta import scaled_gradient
from ieg.registry import Registry
from ieg.update import UpdateRule


class Needs(NamedTuple):
    """What a method wants in its batches.

    Attributes:
      probe: clean examples, held out of the training data.
      strong: a second, strongly augmented view of the training images.
      plain: the first view is the image as it is (of an image file a random area, as ever), and the
        strong one is made from that.
      strong_probe: probe images come in the strong view.
      weights: those of an earlier run to start from, `--pretrained_ckpt`.
    """

    probe: bool = False
    strong: bool = False
    plain: bool = False
    strong_probe: bool = False
    weights: bool = False


@dataclass(frozen=True)
class NoOptions:
    """For a method that has no options of its own."""


class Examples(NamedTuple):
    """Labels of the training split; `Batch.index` points into it.

    Attributes:
      given_labels: [N].
      true_labels: [N], -1 where unknown.
      train_indices: [n] examples to train on.
    """

    given_labels: np.ndarray
    true_labels: np.ndarray
    train_indices: np.ndarray

    def purity(self, chosen: np.ndarray) -> float | None:
        """Share of right labels among the chosen examples with a known true label; None of none.

        Args:
          chosen: indices into the training split, of any shape.
        """
        true = self.true_labels[chosen]
        right = (true == self.given_labels[chosen])[true >= 0]
        return float(np.mean(right)) if right.size else None


class Length(NamedTuple):
    """Batches and steps of a run.

    Attributes:
      batch_size: global batch.
      replicas: number of replicas that share it.
      steps_per_epoch: steps in one pass over the training data.
      total_steps: of the whole run.
    """

    batch_size: int
    replicas: int
    steps_per_epoch: int
    total_steps: int


class Context(NamedTuple):
    """Knowledge of a method about its run.

    Attributes:
      model: the network.
      num_classes: K.
      examples: labels of the training split.
      length: batches and steps.
      update: the update of the weights, with the weight decay of each trainable variable.
      probe_decay: weight decay of each trainable variable in the loss of the probe batch.
      label_smoothing: in [0, 1), for the training loss.
      seed: the run's, for `keys.stateless_seed`.
      loss_scale: factor of losses on the way back through the network.
    """

    model: keras.Model
    num_classes: int
    examples: Examples
    length: Length
    update: UpdateRule
    probe_decay: list[float]
    label_smoothing: float
    seed: int
    loss_scale: float = 1.0


class StepState(NamedTuple):
    """What a step starts from, all as tensors.

    Attributes:
      step: scalar int64, 0-based.
      learning_rate: scalar float32.
      params: θ, trainable variables of the network in its order.
      network_state: its other variables (moving statistics), in its order.
      buffers: momentum buffers, one for each of `params`.
      variables: what the method's `init_state` made.
    """

    step: tf.Tensor
    learning_rate: tf.Tensor
    params: list[tf.Tensor]
    network_state: list[tf.Tensor]
    buffers: list[tf.Tensor]
    variables: Mapping[str, tf.Variable]


class StepOutput(NamedTuple):
    """What a step hands to the trainer; sums over the global batch are given as shares.

    Attributes:
      gradients: share of the gradient of the training loss without weight decay, one for each of
        `params`; None leaves that variable as it is.
      network_state: the network's other variables after the step.
      loss: share of the training loss without weight decay, a scalar.
      logits: [B, K] for the training images, for monitoring: of the view, and at the weights, for
        which the step computes them anyway.
      scalars: shares of further numbers to log, by name; nan where a step has none.
      per_example: [B] float32 values by name, kept in the ledger.
    """

    gradients: list[tf.Tensor | None]
    network_state: list[tf.Tensor]
    loss: tf.Tensor
    logits: tf.Tensor
    scalars: Mapping[str, tf.Tensor]
    per_example: Mapping[str, tf.Tensor]


#: What a pass gives of each image.
What = Literal["logits", "features"]


class Predict(Protocol):
    """Outputs of the network as it is now, in inference mode; called: for plain training images."""

    def __call__(self, indices: np.ndarray, what: What = "logits") -> np.ndarray:
        """[n] examples → [n, K] logits, or [n, D] what the classifier sees."""

    def of_steps(
        self, first: int, stop: int, what: What = "logits", *, strong: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same for the augmented images that the run's sampler draws for first .. stop - 1.

        Returns:
          [n] examples, and [n, K] or [n, D].
        """

    def of_evaluation(self, what: What = "logits") -> tuple[np.ndarray, np.ndarray]:
        """The same for the split that accuracy is measured on.

        Returns:
          [M] labels, and [M, K] or [M, D].
        """


class Record(NamedTuple):
    """What the figures of a method may be drawn from.

    Attributes:
      variables: what its `init_state` made, as the checkpoint has it.
      metrics: column of metrics.csv → [evaluations] up to that checkpoint, nan where unknown.
      examples: column of examples.csv → [n], one entry for each of `train_indices`.
      class_names: K names.
      noise_rate: share of wrong labels that was asked for, or what was measured; None: unknown.
      title: what was run.
      figure_format: ending of the files.
    """

    variables: Mapping[str, tf.Variable]
    metrics: Mapping[str, np.ndarray]
    examples: Mapping[str, np.ndarray]
    class_names: tuple[str, ...]
    noise_rate: float | None
    title: str
    figure_format: str


class Method:
    """One way to train.

    Class attributes:
      Options: a frozen dataclass; each field is a flag (see `ieg.options.option`). A field `loss`
        names an entry of `ieg.losses`, whose options come on top.
      defaults: settings of the run that this method wants, by the name of the flag.
      requires: settings of the run that it cannot do without.
      needs: what its batches carry.
      per_example: names of the values that `step` returns per example.
      curves: what to draw of the logged scalars: title of a panel → scalar → its name there.
      by_epoch: whether `on_epoch` and `plan` have work to do.

    Args:
      options: an instance of `Options`.
      context: what a method may know of the run.
    """

    Options: ClassVar[type] = NoOptions
    defaults: ClassVar[Mapping[str, Any]] = {}
    requires: ClassVar[Mapping[str, Any]] = {}
    needs: ClassVar[Needs] = Needs()
    per_example: ClassVar[tuple[str, ...]] = ()
    curves: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    by_epoch: ClassVar[bool] = False

    def __init__(self, options: Any, context: Context) -> None:
        self.options = options
        self.context = context

    def init_state(self) -> dict[str, tf.Variable]:
        """Variables of the method's own: per example, tables, second optimizers; checkpointed.

        Created inside the strategy's scope, by all workers together: what a method refuses, or
        reads from a file, belongs into `__init__`. Write them with `replicas.assign`.
        """
        return {}

    def on_epoch(
        self, epoch: int, variables: Mapping[str, tf.Variable], predict: Predict
    ) -> Mapping[str, float]:
        """Work on the host before an epoch, once for each, on what `init_state` made.

        Args:
          epoch: the 0-based one that is about to begin.
          variables: what to change; all that later steps and `plan` depend on goes here.
          predict: passes over the training images, as many as are wanted.
        Returns:
          what to log.
        """
        return {}

    def by_length(self) -> str | None:
        """What becomes another when the run is made longer, in words; None: nothing does."""
        return None

    def plan(self, epoch: int, variables: Mapping[str, tf.Variable]) -> EpochPlan:
        """Which examples the steps of an epoch see; asked after `on_epoch`, and on every resume.

        So it must be a function of its arguments alone: draw with `keys.generator`.
        """
        return EpochPlan()

    def learning_rate(self, step: int, scheduled: float) -> float:
        """The rate of a step; `scheduled` is what the flags of the schedule make of it."""
        return scheduled

    def variant(self, step: int) -> Hashable:
        """Which traced step runs now: `step` is traced once per value.

        Phases go here rather than into `tf.cond`, where neither updates nor collectives work.
        """
        return None

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """One training step in replica context; it computes and changes nothing of the trainer's.

        Args:
          batch: this replica's part of the global batch, with what `needs` asks for.
          state: what the step starts from.
          variant: what `variant` returned for this step; a Python value, so `if` is resolved when
            the step is traced.
        Returns:
          gradients and what else the trainer applies, logs and records.
        """
        raise NotImplementedError

    def draw(self, record: Record, folder: Path) -> list[Path]:
        """Figures of what the method has learned: the files, written to `folder`.

        Drawn at the end of training and by --mode=visualize.
        """
        return []

    def network(
        self, params: list[tf.Tensor], network_state: list[tf.Tensor], images: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The network in training mode: logits [B, K] and its other variables afterwards."""
        return self.context.model.stateless_call(params, network_state, images, training=True)

    def gradient(self, tape: tf.GradientTape, loss: tf.Tensor, sources: Any) -> Any:
        """∂loss/∂sources, through the network; None where the loss does not depend on a source."""
        return scaled_gradient(tape, loss, sources, self.context.loss_scale)


REGISTRY: Registry[type[Method]] = Registry("method", __name__)

"""Training methods, one file each; the trainer owns everything that they have in common.

A method is a subclass of `Method` that computes one training step, registered under a name. The
fields of its `Options` become flags.
"""

from __future__ import annotations

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
    """Requirements of a method on its batches and its start.

    Attributes:
      probe: a probe set, clean examples held out of the training data.
      strong: a second, strongly augmented view of the training images.
      plain: a first view without augmentation (for image files still a random area), from which
        the strong one is made.
      strong_probe: probe images in the strong view.
      weights: weights of an earlier run to start from (`pretrained_ckpt`).
      posterior: in fine-tuning, a closed-form head's posterior of the true classes to train on;
        probe examples are trained on as well, by their labels.
    """

    probe: bool = False
    strong: bool = False
    plain: bool = False
    strong_probe: bool = False
    weights: bool = False
    posterior: bool = False


@dataclass(frozen=True)
class NoOptions:
    """Options of a method that has none of its own."""


class Examples(NamedTuple):
    """Labels of the training split, which `Batch.index` points into.

    Attributes:
      given_labels: [N] integers in [0, K).
      true_labels: [N] likewise, -1 where unknown.
      train_indices: [n] examples to train on.
    """

    given_labels: np.ndarray
    true_labels: np.ndarray
    train_indices: np.ndarray

    def purity(self, chosen: np.ndarray) -> float | None:
        """Share of right labels among chosen examples; None if no true label of theirs is known.

        Args:
          chosen: indices into the training split, of any shape.
        """
        true = self.true_labels[chosen]
        right = (true == self.given_labels[chosen])[true >= 0]
        return float(np.mean(right)) if right.size else None


class Length(NamedTuple):
    """Batch size and number of steps of a run.

    Attributes:
      batch_size: examples in a global batch.
      replicas: number of replicas that share it.
      steps_per_epoch: steps in one pass over the training data.
      total_steps: steps of the whole run.
    """

    batch_size: int
    replicas: int
    steps_per_epoch: int
    total_steps: int

    def within(self, option: str, epochs: int) -> str | None:
        """Sentence on a run that ends within the epochs before a method begins; otherwise None.

        Args:
          option: name of the option that holds their number.
          epochs: their number.

        >>> Length(100, 1, 50, 750).within("meta_start_epoch", 15)
        'all 15 epochs of the run are plain training, by `meta_start_epoch=15`'
        >>> Length(100, 1, 50, 751).within("meta_start_epoch", 15)
        """
        if self.total_steps > epochs * self.steps_per_epoch:
            return None
        whole = f"{self.total_steps / self.steps_per_epoch:.3g}"
        return f"all {whole} epochs of the run are plain training, by `{option}={epochs}`"


class Context(NamedTuple):
    """The run as a method sees it.

    Attributes:
      model: the network.
      num_classes: K.
      examples: labels of the training split.
      length: batch size and number of steps.
      update: update rule of the weights, with the weight decay of each trainable variable.
      probe_decay: weight decay of each trainable variable in the loss of the probe batch.
      label_smoothing: in [0, 1), for the training loss.
      seed: seed of the run, for `keys.stateless_seed`.
      loss_scale: factor on losses in backward passes through the network.
      posterior: [N, K] P(true class | image, given label) by a closed-form head, for a method that
        needs it in fine-tuning; otherwise None.
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
    posterior: np.ndarray | None = None


class StepState(NamedTuple):
    """Training state before a step; all but `variables` as tensors.

    Attributes:
      step: scalar int64, 0-based.
      learning_rate: scalar float32.
      params: θ, values of the network's trainable variables, in its order.
      network_state: values of its other variables (moving statistics), in its order.
      buffers: momentum buffers, one for each of `params`.
      variables: the method's own variables, from `init_state`.
    """

    step: tf.Tensor
    learning_rate: tf.Tensor
    params: list[tf.Tensor]
    network_state: list[tf.Tensor]
    buffers: list[tf.Tensor]
    variables: Mapping[str, tf.Variable]


class StepOutput(NamedTuple):
    """Results of a step on one replica, for the trainer.

    A share is this replica's part of a sum over the global batch: the trainer adds up the shares.

    Attributes:
      gradients: shares of the gradient of the training loss without weight decay, one for each of
        `params`; None leaves that variable as it is.
      network_state: values of the network's other variables after the step.
      loss: share of the training loss without weight decay, a scalar.
      logits: [B, K] for the training images, for monitoring. Any view and any weights will do, so
        that a step returns logits which it computes anyway.
      scalars: name → share of a number to log; nan where a step has none.
      per_example: name → [B] float32, averaged for each example in the ledger.
    """

    gradients: list[tf.Tensor | None]
    network_state: list[tf.Tensor]
    loss: tf.Tensor
    logits: tf.Tensor
    scalars: Mapping[str, tf.Tensor]
    per_example: Mapping[str, tf.Tensor]


#: Output of a pass through the network: [n, K] logits, or [n, D] inputs of the classifier.
Output = Literal["logits", "features"]


class Predict(Protocol):
    """Passes through the network with its current weights, in inference mode."""

    def __call__(self, indices: np.ndarray, output: Output = "logits") -> np.ndarray:
        """Outputs for training images without augmentation.

        Args:
          indices: [n] examples of the training split.
          output: "logits" or "features".
        Returns:
          [n, K] or [n, D].
        """

    def of_steps(
        self, first: int, stop: int, output: Output = "logits", *, strong: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Outputs for the augmented images that the sampler draws for steps first .. stop - 1.

        Args:
          first, stop: steps.
          output: "logits" or "features".
          strong: True for the strong view.
        Returns:
          [n] examples, and [n, K] or [n, D].
        """

    def of_evaluation(self, output: Output = "logits") -> tuple[np.ndarray, np.ndarray]:
        """Outputs for the split that accuracy is measured on.

        Returns:
          [M] labels, and [M, K] or [M, D].
        """


class Record(NamedTuple):
    """Record of a run at a checkpoint, from which a method draws its figures.

    Attributes:
      variables: the method's own variables, from `init_state`.
      metrics: column of metrics.csv → [evaluations] up to the checkpoint, nan where unknown.
      examples: column of examples.csv → [n], one entry for each of `train_indices`.
      class_names: K names.
      noise_rate: requested share of wrong labels, or else the measured one; None if unknown.
      title: method, data and noise rate of the run, in words.
      figure_format: suffix of the files, for example "png".
    """

    variables: Mapping[str, tf.Variable]
    metrics: Mapping[str, np.ndarray]
    examples: Mapping[str, np.ndarray]
    class_names: tuple[str, ...]
    noise_rate: float | None
    title: str
    figure_format: str


class Method:
    """Training method: a subclass computes one step and declares what it needs and logs.

    Class attributes:
      Options: a frozen dataclass; each field is a flag (see `ieg.options.option`). A field `loss`
        names an entry of `ieg.losses`, whose options are added.
      defaults: flag → default of a common setting under this method.
      requires: flag → the only value of a common setting that this method works with.
      on_features: flag → default on frozen features of a backbone, where it differs from
        `ieg.features.preset`.
      closed_form: True if on such features the result is there before the first step.
      needs: content of its batches.
      per_example: names of the values that `step` returns per example.
      curves: panels of a figure of logged scalars: title of a panel → scalar → its name there.
      by_epoch: True if the method overrides `on_epoch` or `plan`; set for each subclass.
      sums_as_written: True if its step has the same bits in every process only without TensorFlow's
        arithmetic optimization, see `ieg.training.devices.keep_order_of_sums`.

    Args:
      options: an instance of `Options`.
      context: the run.
    """

    Options: ClassVar[type] = NoOptions
    defaults: ClassVar[Mapping[str, Any]] = {}
    requires: ClassVar[Mapping[str, Any]] = {}
    on_features: ClassVar[Mapping[str, Any]] = {}
    closed_form: ClassVar[bool] = False
    needs: ClassVar[Needs] = Needs()
    per_example: ClassVar[tuple[str, ...]] = ()
    curves: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    by_epoch: ClassVar[bool] = False
    sums_as_written: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.by_epoch = cls.on_epoch is not Method.on_epoch or cls.plan is not Method.plan

    def __init__(self, options: Any, context: Context) -> None:
        self.options = options
        self.context = context

    @staticmethod
    def probe_size(batch_size: int, num_classes: int) -> int:
        """Clean probe examples beside so many training examples, unless they are typed."""
        return batch_size

    def init_state(self) -> dict[str, tf.Variable]:
        """Create variables of the method's own (per example, tables, second optimizers), by name.

        They are saved in checkpoints; make them with `replicas.variable`, write to them with
        `replicas.assign`. All workers create them together inside the strategy's scope, so errors
        and the reading of files belong in `__init__`.
        """
        return {}

    def on_epoch(
        self, epoch: int, variables: Mapping[str, tf.Variable], predict: Predict
    ) -> Mapping[str, float]:
        """Work on the host, once before each epoch.

        Args:
          epoch: 0-based number of the epoch that is about to begin.
          variables: the method's own, to be changed; results that later steps or `plan` depend on
            belong here.
          predict: passes over the training images, as many as the method wants.
        Returns:
          name → number to log.
        """
        return {}

    def by_length(self) -> str | None:
        """Sentence on what depends on the length of the run, if anything does; otherwise None.

        It is shown when a run resumes with more steps. Options in it stand in backquotes.
        """
        return None

    def too_short(self) -> str | None:
        """Sentence on a run that ends before the method begins; otherwise None.

        It is shown before training. Options in it stand in backquotes.
        """
        return None

    def plan(self, epoch: int, variables: Mapping[str, tf.Variable]) -> EpochPlan:
        """Select the examples of each step of an epoch.

        Called after `on_epoch` and on every resume, so it must be a function of its arguments
        alone: draw with `keys.generator`.
        """
        return EpochPlan()

    def learning_rate(self, step: int, scheduled: float) -> float:
        """Learning rate of a step.

        Args:
          step: 0-based.
          scheduled: learning rate by the schedule of the run.
        """
        return scheduled

    def variant(self, step: int) -> Hashable:
        """Key of the traced step that runs now; `step` is traced once for each value.

        Phases of a method belong here rather than in a `tf.cond`, in which neither updates nor
        collectives work.
        """
        return None

    def step(self, batch: Batch, state: StepState, variant: Hashable) -> StepOutput:
        """Compute one training step, in replica context; the trainer applies, logs and records it.

        Args:
          batch: this replica's part of the global batch, with everything in `needs`.
          state: training state before the step.
          variant: result of `variant` for this step, a Python value: an `if` on it is resolved when
            the step is traced.
        """
        raise NotImplementedError

    def draw(self, record: Record, folder: Path) -> list[Path]:
        """Draw figures of what the method has learned, at the end of training or on request.

        Returns:
          the files, written to `folder`.
        """
        return []

    def network(
        self, params: list[tf.Tensor], network_state: list[tf.Tensor], images: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Logits [B, K] of the network in training mode, and its other variables afterwards."""
        return self.context.model.stateless_call(params, network_state, images, training=True)

    def gradient(self, tape: tf.GradientTape, loss: tf.Tensor, sources: Any) -> Any:
        """∂loss/∂sources through the network; None where the loss does not depend on a source."""
        return scaled_gradient(tape, loss, sources, self.context.loss_scale)


REGISTRY: Registry[type[Method]] = Registry("method", __name__)

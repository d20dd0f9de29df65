"""The experiment: data, network, method and training state, built from a configuration."""

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from ieg import construction
from ieg.backbones import Backbone
from ieg.checkpoints import Checkpoints
from ieg.config import Config
from ieg.data.dataset import Dataset
from ieg.data.holdout import Fold
from ieg.data.images import Images
from ieg.data.pipeline import Pipeline
from ieg.errors import InputError
from ieg.evaluation import evaluate
from ieg.features.gaussian import GaussianHead
from ieg.features.store import Progress
from ieg.methods import Method, Output
from ieg.networks import parts
from ieg.passes import Predictor, TrainingPass
from ieg.runs.folder import RunFolder
from ieg.training import schedules
from ieg.training.ledger import Ledger
from ieg.training.state import TrainState
from ieg.training.step import COMMON_COLUMNS, TrainSteps
from ieg.training.trainer import Plan, Trainer
from ieg.training.workers import Workers

#: Steps that a call from the host runs, unless `--steps_per_execution` says otherwise ..
STEPS_PER_EXECUTION = 10
#: .. or the images of so many batches are more numbers than this, for each replica and view.
LARGEST_BLOCK = 2**22


@dataclass(frozen=True)
class Experiment:
    """Everything that one run consists of, built and checked; nothing is written yet.

    Attributes:
      config: the resolved configuration.
      deterministic: whether the run is the same bit for bit each time.
      strategy: whose replicas share the work.
      workers: the processes that it spans.
      dataset: what it trains on and is tested on.
      backbone: pretrained network, frozen in front of the model or trained as a part of it; None
        without one.
      features: of the training images by that network as it came; None without one.
      head: closed-form head on these features, or None.
      model: the network.
      start: where its weights come from, in words.
      method: what a step computes.
      pipeline: batches by step.
      state: all that training changes.
      checkpoints: of that state.
      folder: where results go.
      fold: the part of the training examples that is left out to be scored; None: all train.
    """

    config: Config
    deterministic: bool
    strategy: tf.distribute.Strategy
    workers: Workers
    dataset: Dataset
    backbone: Backbone | None
    features: Images | None
    head: GaussianHead | None
    model: keras.Model
    start: str
    method: Method
    pipeline: Pipeline
    state: TrainState
    checkpoints: Checkpoints
    folder: RunFolder
    fold: Fold | None = None

    @property
    def last_step(self) -> int:
        """Steps of the whole run."""
        return self.method.context.length.total_steps

    def steps(self, *, block: int = 1) -> TrainSteps:
        """The compiled training steps, for blocks of so many batches."""
        rule, jit = self.method.context.update, self.config.training.jit_compile
        return TrainSteps(self.strategy, self.method, self.state, rule, block=block, jit=jit)

    def _block(self) -> int:
        """Steps for each call from the host; of large images one, which takes long enough alone."""
        training = self.config.training
        if training.steps_per_execution is not None:
            return training.steps_per_execution
        values = training.batch_size * math.prod(self.dataset.train.inputs.shape[1:])
        return max(1, min(STEPS_PER_EXECUTION, LARGEST_BLOCK // values))

    def schedule(self) -> schedules.Schedule:
        """The learning rate by step.

        Raises:
          InputError: the settings of the schedule do not fit together.
        """
        length = self.method.context.length
        scheduled = schedules.from_settings(
            self.config.training,
            steps_per_epoch=length.steps_per_epoch,
            total_steps=length.total_steps,
        )
        return lambda step: self.method.learning_rate(step, scheduled(step))

    def warmup_steps(self) -> int:
        """Steps in which the learning rate rises."""
        return schedules.warmup_length(self.config.training, self.pipeline.steps_per_epoch)

    def plan(self) -> Plan:
        """Evaluations every eval_freq steps, at the ends of cosine cycles and at the end.

        Raises:
          InputError: the run is too short for an update.
        """
        last, batches = self.last_step, self.config.training.accumulation_steps
        if batches > last:
            raise InputError(
                f"the run has {last} steps, so nothing would be learned; give fewer, or more "
                "`max_iteration`",
                option="accumulation_steps",
                value=batches,
            )
        frequency = self.config.evaluation.eval_freq
        every = max(1, frequency // self.strategy.num_replicas_in_sync)
        cycles = schedules.cycle_ends(
            self.config.training, steps_per_epoch=self.pipeline.steps_per_epoch, total_steps=last
        )
        after = {*range(every, last, every), last, *cycles}
        return Plan(last_step=last, evaluate_after=frozenset(after))

    def trainer(
        self,
        plan: Plan,
        console: Console,
        *,
        evaluate: Callable[[int, float, Mapping[str, float]], None],
        saved: Callable[[int], None],
    ) -> Trainer:
        """The trainer of the experiment; the arguments are those of `Trainer`."""
        return Trainer(
            strategy=self.strategy,
            workers=self.workers,
            method=self.method,
            pipeline=self.pipeline,
            state=self.state,
            steps=self.steps(block=self._block()),
            schedule=self.schedule(),
            plan=plan,
            checkpoints=self.checkpoints,
            predict=self.training_pass(),
            evaluate=evaluate,
            saved=saved,
            console=console,
        )

    def seen_shape(self) -> tuple[int, ...]:
        """Shape of an example as the network, or the backbone in front of it, sees it."""
        if self.backbone is None:
            return self.dataset.train.images.shape[1:]
        return self.backbone.model.input_shape[1:]

    def square(self) -> int | None:
        """Side of the square that the backbone sees of each image."""
        return None if self.backbone is None else self.backbone.card.side

    def test(self, predict: Predictor) -> dict[str, Any]:
        """Measures on the evaluation split, see `evaluate.on_split`, of one of the `predictor`s."""
        return evaluate.on_split(
            predict,
            self.dataset,
            many_above=self.config.evaluation.many_shot_above,
            few_below=self.config.evaluation.few_shot_below,
        )

    def predictor(
        self, weights: list[tf.Variable], output: Output = "logits", batch_size: int | None = None
    ) -> Predictor:
        """The network in inference mode with these weights; in batches of evaluations."""
        return Predictor(
            self.model,
            weights,
            self.state.network_state,
            self.strategy,
            self.dataset.weak,
            output=output,
            batch_size=batch_size or self.config.evaluation.val_batch_size,
        )

    def training_pass(self) -> TrainingPass:
        """Passes over the training images for the method's work between epochs."""
        size = self.config.training.batch_size
        return TrainingPass(
            self.dataset,
            self.pipeline,
            self.strategy,
            lambda output: self.predictor(self.state.params, output, size),
        )


def folder_of(config: Config, fold: Fold | None = None) -> RunFolder:
    """The run folder; that of a fold or another part lies below that of its run."""
    folder = RunFolder.of(
        config.run.checkpoint_path,
        config.dataset.folder(config.data.label_corrections),
        config.network.network_name,
        config.run.method,
        config.run.seed,
    )
    part = config.part if fold is None else f"fold{fold.number}"
    return RunFolder(folder.path / part) if part else folder


def build(config: Config, fold: Fold | None = None, progress: Progress | None = None) -> Experiment:
    """Data, network, method and state of a run.

    Args:
      config: the resolved configuration.
      fold: part of the training examples to leave out, or None.
      progress: told of the images whose features are computed first.
    Raises:
      InputError: something does not fit together; nothing has been written.
    """
    deterministic, strategy, workers = construction.devices(config)
    construction.check(config)
    with strategy.scope() if config.trains_backbone else contextlib.nullcontext():
        backbone = construction.backbone(config)
    data = workers.each(lambda: construction.dataset(config, fold, backbone))
    workers.require_same({"the digest of images and labels": data.digest})
    data = workers.each(lambda: construction.with_features(config, data, backbone, progress))
    dataset = construction.as_trained(config, data)
    number = strategy.num_replicas_in_sync
    pipeline = construction.pipeline(config, dataset, number)
    head = construction.gaussian_head(config, data)
    posterior = construction.posterior(config, data, head)
    with strategy.scope():
        folder = folder_of(config, fold)
        model = construction.network(config, data, backbone)
        workers.each(lambda: construction.load_head(config, model, folder))
        model = construction.with_backbone(config, data, backbone, model)
        start = workers.each(lambda: construction.starting_weights(config, model, folder, head))
        if config.network.sync_batch_norm:
            parts.synchronize_batch_norm(model)
        context = construction.context(config, dataset, model, pipeline, number, posterior)
        method = workers.each(lambda: config.method(config.options, context))
        ledger = Ledger(len(dataset.given_labels), COMMON_COLUMNS + method.per_example)
        state = TrainState(
            model,
            method.init_state(),
            ledger,
            use_ema=config.training.use_ema,
            accumulate=config.training.accumulation_steps > 1,
        )
    experiment = Experiment(
        config=config,
        deterministic=deterministic,
        strategy=strategy,
        workers=workers,
        dataset=dataset,
        backbone=backbone,
        features=data.train.features,
        head=head,
        model=model,
        start=start,
        method=method,
        pipeline=pipeline,
        state=state,
        checkpoints=Checkpoints(state.checkpoint(), folder.checkpoints),
        folder=folder,
        fold=fold,
    )
    experiment.schedule()  # this and the next raise before the folder is made
    experiment.plan()
    return experiment

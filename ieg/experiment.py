"""Where everything meets: a configuration becomes data, network, method and training state."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from ieg import construction
from ieg.checkpoints import Checkpoints
from ieg.config import Config, Settings
from ieg.data import names
from ieg.data.dataset import Dataset
from ieg.data.holdout import Fold
from ieg.data.pipeline import Pipeline
from ieg.errors import InputError
from ieg.evaluation import evaluate
from ieg.methods import REGISTRY as METHODS
from ieg.methods import Method, What
from ieg.networks import parts
from ieg.passes import Predictor, TrainingPass
from ieg.runs.folder import RunFolder
from ieg.training import schedules
from ieg.training.ledger import Ledger
from ieg.training.state import TrainState
from ieg.training.step import COMMON_COLUMNS, TrainSteps, UpdateRule
from ieg.training.trainer import Plan, Trainer
from ieg.training.workers import Workers

#: What `Settings.facts` may hold.
BROUGHT = frozenset({"augmentation", "network"})

#: Steps that a call from the host runs, unless `--steps_per_execution` says otherwise ..
STEPS_PER_EXECUTION = 10
#: .. or the images of so many batches are more numbers than this, for each replica and view.
LARGEST_BLOCK = 2**22


@dataclass(frozen=True)
class Experiment:
    """Everything that one run consists of, built and checked; nothing is written yet.

    Attributes:
      settings: the resolved configuration.
      deterministic: whether the run is the same bit for bit each time.
      strategy: whose replicas share the work.
      workers: the processes that it spans.
      dataset: what it trains on and is tested on.
      model: the network.
      start: where its weights come from, in words.
      method: what a step computes.
      pipeline: batches by step.
      state: all that training changes.
      checkpoints: of that state.
      folder: where results go.
      fold: the part of the training examples that is left out to be scored; None: all train.
    """

    settings: Settings
    deterministic: bool
    strategy: tf.distribute.Strategy
    workers: Workers
    dataset: Dataset
    model: keras.Model
    start: str
    method: Method
    pipeline: Pipeline
    state: TrainState
    checkpoints: Checkpoints
    folder: RunFolder
    fold: Fold | None = None

    @property
    def config(self) -> Config:
        """What all methods have in common."""
        return self.settings.config

    @property
    def last_step(self) -> int:
        """Steps of the whole run."""
        return self.method.context.total_steps

    def rule(self) -> UpdateRule:
        """How gradients become new weights."""
        return UpdateRule(
            momentum=self.config.momentum,
            clip_norm=self.config.clip_norm,
            accumulation_steps=self.config.accumulation_steps,
            decay=self.method.context.decay,
        )

    def steps(self, *, block: int = 1) -> TrainSteps:
        """The compiled training steps, for blocks of so many batches."""
        jit = self.config.jit_compile
        return TrainSteps(self.strategy, self.method, self.state, self.rule(), block=block, jit=jit)

    def _block(self) -> int:
        """Steps for each call from the host; of large images one, which takes long enough alone."""
        if self.config.steps_per_execution is not None:
            return self.config.steps_per_execution
        values = self.config.batch_size * math.prod(self.dataset.train.images.shape[1:])
        return max(1, min(STEPS_PER_EXECUTION, LARGEST_BLOCK // values))

    def schedule(self) -> schedules.Schedule:
        """The learning rate by step.

        Raises:
          InputError: the schedule's flags do not fit together.
        """
        config = self.config
        decay_steps = self._decay_steps()
        try:
            scheduled = schedules.from_name(
                config.lr_schedule,
                learning_rate=config.learning_rate,
                total_steps=self.last_step,
                steps_per_epoch=self.pipeline.steps_per_epoch,
                decay_steps=decay_steps,
                decay_rate=config.decay_rate,
                cos_t_mul=config.cos_t_mul,
                cos_m_mul=config.cos_m_mul,
                warmup_steps=self.warmup_steps(),
            )
        except ValueError as error:
            raise InputError(f"--lr_schedule={config.lr_schedule}: {error}") from None
        return lambda step: self.method.learning_rate(step, scheduled(step))

    def plan(self) -> Plan:
        """Evaluations every eval_freq steps, at the ends of cosine cycles and at the end.

        Raises:
          InputError: the run is too short for an update.
        """
        last, batches = self.last_step, self.config.accumulation_steps
        if batches > last:
            raise InputError(
                f"--accumulation_steps={batches}: the run has {last} steps, so nothing would be "
                "learned; give fewer, or more --max_iteration"
            )
        every = max(1, self.config.eval_freq // self.strategy.num_replicas_in_sync)
        after = {*range(every, last, every), last}
        warmup = self.warmup_steps()
        if self.config.lr_schedule in ("cosine", "cosine_warmup") and warmup < last:
            cycles = schedules.restart_steps(
                self._decay_steps()[0], self.config.cos_t_mul, last - warmup
            )
            after.update(warmup + step for step in cycles)
        return Plan(last_step=last, evaluate_after=frozenset(after))

    def trainer(
        self,
        plan: Plan,
        console: Console,
        *,
        evaluate: Callable[[int, float, Mapping[str, float]], None],
        saved: Callable[[int], None],
    ) -> Trainer:
        """What trains it; the arguments are those of `Trainer`."""
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

    def test(self, predict: Predictor) -> dict[str, Any]:
        """What `evaluate.on_split` says of one of the `predictor`s."""
        return evaluate.on_split(
            predict,
            self.dataset,
            many_above=self.config.many_shot_above,
            few_below=self.config.few_shot_below,
        )

    def predictor(
        self, weights: list[tf.Variable], what: What = "logits", batch_size: int | None = None
    ) -> Predictor:
        """The network in inference mode with these weights; in batches of evaluations."""
        return Predictor(
            self.model,
            weights,
            self.state.network_state,
            self.strategy,
            self.dataset.weak,
            what=what,
            batch_size=batch_size or self.config.val_batch_size,
        )

    def training_pass(self) -> TrainingPass:
        """What methods see images with between epochs."""
        size = self.config.batch_size
        return TrainingPass(
            self.dataset,
            self.pipeline,
            self.strategy,
            lambda what: self.predictor(self.state.params, what, size),
        )

    def _decay_steps(self) -> list[int]:
        config, origins = self.config, self.settings.origins
        name = "decay_epochs" if config.decay_steps is None else "decay_steps"
        if config.lr_schedule == "custom_step" and origins[name] == "default":
            raise InputError(
                "--lr_schedule=custom_step needs its milestones: --decay_epochs or --decay_steps"
            )
        scale = self.pipeline.steps_per_epoch if name == "decay_epochs" else 1
        text = str(getattr(config, name))
        try:
            steps = [round(float(word) * scale) for word in text.split(",")]
        except (ValueError, OverflowError):
            raise InputError(f"--{name}={text}: must be numbers separated by commas") from None
        if min(steps) < 1:
            raise InputError(f"--{name}={text}: every entry must be at least one step")
        return steps

    def warmup_steps(self) -> int:
        """Steps in which the learning rate rises."""
        return math.ceil(self.config.warmup_epochs * self.pipeline.steps_per_epoch)


def folder_of(config: Config, fold: Fold | None = None) -> RunFolder:
    """Where the results of a run go; those of a fold, below those of its run."""
    folder = RunFolder.of(
        config.checkpoint_path,
        names.folder_name(config.dataset, config.noise, config.label_corrections),
        config.network_name,
        config.method,
        config.seed,
    )
    return folder if fold is None else RunFolder(folder.path / f"fold{fold.number}")


def stored_config(settings: Settings, fold: Fold | None = None) -> dict[str, Any] | None:
    """What config.json of the run with these settings holds, or None when there is no such run.

    Raises:
      InputError: the file cannot be read, does not say all that defines the experiment, or says
        what only a caller in Python can give.
    """
    folder = folder_of(settings.config, fold)
    stored = folder.read_config()
    if stored is None:
        return None
    asked, values = settings.experiment(), stored["values"]
    if "dataset" in values:  # older runs have it as it was typed
        values["dataset"] = names.absolute(str(values["dataset"]))
    brought = sorted(values.keys() & BROUGHT - asked.keys())
    if brought:
        raise InputError(
            f"{folder.path} belongs to a run through Python with {' and '.join(brought)}, which no "
            "flag says: go on with the same ieg.RobustClassifier"
        )
    missing = asked.keys() - values.keys()
    # Another loss has other options; that it is another one is said where values are compared.
    if missing and values.get("loss", asked.get("loss")) == asked.get("loss"):
        raise InputError(
            f"{folder.path / 'config.json'} lacks {', '.join(sorted(missing))}, which defines the "
            "run; put the file right, or give another --checkpoint_path"
        )
    return stored


def build(settings: Settings, fold: Fold | None = None) -> Experiment:
    """Data, network, method and state of a run.

    Args:
      settings: the resolved configuration.
      fold: the part of the training examples to leave out, None for none.
    Raises:
      InputError: something does not fit together; nothing has been written.
    """
    config, given = settings.config, settings.given or construction.Given()
    deterministic, strategy, workers = construction.devices(settings)
    method_class = METHODS.get(config.method)
    construction.check(config, method_class)
    dataset = workers.each(lambda: construction.dataset(config, method_class, fold, given.source))
    workers.require_same({"the digest of images and labels": dataset.digest})
    dataset = replace(dataset, weak=construction.weak_view(config, dataset))
    number = strategy.num_replicas_in_sync
    probe_size = config.probe_batch_size or config.batch_size
    pipeline = Pipeline(
        dataset,
        batch_size=config.batch_size * number,
        seed=config.seed,
        probe_size=probe_size * number if method_class.needs.probe else 0,
        strong=construction.strong_view(config, dataset) if method_class.needs.strong else None,
        strong_probe=method_class.needs.strong_probe,
        sampling=construction.sampling(config),
    )
    with strategy.scope():
        folder = folder_of(config, fold)
        model = construction.network(config, dataset, given)
        start = workers.each(lambda: construction.starting_weights(config, model, folder, given))
        if config.sync_batch_norm:
            parts.synchronise_batch_norm(model)
        context = construction.context(config, dataset, model, pipeline, number)
        method = workers.each(lambda: method_class(settings.options, context))
        ledger = Ledger(len(context.given_labels), COMMON_COLUMNS + method.per_example)
        state = TrainState(
            model,
            method.init_state(),
            ledger,
            use_ema=config.use_ema,
            accumulate=config.accumulation_steps > 1,
        )
    checkpoints = Checkpoints(state.checkpoint(), folder.checkpoints)
    experiment = Experiment(
        settings,
        deterministic,
        strategy,
        workers,
        dataset,
        model,
        start,
        method,
        pipeline,
        state,
        checkpoints,
        folder,
        fold,
    )
    experiment.schedule()  # this and the next raise before the folder is made
    experiment.plan()
    return experiment

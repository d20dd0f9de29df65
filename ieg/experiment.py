"""Where everything meets: a configuration becomes data, network, method and training state."""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from ieg import networks, own_code
from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.checkpoints import Checkpoints, latest
from ieg.config import Config, Settings
from ieg.data import names
from ieg.data.dataset import Dataset, prepare
from ieg.data.holdout import Fold
from ieg.data.images import kind
from ieg.data.pipeline import Pipeline
from ieg.data.samplers import Sampling
from ieg.data.sources import Source
from ieg.errors import InputError
from ieg.evaluation import evaluate
from ieg.methods import REGISTRY as METHODS
from ieg.methods import Context, Method, What
from ieg.networks import parts, precision, pretrained
from ieg.passes import Predictor, TrainingPass
from ieg.run_folder import RunFolder
from ieg.training import devices, schedules
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
class Given:
    """What a caller in Python hands over in the place of names; it travels in `Settings.given`.

    Attributes:
      source: the data, for a configuration whose `dataset` is "arrays"; None: loaded by name.
      network: makes the network, for one whose `network_name` is "own"; None: made by name.
    """

    source: Source | None = None
    network: Callable[[], keras.Model] | None = None


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
        """Evaluations every eval_freq steps, at the ends of cosine cycles and at the end."""
        last = self.last_step
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
    config, given = settings.config, settings.given or Given()
    deterministic, strategy, workers = _devices(settings)
    method_class = METHODS.get(config.method)
    _check(config, method_class)
    dataset = workers.each(lambda: _dataset(config, method_class, fold, given.source))
    workers.require_same({"the digest of images and labels": dataset.digest})
    dataset = replace(dataset, weak=_weak(config, dataset))
    number = strategy.num_replicas_in_sync
    probe_size = config.probe_batch_size or config.batch_size
    pipeline = Pipeline(
        dataset,
        batch_size=config.batch_size * number,
        seed=config.seed,
        probe_size=probe_size * number if method_class.needs.probe else 0,
        strong=_strong(config, dataset) if method_class.needs.strong else None,
        strong_probe=method_class.needs.strong_probe,
        sampling=_sampling(config),
    )
    with strategy.scope():
        folder = folder_of(config, fold)
        model = _network(config, dataset, given)
        start = workers.each(lambda: _start(config, model, folder, given))
        if config.sync_batch_norm:
            parts.synchronise_batch_norm(model)
        context = _context(config, dataset, model, pipeline, number)
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


def _check(config: Config, method: type[Method]) -> None:
    """Raises InputError where settings do not fit together, whatever the data are."""
    if config.few_shot_below > config.many_shot_above:
        raise InputError(
            f"--few_shot_below={config.few_shot_below} must be at most --many_shot_above="
            f"{config.many_shot_above}"
        )
    if method.needs.probe and config.probe_dataset_hold_ratio == 0:
        raise InputError(
            f"--method={config.method} needs clean probe data, so --probe_dataset_hold_ratio must "
            "be above 0; the method for data without any clean examples is FSR"
        )
    trains = config.mode != "show_data"
    if method.needs.weights and config.pretrained_ckpt is None and trains:
        raise InputError(
            f"--method={config.method} starts from the weights of a first stage: train one with "
            "--method=supervised and give its run folder as --pretrained_ckpt"
        )


def _devices(settings: Settings) -> tuple[bool, tf.distribute.Strategy, Workers]:
    """Whether the run is deterministic, what it runs on, and the processes that share the work.

    Raises:
      InputError: workers were given other settings, or something that only one process can do.
    """
    config = settings.config
    if config.distribution_strategy == "multi_worker_mirrored":
        alone = f"--mode={config.mode}" if config.mode != "train" else ""
        alone = alone or (f"--audit_folds={config.audit_folds}" if config.audit_folds else "")
        if alone:
            raise InputError(f"{alone} needs one process alone; leave --distribution_strategy out")
    deterministic = devices.make_deterministic(config.deterministic)
    strategy = devices.strategy(config.distribution_strategy)
    if deterministic:
        devices.keep_order_of_sums(strategy)
    if config.jit_compile:
        _check_compilation(settings, strategy)
    workers = Workers(strategy)
    if workers.count > 1:
        workers.require_same(_alike(settings))
    return deterministic, strategy, workers


def _check_compilation(settings: Settings, strategy: tf.distribute.Strategy) -> None:
    """Says what XLA changes.

    Raises:
      InputError: replicas share the work, whose sums over all of them it cannot compile.
    """
    if strategy is not tf.distribute.get_strategy():
        raise InputError(
            "--jit_compile compiles the step of one device alone; give --distribution_strategy=none"
        )
    if settings.values().get("meta_low_memory"):
        raise InputError(
            "--jit_compile --meta_low_memory: XLA merges passes as it likes; leave one of them out"
        )
    log = logging.getLogger("ieg")
    log.warning("--jit_compile: dropout and MixUp draw other random numbers than without it")
    on_cpu = not tf.config.list_logical_devices("GPU")
    if on_cpu and settings.values().get("meta_gradient") == "forward":
        log.warning(
            "--jit_compile: on CPUs forward mode has been measured 2.5 times slower than without it"
        )


def _alike(settings: Settings) -> dict[str, Any]:
    """What all workers must have in common; the same files may lie at different places."""
    values = settings.values()
    files = {"dataset_dir", "own_code"}
    alike = {f"--{name}": value for name, value in values.items() if name not in files}
    return alike | {"the digest of --own_code": own_code.digest(settings.config.own_code)}


def _dataset(
    config: Config, method: type[Method], fold: Fold | None, source: Source | None
) -> Dataset:
    """The data that the flags name, with probe examples where the method needs them."""
    return prepare(
        config.dataset,
        seed=config.seed,
        probe_ratio=config.probe_dataset_hold_ratio if method.needs.probe else 0,
        eval_split=config.eval_split,
        validation_ratio=config.validation_ratio,
        dataset_dir=config.dataset_dir,
        noise_words=config.noise,
        image_size=config.image_size,
        imagenet_as_eval=config.use_imagenet_as_eval,
        damaged_limit=config.damaged_limit,
        label_corrections=config.label_corrections,
        fold=fold,
        source=source,
    )


def _total_steps(config: Config, steps_per_epoch: int) -> int:
    """Steps of the whole run; of two counts given together the epochs hold."""
    if config.max_epoch is not None:
        return config.max_epoch * steps_per_epoch
    assert config.max_iteration is not None  # only the other count unsets it
    return config.max_iteration


def _sampling(config: Config) -> Sampling:
    """The sampler that the flags ask for."""
    sampler, classes = config.sampler, config.classes_per_batch
    if sampler is None:
        sampler = "balanced" if classes else "shuffle"
    if (sampler == "balanced") != (classes > 0):
        raise InputError(
            f"--sampler={sampler} --classes_per_batch={classes}: balanced, and no other sampler, "
            "takes a number of classes, such as --classes_per_batch=10"
        )
    return Sampling(sampler, classes, config.images_in_a_row)


def _weak(config: Config, dataset: Dataset) -> WeakAugmentation | None:
    """The weak view as flags and method want it; None for examples that are no pictures."""
    weak, plain = dataset.weak, METHODS.get(config.method).needs.plain
    if config.weak_rotation and (weak is None or plain):
        who = (
            f"{dataset.name} has no images"
            if weak is None
            else (f"--method={config.method} takes its first view of an image as it is")
        )
        raise InputError(f"--weak_rotation={config.weak_rotation:g}: {who}; leave it out")
    if weak is None:
        return None
    weak = weak._replace(rotation=config.weak_rotation)
    return weak._replace(pad=0, flip=False) if plain else weak


def _strong(config: Config, dataset: Dataset) -> StrongAugmentation:
    """The strong view that the flags ask for, cropped and cut as suits the data set."""
    if dataset.strong is None:
        raise InputError(f"--method={config.method} needs a strong view; {dataset.name} has none")
    policy = {
        "autoaug": dataset.strong.policy,
        "autoaug25": "cifar10_25",
        "randaug": "randaug",
        "default": "none",
    }[config.aug_type]
    shared = config.aug_type == "randaug" if config.aug_per_batch is None else config.aug_per_batch
    cutout = 0 if config.aug_type == "default" else dataset.strong.cutout
    return dataset.strong._replace(policy=policy, per_batch=shared, cutout=cutout)


def _context(
    config: Config, dataset: Dataset, model: keras.Model, pipeline: Pipeline, replicas: int
) -> Context:
    """What a method is told of the run."""
    return Context(
        model=model,
        num_classes=dataset.num_classes,
        given_labels=dataset.given_labels,
        true_labels=dataset.true_labels,
        train_indices=dataset.train_indices,
        batch_size=pipeline.batch_size,
        replicas=replicas,
        steps_per_epoch=pipeline.steps_per_epoch,
        total_steps=_total_steps(config, pipeline.steps_per_epoch),
        accumulation_steps=config.accumulation_steps,
        decay=networks.REGISTRY.get(config.network_name).train_decay(model, config.l2_weight_decay),
        probe_decay=parts.weight_decay(model, config.l2_weight_decay),
        momentum=config.momentum,
        label_smoothing=config.label_smoothing,
        seed=config.seed,
        loss_scale=precision.loss_scale(config.precision),
    )


def _network(config: Config, dataset: Dataset, given: Given) -> keras.Model:
    """The network as it is made."""
    if given.network is not None:
        if config.precision != "float32":
            raise InputError(
                f"--precision={config.precision}: a network of your own computes in what it was "
                "made with; set keras.config.set_dtype_policy before you make it"
            )
        return given.network()
    return networks.create(
        config.network_name,
        dataset.train.images.shape[1:],
        dataset.num_classes,
        kind=kind(dataset.train.images),
        dropout_rate=config.dropout_rate,
        cosine_classifier=config.cosine_classifier,
        dtype=config.precision,
        seed=config.seed,
    )


def _start(config: Config, model: keras.Model, folder: RunFolder, given: Given) -> str:
    """Gives the network its starting weights; says where those come from."""
    start = "random weights" if given.network is None else "the weights that it came with"
    # A run with a checkpoint of its own goes on from that, even when the other one is gone.
    own = latest(folder.checkpoints)
    start = start if own is None else "its last checkpoint"
    if config.pretrained_ckpt is not None and own is None:
        whole = pretrained.load(model, config.pretrained_ckpt)
        if not whole and METHODS.get(config.method).needs.weights:
            raise InputError(
                f"--pretrained_ckpt={config.pretrained_ckpt}: its classifier is another one, and "
                f"--method={config.method} goes on with that of its first stage"
            )
        start = config.pretrained_ckpt + ("" if whole else " except the classifier")
    if config.fix_network_features:
        pretrained.freeze_features(model)
        start += ", features fixed"
    return start

"""What a configuration asks for, made piece by piece: devices, data, views, network, context.

`ieg.experiment.build` puts the pieces together. Nothing here writes a file.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from ieg import networks, own_code
from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.checkpoints import latest
from ieg.config import Config, Settings
from ieg.data.dataset import Dataset, prepare
from ieg.data.holdout import Fold
from ieg.data.images import kind
from ieg.data.pipeline import Pipeline
from ieg.data.samplers import Sampling
from ieg.data.sources import Source
from ieg.errors import InputError
from ieg.methods import REGISTRY as METHODS
from ieg.methods import Context, Method
from ieg.networks import parts, precision, pretrained
from ieg.runs.folder import RunFolder
from ieg.training import devices as hardware
from ieg.training.workers import Workers


@dataclass(frozen=True)
class Given:
    """What a caller in Python hands over in the place of names; it travels in `Settings.given`.

    Attributes:
      source: the data, for a configuration whose `dataset` is "arrays"; None: loaded by name.
      network: makes the network, for one whose `network_name` is "own"; None: made by name.
    """

    source: Source | None = None
    network: Callable[[], keras.Model] | None = None


def check(config: Config, method: type[Method]) -> None:
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


def devices(settings: Settings) -> tuple[bool, tf.distribute.Strategy, Workers]:
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
    deterministic = hardware.make_deterministic(config.deterministic)
    strategy = hardware.strategy(config.distribution_strategy)
    if deterministic:
        hardware.keep_order_of_sums(strategy)
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
    """What all workers must have in common; files of `--dataset_dir` may lie at other places."""
    values = settings.values()
    files = {"dataset_dir", "own_code"}
    alike = {f"--{name}": value for name, value in values.items() if name not in files}
    return alike | {"the digest of --own_code": own_code.digest(settings.config.own_code)}


def dataset(
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


def sampling(config: Config) -> Sampling:
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


def weak_view(config: Config, dataset: Dataset) -> WeakAugmentation | None:
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


def strong_view(config: Config, dataset: Dataset) -> StrongAugmentation:
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


def context(
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


def network(config: Config, dataset: Dataset, given: Given) -> keras.Model:
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


def starting_weights(config: Config, model: keras.Model, folder: RunFolder, given: Given) -> str:
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

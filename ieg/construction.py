"""The pieces of an experiment, made from its configuration: devices, data, views, network, context.

`ieg.experiment.build` puts the pieces together. Nothing here writes a file.
"""

import logging
from typing import Any

import keras
import tensorflow as tf

from ieg import networks, own_code
from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.checkpoints import latest
from ieg.config import Config
from ieg.data.dataset import Dataset, prepare
from ieg.data.holdout import Fold
from ieg.data.images import kind
from ieg.data.pipeline import Pipeline
from ieg.errors import InputError
from ieg.methods import Context, Examples, Length
from ieg.networks import parts, precision, pretrained
from ieg.runs.folder import RunFolder
from ieg.training import devices as hardware
from ieg.training.workers import Workers
from ieg.update import UpdateRule


def check(config: Config) -> None:
    """Refuse settings that do not fit the method, whatever the data are.

    Raises:
      InputError: the method needs probe examples or weights that the settings do not give.
    """
    needs, name = config.method.needs, config.run.method
    if needs.probe and config.data.probe_dataset_hold_ratio == 0:
        raise InputError(
            f"`method={name}` needs clean probe data, so `probe_dataset_hold_ratio` must be above "
            "0; the method for data without any clean examples is FSR"
        )
    if needs.weights and config.network.pretrained_ckpt is None and config.run.mode != "show_data":
        raise InputError(
            f"`method={name}` starts from the weights of a first stage: train one with "
            "`method=supervised` and give its run folder as `pretrained_ckpt`"
        )


def devices(config: Config) -> tuple[bool, tf.distribute.Strategy, Workers]:
    """Determinism (True if runs are equal bit for bit), the strategy, and the worker processes.

    Raises:
      InputError: workers were given other settings, or a command for one process alone.
    """
    training, folds = config.training, config.evaluation.audit_folds
    if training.distribution_strategy == "multi_worker_mirrored":
        alone = f"mode={config.run.mode}" if config.run.mode != "train" else ""
        alone = alone or (f"audit_folds={folds}" if folds else "")
        if alone:
            raise InputError(
                f"`{alone}` needs one process alone; leave `distribution_strategy` out"
            )
    deterministic = hardware.make_deterministic(training.deterministic)
    strategy = hardware.strategy(training.distribution_strategy)
    if deterministic:
        hardware.keep_order_of_sums(strategy)
    if training.jit_compile:
        _check_compilation(config, strategy)
    workers = Workers(strategy)
    if workers.count > 1:
        workers.require_same(_alike(config))
    return deterministic, strategy, workers


def _check_compilation(config: Config, strategy: tf.distribute.Strategy) -> None:
    """Warn of the changes that XLA makes.

    Raises:
      InputError: replicas share the work, whose sums over all of them it cannot compile.
    """
    if strategy is not tf.distribute.get_strategy():
        raise InputError(
            "compiles the step of one device alone; give `distribution_strategy=none`",
            option="jit_compile",
        )
    if getattr(config.options, "meta_low_memory", False):
        raise InputError(
            "`jit_compile` `meta_low_memory`: XLA merges passes as it likes; leave one of them out"
        )
    log = logging.getLogger("ieg")
    log.warning("jit_compile: dropout and MixUp draw other random numbers than without it")
    on_cpu = not tf.config.list_logical_devices("GPU")
    if on_cpu and getattr(config.options, "meta_gradient", None) == "forward":
        log.warning(
            "jit_compile: on CPUs forward mode has been measured 2.5 times slower than without it"
        )


def _alike(config: Config) -> dict[str, Any]:
    """Values that all workers must have in common; files of dataset_dir may lie anywhere."""
    files = {"dataset_dir", "own_code"}
    alike = {f"`{k}`": value for k, value in config.values().items() if k not in files}
    return alike | {"the digest of `own_code`": own_code.digest(config.run.own_code)}


def dataset(config: Config, fold: Fold | None) -> Dataset:
    """The data, with probe examples where the method needs them."""
    return prepare(
        config.data,
        seed=config.run.seed,
        probe=config.method.needs.probe,
        fold=fold,
        name=config.dataset,
        entry=config.source,
    )


def weak_view(config: Config, dataset: Dataset) -> WeakAugmentation | None:
    """The weak view for the settings and the method; None for examples that are no pictures."""
    weak, plain, rotation = dataset.weak, config.method.needs.plain, config.data.weak_rotation
    if rotation and (weak is None or plain):
        who = (
            f"{dataset.name} has no images"
            if weak is None
            else (f"`method={config.run.method}` takes its first view of an image as it is")
        )
        raise InputError(f"{who}; leave it out", option="weak_rotation", value=f"{rotation:g}")
    if weak is None:
        return None
    weak = weak._replace(rotation=rotation)
    return weak._replace(pad=0, flip=False) if plain else weak


def strong_view(config: Config, dataset: Dataset) -> StrongAugmentation | None:
    """The strong view for the settings, cropped and cut as suits the data set.

    None for a method that needs none.
    """
    if not config.method.needs.strong:
        return None
    if dataset.strong is None:
        raise InputError(
            f"`method={config.run.method}` needs a strong view; {dataset.name} has none"
        )
    kind, shared = config.data.aug_type, config.data.aug_per_batch
    policy = {
        "autoaug": dataset.strong.policy,
        "autoaug25": "cifar10_25",
        "randaug": "randaug",
        "default": "none",
    }[kind]
    cutout = 0 if kind == "default" else dataset.strong.cutout
    per_batch = kind == "randaug" if shared is None else shared
    return dataset.strong._replace(policy=policy, per_batch=per_batch, cutout=cutout)


def pipeline(config: Config, dataset: Dataset, replicas: int) -> Pipeline:
    """Batches of the data for so many replicas."""
    training, needs = config.training, config.method.needs
    probe_size = training.probe_batch_size or training.batch_size
    return Pipeline(
        dataset,
        batch_size=training.batch_size * replicas,
        seed=config.run.seed,
        probe_size=probe_size * replicas if needs.probe else 0,
        strong=strong_view(config, dataset),
        strong_probe=needs.strong_probe,
        sampling=config.data.sampling(),
    )


def context(
    config: Config, dataset: Dataset, model: keras.Model, pipeline: Pipeline, replicas: int
) -> Context:
    """Knowledge of the method about its run."""
    training, steps_per_epoch = config.training, pipeline.steps_per_epoch
    return Context(
        model=model,
        num_classes=dataset.num_classes,
        examples=Examples(dataset.given_labels, dataset.true_labels, dataset.train_indices),
        length=Length(
            pipeline.batch_size, replicas, steps_per_epoch, training.total_steps(steps_per_epoch)
        ),
        update=UpdateRule(
            momentum=training.momentum,
            clip_norm=training.clip_norm,
            accumulation_steps=training.accumulation_steps,
            decay=config.architecture.train_decay(model, training.l2_weight_decay),
        ),
        probe_decay=parts.weight_decay(model, training.l2_weight_decay),
        label_smoothing=training.label_smoothing,
        seed=config.run.seed,
        loss_scale=precision.loss_scale(config.network.precision),
    )


def network(config: Config, dataset: Dataset) -> keras.Model:
    """The network with its random weights, or a caller's own as it is."""
    settings, shape = config.network, dataset.train.images.shape[1:]
    if config.architecture.as_is:
        if settings.precision != "float32":
            raise InputError(
                "a network of your own computes in what it was made with; set "
                "keras.config.set_dtype_policy before you make it",
                option="precision",
                value=settings.precision,
            )
        return config.architecture.build(
            shape, dataset.num_classes, dropout_rate=settings.dropout_rate
        )
    return networks.create(
        settings.network_name,
        shape,
        dataset.num_classes,
        kind=kind(dataset.train.images),
        dropout_rate=settings.dropout_rate,
        cosine_classifier=settings.cosine_classifier,
        dtype=settings.precision,
        seed=config.run.seed,
    )


def starting_weights(config: Config, model: keras.Model, folder: RunFolder) -> str:
    """Give the network its starting weights; their origin in words."""
    settings = config.network
    start = "the weights that it came with" if config.architecture.as_is else "random weights"
    # A run with a checkpoint of its own goes on from that, even when the other one is gone.
    own = latest(folder.checkpoints)
    start = start if own is None else "its last checkpoint"
    if settings.pretrained_ckpt is not None and own is None:
        whole = pretrained.load(model, settings.pretrained_ckpt)
        if not whole and config.method.needs.weights:
            raise InputError(
                f"its classifier is another one, and `method={config.run.method}` goes on with "
                "that of its first stage",
                option="pretrained_ckpt",
                value=settings.pretrained_ckpt,
            )
        start = settings.pretrained_ckpt + ("" if whole else " except the classifier")
    if settings.fix_network_features:
        pretrained.freeze_features(model)
        start += ", features fixed"
    return start

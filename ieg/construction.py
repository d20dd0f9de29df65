"""The pieces of an experiment, made from its configuration: devices, data, views, network, context.

`ieg.experiment.build` puts the pieces together. Nothing here writes a file.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from ieg import backbones, networks, own_code
from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.backbones import Backbone
from ieg.checkpoints import latest
from ieg.config import Config
from ieg.data.dataset import Dataset, prepare
from ieg.data.files import FileImages
from ieg.data.holdout import Fold
from ieg.data.images import kind, readable
from ieg.data.pipeline import Pipeline
from ieg.data.settings import DataSettings
from ieg.data.sources import Split
from ieg.errors import InputError
from ieg.features import gaussian, whole
from ieg.features.cached import CachedImages
from ieg.features.embedding import Wanted, embedded
from ieg.features.gaussian import GaussianHead
from ieg.features.store import Progress
from ieg.finetuning import HEAD
from ieg.methods import Context, Examples, Length
from ieg.networks import parts, precision, pretrained
from ieg.runs.folder import RunFolder
from ieg.training import devices as hardware
from ieg.training.workers import Workers
from ieg.update import UpdateRule

#: Side in pixels of image files that people look at, while a backbone sees its own.
_PICTURE = 128


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
    if config.trains_backbone:
        _check_trained_backbone(config)
    for option in ("finetune_learning_rate", "finetune_batch_size"):
        if config.origins[option] == "command line" and not config.training.finetune_epochs:
            raise InputError("goes with `finetune_epochs`", option=option)


def _check_trained_backbone(config: Config) -> None:
    """Refuse settings that contradict the training of a backbone from pixels."""
    settings, fine_tuned = config.network, config.training.finetune_epochs > 0
    name = "finetune_epochs" if fine_tuned else "train_backbone"
    problem = None
    if settings.backbone == "none":
        problem = "needs a `backbone`, such as `backbone=efficientnet_lite0`"
    elif fine_tuned and settings.train_backbone:
        problem = "`train_backbone` trains all from the first step on; leave one of them out"
    elif fine_tuned and config.evaluation.audit_folds:
        problem = "the head scores labels out of sample already; leave `audit_folds` out"
    elif not fine_tuned and settings.head_start != "random":
        problem = "there is no head on features; leave `head_start` out, or take `finetune_epochs`"
    elif settings.fix_network_features:
        problem = "`fix_network_features` trains the classifier alone; leave one of them out"
    elif settings.precision != "float32":
        problem = f"a backbone computes in float32, so `precision={settings.precision}` cannot be"
    elif config.architecture.as_is:
        problem = "goes with a network by name, not with one of your own"
    if problem is not None:
        raise InputError(problem, option=name)


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
        hardware.keep_order_of_sums(strategy, as_written=config.method.sums_as_written)
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


def dataset(config: Config, fold: Fold | None, backbone: Backbone | None) -> Dataset:
    """The data, with probe examples where the method or a closed-form head takes them."""
    settings = config.data
    if backbone is not None:
        # Its input has the size that was asked for; other images are for the page.
        side = backbone.card.side if config.trains_backbone else _PICTURE
        settings = replace(settings, image_size=side if config.source.files else 0)
    found = prepare(
        settings,
        seed=config.run.seed,
        probe=config.method.needs.probe,
        own_probe=backbone is not None,  # for the closed-form head
        fold=fold,
        name=config.dataset,
        entry=config.source,
    )
    published = config.source.published_start
    if published and backbone is None:
        other = f"not comparable with published numbers, which begin with {published}"
        found = replace(found, note=", ".join(filter(None, (found.note, other))))
    return found


def backbone(config: Config) -> Backbone | None:
    """The pretrained network in front of the one that is trained, or None.

    Raises:
      InputError: there is none of that name, or its weights cannot be had.
    """
    settings = config.network
    if settings.backbone == "none":
        if settings.backbone_weights is not None:
            raise InputError("goes with a `backbone`", option="backbone_weights")
        return None
    return backbones.load(
        settings.backbone, weights=settings.backbone_weights, side=config.data.image_size
    )


def feature_root(config: Config) -> Path:
    """Folder of all features."""
    if config.data.feature_dir is not None:
        return Path(config.data.feature_dir).expanduser()
    return Path(config.data.dataset_dir).expanduser() / "features"


def views(config: Config) -> Wanted:
    """Views of the training images whose features the method wants."""
    needs, weak = config.method.needs, config.data.feature_views
    return Wanted(0 if needs.plain else weak, max(weak, 1) if needs.strong else 0)


def with_features(
    config: Config, dataset: Dataset, backbone: Backbone | None, progress: Progress | None
) -> Dataset:
    """The data with the features of their images, where a frozen backbone gives them."""
    merged = config.data.features
    if backbone is None or config.network.train_backbone:
        if merged is not None:
            raise InputError("goes with a frozen `backbone`", option="features", value=merged)
        return dataset
    least = 2 * dataset.num_classes
    if len(dataset.train_indices) < least:
        raise InputError(
            f"{dataset.name} has {len(dataset.train_indices)} images to train on; "
            f"{dataset.num_classes} classes need at least {least}"
        )
    return embedded(
        dataset,
        backbone,
        feature_root(config),
        views(config),
        progress,
        merged=None if merged is None else Path(merged),
    )


def as_trained(config: Config, dataset: Dataset) -> Dataset:
    """The data as the network sees them: pixels instead of features if it has its backbone within.

    Args:
      config: of the run.
      dataset: with features, where there are any.
    """
    if config.trains_backbone:
        train, evaluation = _as_pixels(dataset.train), _as_pixels(dataset.evaluation)
        dataset = replace(dataset, train=train, evaluation=evaluation)
    return replace(dataset, weak=weak_view(config, dataset))


def _as_pixels(split: Split) -> Split:
    """Images in the view that backbones have of them, without features."""
    images = split.images
    images = images.whole_squares() if isinstance(images, FileImages) else images
    return replace(split, images=images, features=None)


def weak_view(config: Config, dataset: Dataset) -> WeakAugmentation | None:
    """The weak view for the settings and the method; None for examples that are no pictures."""
    plain, settings = config.method.needs.plain, config.data
    if dataset.train.features is not None or dataset.weak is None:
        _refuse(settings, f"{dataset.name} has no images", *_MOVES, *_SCALE)
        return None
    weak = dataset.weak._replace(rotation=settings.weak_rotation)
    if settings.weak_pad is not None:
        weak = weak._replace(pad=settings.weak_pad)
    scale = settings.normalization(channels=dataset.train.inputs.shape[-1])
    if scale is not None:
        weak = weak._replace(mean=scale.mean, deviation=scale.deviation)
    if config.trains_backbone:
        _refuse(settings, "the backbone has a scale of its own", *_SCALE)
        weak = weak._replace(mean=None)
    if plain:
        _refuse(settings, f"`method={config.run.method}` takes an image as it is", *_MOVES)
        weak = weak._replace(pad=0, flip=False)
    return weak


#: Settings of the weak view, and of the scale of all views.
_MOVES, _SCALE = ("weak_rotation", "weak_pad"), ("pixel_mean", "pixel_std")


def _refuse(settings: DataSettings, why: str, *names: str) -> None:
    """Raise InputError for the first of these settings that was given."""
    for name in names:
        value = getattr(settings, name)
        if value:
            shown = value if isinstance(value, str) else f"{value:g}"
            raise InputError(f"{why}; leave it out", option=name, value=shown)


def strong_view(
    config: Config, dataset: Dataset
) -> StrongAugmentation | Literal["features"] | None:
    """The strong view for the settings, cropped and cut as suits the data set.

    None for a method that needs none; "features" where features of such views are kept.
    """
    if not config.method.needs.strong:
        return None
    if dataset.train.features is not None:
        return "features"
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
    strong = dataset.strong._replace(policy=policy, per_batch=per_batch, cutout=cutout)
    if config.data.strong_crop == "none":
        return strong._replace(pad=0, flip=False)
    return strong._replace(crop_first=config.data.strong_crop == "before")


def pipeline(config: Config, dataset: Dataset, replicas: int) -> Pipeline:
    """Batches of the data for so many replicas."""
    training, needs = config.training, config.method.needs
    batch_size, num_classes = training.batch_size, len(dataset.class_names)
    probe_size = training.probe_batch_size or config.method.probe_size(batch_size, num_classes)
    on_backbone = config.network.backbone != "none"
    if on_backbone and config.origins["batch_size"] != "command line":
        # A few photographs are enough for a head.
        batch_size = max(1, min(batch_size, len(dataset.train_indices) // replicas))
    if config.training.finetune_epochs and needs.posterior and dataset.probe_indices is not None:
        trained = np.union1d(dataset.train_indices, dataset.probe_indices)
        dataset = replace(dataset, train_indices=trained)
    return Pipeline(
        dataset,
        batch_size=batch_size * replicas,
        seed=config.run.seed,
        probe_size=probe_size * replicas if needs.probe else 0,
        strong=strong_view(config, dataset),
        strong_probe=needs.strong_probe,
        sampling=config.data.sampling(),
    )


def context(
    config: Config,
    dataset: Dataset,
    model: keras.Model,
    pipeline: Pipeline,
    replicas: int,
    posterior: np.ndarray | None = None,
) -> Context:
    """Knowledge of the method about its run.

    Args:
      config, dataset, model, pipeline, replicas: of the run.
      posterior: see `Context`.
    """
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
        posterior=posterior,
    )


def network(config: Config, dataset: Dataset, backbone: Backbone | None) -> keras.Model:
    """The network with its random weights, or a caller's own as it is.

    Args:
      config: of the run.
      dataset: with features, where a frozen backbone gives them.
      backbone: pretrained network; if it is trained too, this is the part behind it.
    """
    settings, inputs = config.network, dataset.train.inputs
    shape, examples = inputs.shape[1:], kind(inputs)
    if backbone is not None:
        shape, examples = (backbone.card.features,), "features"
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
        kind=examples,
        dropout_rate=settings.dropout_rate,
        cosine_classifier=settings.cosine_classifier,
        dtype=settings.precision,
        seed=config.run.seed,
    )


def load_head(config: Config, head: keras.Model, folder: RunFolder) -> None:
    """In fine-tuning, give the head its weights of the first stage.

    A run with a checkpoint of its own goes on from that, even when the first stage is gone.

    Args:
      config: of the run.
      head: see `network`.
      folder: of the run.
    Raises:
      InputError: the first stage has not been trained.
    """
    if config.training.finetune_epochs and latest(folder.checkpoints) is None:
        pretrained.load(head, str(folder.path / HEAD))


def with_backbone(
    config: Config, dataset: Dataset, backbone: Backbone | None, head: keras.Model
) -> keras.Model:
    """The network to be trained: the head alone, or a backbone with it.

    Args:
      config: of the run.
      dataset: with features, where a frozen backbone gives them.
      backbone: pretrained network, or None.
      head: see `network`.
    """
    if backbone is None or not config.trains_backbone:
        return head
    standardization, features = None, dataset.train.features
    if config.training.finetune_epochs:
        assert isinstance(features, CachedImages)
        standardization = features.standardization
    joined = whole.join(dataset.train.images.shape, backbone.model, standardization, head)
    if config.training.finetune_epochs:
        whole.keep_batch_norm(backbone.model)
    return joined


def posterior(config: Config, dataset: Dataset, head: GaussianHead | None) -> np.ndarray | None:
    """[N, K] the head's judgment of the true classes, where it is trained on; otherwise None.

    Probe examples have their labels.

    Args:
      config: of the run.
      dataset: with features, where a frozen backbone gives them.
      head: on those features.
    """
    if head is None or not (config.training.finetune_epochs and config.method.needs.posterior):
        return None
    rows = np.eye(dataset.num_classes)[dataset.given_labels]
    indices = dataset.train_indices
    rows[indices[readable(dataset.train.inputs[indices])]] = head.posterior
    return rows


def gaussian_head(config: Config, dataset: Dataset) -> GaussianHead | None:
    """Closed-form head on the features of the training images; None for other examples.

    Its judgment of the labels is in the order of the readable `train_indices`.
    """
    features = dataset.train.features
    if features is None:
        return None
    assert isinstance(features, CachedImages)
    indices = dataset.train_indices[readable(features[dataset.train_indices])]
    probe = None
    if dataset.probe_indices is not None:
        rows = np.unique(dataset.probe_indices)
        rows = rows[readable(features[rows])]
        probe = features[rows].plain(), dataset.given_labels[rows]
    labels, count = dataset.given_labels[indices], dataset.num_classes
    return gaussian.fit(features[indices].plain(), labels, count, probe=probe, seed=config.run.seed)


def _start_from_head(config: Config, model: keras.Model, head: GaussianHead | None) -> None:
    """Set the weights of a linear network to those of the closed-form head.

    Raises:
      InputError: the network is not linear, or there are no features of a backbone.
    """
    weights = model.trainable_variables
    if head is None:
        raise InputError(
            "needs features of a `backbone`", option="head_start", value=config.network.head_start
        )
    if [tuple(w.shape) for w in weights] != [head.weights.shape, head.bias.shape]:
        raise InputError(
            f"`network_name={config.network.network_name}` is not linear; take "
            "`head_start=random`, or `network_name=linear`",
            option="head_start",
            value=config.network.head_start,
        )
    for variable, values in zip(weights, (head.weights, head.bias), strict=True):
        variable.assign(values)


def starting_weights(
    config: Config, model: keras.Model, folder: RunFolder, head: GaussianHead | None
) -> str:
    """Give the network its starting weights; their origin in words."""
    settings = config.network
    start = "the weights that it came with" if config.architecture.as_is else "random weights"
    own = latest(folder.checkpoints)
    if config.training.finetune_epochs:
        return f"its backbone and {folder.path / HEAD}" if own is None else "its last checkpoint"
    if settings.train_backbone:
        start = "its backbone and a random classifier"
    if settings.head_start == "gaussian":
        _start_from_head(config, model, head)
        start = "a Gaussian head in closed form"
    # A run with a checkpoint of its own goes on from that, even when the other one is gone.
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

"""Announcement of a command: method, data, network, settings, printed before it starts."""

import math

import keras
import tensorflow as tf
from rich.console import Console

import ieg
from ieg.backbones import Backbone
from ieg.config import Config
from ieg.data.corrections import Corrections
from ieg.data.dataset import Dataset
from ieg.data.images import kind
from ieg.data.sources import Annotations
from ieg.experiment import Experiment
from ieg.report import findings
from ieg.restoring import RESTORED

_MOST_LISTED_CLASSES = 20


def announce(experiment: Experiment, console: Console, step: int | None = None) -> None:
    """Print method, data, network, devices, steps, where results go, and settings: ten lines.

    Settings are those that differ from the general defaults and were not restored from the run;
    config.json has all of them, and data.json the label noise by class.

    Args:
      experiment: built.
      console: where to print.
      step: of the checkpoint that has been restored; None: of none.
    """
    config, run, dataset = experiment.config, experiment.config.run, experiment.dataset
    data = ", ".join(filter(None, (dataset.name, dataset.note)))
    shape = "x".join(map(str, experiment.seen_shape()))
    noun = _noun(dataset)
    start = "" if step is None else f", checkpoint of step {step}"
    lines = {
        f"ieg {ieg.__version__}": f"{run.mode} with method {run.method}, seed {run.seed}{start}",
        "data": (
            f"{data}: {len(dataset.train_indices):,} training {noun} {shape} in "
            f"{dataset.num_classes} classes, {dataset.probe_size} clean probe {noun}, "
            f"{len(dataset.evaluation.labels):,} {config.data.eval_split} {noun}"
        ),
        "noise": _noise_line(experiment),
        **({"people": _people_line(dataset.annotations)} if dataset.annotations else {}),
        **({"corrected": _corrections_line(dataset.corrections)} if dataset.corrections else {}),
        "classes": _counts(dataset),
        **({"backbone": _backbone_line(experiment.backbone)} if experiment.backbone else {}),
        "network": (
            f"{config.network.network_name}, {_trainable(experiment.model):,} trainable "
            f"parameters, from {experiment.start}"
        ),
        "steps": _steps_line(experiment),
        "results": str(experiment.folder.path),
        "settings": _settings_line(config),
    }
    for title, text in lines.items():
        console.print(f"{title:9s} {text}", highlight=False, markup=False, soft_wrap=True)
    if experiment.backbone is None:
        for warning in findings.constant_in_sample(dataset):
            console.print(warning, highlight=False, markup=False, soft_wrap=True)


def _noun(dataset: Dataset) -> str:
    return "images" if kind(dataset.train.images) == "images" else "examples"


def _backbone_line(backbone: Backbone) -> str:
    card = backbone.card
    license = f", {card.license}" if card.license else ""
    return f"{card.name}, {card.features:,} features, weights from {card.source}{license}"


def _trainable(model: keras.Model) -> int:
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def _noise_line(experiment: Experiment) -> str:
    noise = experiment.dataset.noise
    if noise.kind is None:
        return "none"
    if noise.measured is None:
        origin = "" if noise.kind == "unknown" else f" ({noise.kind})"
        return f"unknown{origin}: nobody has said which labels are right"
    known = experiment.dataset.true_labels[experiment.dataset.train_indices] >= 0
    of = "the" if known.all() else f"{known.sum():,}"
    asked = "" if noise.asked is None else f" {noise.asked:g} asked"
    return f"{noise.kind}{asked}, {noise.measured:.3f} of {of} given labels are wrong"


def _people_line(annotations: Annotations) -> str:
    number, images = len(set(annotations.annotator)), len(set(annotations.example))
    return (
        f"{len(annotations.label):,} labels of {images:,} images by {number:,} annotators; their "
        "consensus is trained on"
    )


def _corrections_line(done: Corrections) -> str:
    probe = f", {done.probe} of clean probe images" if done.probe else ""
    return (
        f"{done.relabelled} labels changed and {done.dropped} images left out, {done.fine} fine "
        f"and {done.unsure} unsure labels kept{probe}, by {done.file}"
    )


def _counts(dataset: Dataset) -> str:
    counts, names = dataset.class_counts, dataset.class_names
    text = " ".join(map(str, counts))
    if len(counts) > _MOST_LISTED_CLASSES:
        text = f"{counts.min()} to {counts.max()}"
    elif not all(name.isdecimal() for name in names):
        text = ", ".join(f"{count} {name}" for name, count in zip(names, counts, strict=True))
    noun = _noun(dataset)
    return f"{text} training {noun} per given label"


def _steps_line(experiment: Experiment) -> str:
    pipeline, replicas = experiment.pipeline, experiment.strategy.num_replicas_in_sync
    device = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    workers = f" on {experiment.workers.count} workers" if experiment.workers.count > 1 else ""
    exact = ", deterministic" if experiment.deterministic else ""
    return (
        f"{experiment.last_step:,} with a global batch of {pipeline.batch_size} "
        f"({experiment.last_step / pipeline.steps_per_epoch:.1f} epochs of "
        f"{pipeline.steps_per_epoch} steps), {replicas} {device} replica"
        f"{'s' if replicas > 1 else ''}{workers}{exact}"
    )


def _settings_line(config: Config) -> str:
    """Settings that are neither general defaults nor restored, by where they come from."""
    groups: dict[str, list[str]] = {"command line": []}  # the first to be said
    values = config.values()
    for name, origin in config.origins.items():
        if origin not in ("default", RESTORED) and values[name] is not None:
            groups.setdefault(origin, []).append(f"{name}={values[name]}")
    said = [f"{', '.join(settings)} ({origin})" for origin, settings in groups.items() if settings]
    return "; ".join([*said, "all are in config.json"])

"""`--mode=show_data`: a contact sheet of training images, exactly as training sees them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console

from ieg.augment.weak import to_pixels
from ieg.config import Config, resolve
from ieg.data.pipeline import Batch
from ieg.errors import InputError
from ieg.experiment import Experiment, build
from ieg.methods import REGISTRY as METHODS
from ieg.report import findings
from ieg.report.contact_sheet import contact_sheet

MOST_CLASSES = 100
MANY_CLASSES = 25  # more than that get fewer examples


def run(config: Config, console: Console) -> int:
    """Write the sheet beside the runs on that data set and prints its path; returns the status.

    It is made of the first steps of a run with these settings: the same examples and views. A run
    of that name is neither needed nor touched.

    Raises:
      InputError: the settings do not fit together, or the file cannot be written.
    """
    if config.network.backbone != "none":  # whose features are no pictures
        typed = {k: v for k, v in config.values().items() if config.origins[k] == "command line"}
        of_backbone = ("train_backbone", "finetune_")
        typed = {k: v for k, v in typed.items() if not k.startswith(of_backbone)}
        config = resolve({**typed, "backbone": "none"})
    experiment = build(config)
    if experiment.dataset.weak is None:
        raise InputError(
            f"`mode=show_data`: the examples of {experiment.dataset.name} are no images, so there "
            "is nothing to look at"
        )
    for warning in findings.constant_in_sample(experiment.dataset):
        console.print(warning, highlight=False, markup=False, soft_wrap=True)
    classes = min(experiment.dataset.num_classes, MOST_CLASSES)
    per_class = 6 if classes <= MANY_CLASSES else 3
    console.print(
        f"looking for {per_class} training images of each label in {experiment.dataset.name}",
        highlight=False,
        markup=False,
    )
    found = _first_of_each(experiment, classes, per_class)
    if "strong" not in found:
        with_strong = [name for name in METHODS.names() if METHODS.get(name).needs.strong]
        console.print(
            f"{experiment.config.run.method} sees no strong view; to see one: "
            + ", ".join(f"--method={name}" for name in with_strong),
            highlight=False,
            markup=False,
        )
    path = _path(experiment)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write to {path.parent}: {error.strerror}; choose another `checkpoint_path`"
        ) from None
    contact_sheet(
        {name: found[name] for name in ("weak", "strong") if name in found},
        found["given"],
        found["true"],
        experiment.dataset.class_names,
        path,
        title=_title(experiment, found, classes),
    )
    console.print(f"saved as {path}", highlight=False, markup=False, soft_wrap=True)
    return 0


def _first_of_each(experiment: Experiment, classes: int, count: int) -> dict[str, np.ndarray]:
    """`count` examples of each given label below `classes`, from the first steps that have them.

    Returns:
      given, true: [N] labels; weak and, where the method wants it, strong: [N, H, W, C] uint8.
    """
    pipeline, weak = experiment.pipeline, experiment.dataset.weak
    assert weak is not None  # `run` has seen to it

    def columns(batch: Batch) -> dict[str, np.ndarray]:
        views = {"weak": batch.image}
        if batch.strong_image is not None:
            views["strong"] = batch.strong_image
        pixels = {name: to_pixels(x, weak) for name, x in views.items()}
        tensors = {"given": batch.label, "true": batch.true_label, **pixels}
        return {name: np.asarray(x) for name, x in tensors.items()}

    # A probe table is not asked for here: held-out examples are not trained on.
    alone = tf.distribute.get_strategy()
    batches = pipeline.batches(alone, 0, pipeline.steps_per_epoch, with_probe=False)
    missing = np.minimum(experiment.dataset.class_counts, count)
    missing[classes:] = 0
    parts = []
    for batch in map(columns, batches):
        # One of each label, since a whole batch may share its strong operations.
        labels, rows = np.unique(batch["given"], return_index=True)
        wanted = missing[labels] > 0
        missing[labels[wanted]] -= 1
        parts.append({name: column[rows[wanted]] for name, column in batch.items()})
        if not missing.any():
            break
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _title(experiment: Experiment, found: Mapping[str, np.ndarray], classes: int) -> str:
    config, dataset = experiment.config, experiment.dataset
    known = "all" if (dataset.true_labels >= 0).all() else "those that are known"
    of_all = f"{dataset.noise.measured or 0:.1%} of {known}"
    how = f"--method={config.run.method}" + (
        f" --aug_type={config.data.aug_type}" * ("strong" in found)
    )
    sentences = [
        f"{dataset.name}, seed {config.run.seed}, as {how} sees it in its first steps.",
        "Each row is a given label;",
        f"below each image is its true one, framed where they differ ({of_all})."
        if dataset.noise.measured is not None
        else "true labels are not known.",
    ]
    if classes < dataset.num_classes:
        sentences.append(f"These are the first {classes} of {dataset.num_classes} classes.")
    if dataset.note:
        sentences.append(f"Data: {dataset.note}.")
    return " ".join(sentences)


def _path(experiment: Experiment) -> Path:
    """In the folder of the data set, above those of networks and runs."""
    config = experiment.config
    return (
        experiment.folder.path.parents[2] / f"images_{config.run.method}_seed{config.run.seed}.png"
    )

"""Facts that a run leaves behind: its identity, its data, its best step, its examples."""

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ieg.data import corrections
from ieg.data.files import FileImages
from ieg.evaluation import measures
from ieg.experiment import Experiment
from ieg.runs import Row


def identity(experiment: Experiment) -> dict[str, Any]:
    """Keys of result.json that tell runs apart."""
    config, noise = experiment.config, experiment.dataset.noise
    settings = {k: v for k, v in experiment.config.experiment().items() if k != "seed"}
    if config.data.label_corrections is not None:
        settings["label_corrections"] = corrections.digest(config.data.label_corrections)
    for name in settings:
        if name.endswith("_ckpt") and settings[name]:
            # Runs of several seeds that build on one run each are repetitions of one experiment.
            settings[name] = re.sub(rf"seed{config.run.seed}(?=/|$)", "seed*", settings[name])
    return {
        "method": config.run.method,
        "dataset": experiment.dataset.name,
        "data_note": experiment.dataset.note,
        "network": config.network.network_name,
        "seed": config.run.seed,
        "eval_split": config.data.eval_split,
        "fold": None if experiment.fold is None else str(experiment.fold),
        "part": config.part or None,
        "noise_rate_asked": noise.asked,
        "noise_rate": noise.measured,
        "settings": settings,
    }


def best(rows: Sequence[Row]) -> dict[str, Any]:
    """Measures of the evaluation with the highest top-1 accuracy, the first of equals."""
    highest = max(rows, key=lambda row: row["top1"] or 0.0)
    return {
        measures.BEST.key: highest["top1"],
        "best_step": int(highest["step"] or 0),
        **{f"{m.key}_best": highest[m.key] for m in measures.ON_TRAINING if m.at_best},
    }


def data_facts(experiment: Experiment) -> dict[str, Any]:
    """Content of data.json: sizes, class counts and what the noise did."""
    dataset, probe = experiment.dataset, experiment.dataset.probe_indices
    expected, transition = dataset.noise.expected, dataset.noise.transition
    corrected = dataset.corrections
    return {
        "dataset": dataset.name,
        "data_note": dataset.note,
        "class_names": list(dataset.class_names),
        "training_images": len(dataset.train_indices),
        "probe_images": dataset.probe_size,
        "probe_indices": [] if probe is None else probe.ravel().tolist(),
        "evaluation_images": len(dataset.evaluation.labels),
        "class_counts": dataset.class_counts.tolist(),
        "noise_type": dataset.noise.kind,
        "noise_rate_asked": dataset.noise.asked,
        "noise_rate": dataset.noise.measured,
        "true_labels_known": int(np.sum(dataset.true_labels[dataset.train_indices] >= 0)),
        "transition_matrix": None if transition is None else transition.tolist(),
        "expected_transition_matrix": None if expected is None else expected.tolist(),
        "label_corrections": None if corrected is None else corrected._asdict(),
    }


def confusion_table(
    confusion: Sequence[Sequence[int]], class_names: Sequence[str]
) -> dict[str, Any]:
    """Columns of confusion.csv: test images of each true class (row) by predicted class."""
    columns = zip(*confusion, strict=True)
    return {"": class_names, **dict(zip(class_names, columns, strict=True))}


def examples_table(experiment: Experiment) -> dict[str, Any]:
    """Columns of examples.csv: labels, and the ledger's values of each training example.

    Examples that are files come with their path, those that have names with these, and both with
    the name of their given label.
    """
    dataset, indices = experiment.dataset, experiment.dataset.train_indices
    values = {name: column[indices] for name, column in experiment.state.ledger.read().items()}
    true = dataset.true_labels[indices]
    table = {
        "index": indices,
        "given_label": dataset.given_labels[indices],
        "true_label": np.where(true < 0, np.nan, true),
        **values,
    }
    if isinstance(dataset.train.images, FileImages):
        paths = dataset.train.images.paths[indices]
        table["path"] = [os.fsdecode(path) for path in paths]
    elif dataset.train.names is not None:
        table["name"] = dataset.train.names[indices].tolist()
    if table.keys() & {"path", "name"}:
        table["given_class"] = [dataset.class_names[k] for k in table["given_label"]]
    return table


def parameters(experiment: Experiment) -> dict[str, Any]:
    """The row of params.csv: every setting, and the length of run and warm-up in steps."""
    return {
        **experiment.config.values(),
        "total_iterations": experiment.last_step,
        "warmup_iterations": experiment.warmup_steps(),
    }

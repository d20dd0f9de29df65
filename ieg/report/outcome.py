"""Facts that a run leaves behind: its identity, its data, its best step, its examples."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ieg.data import corrections
from ieg.data.files import FileImages
from ieg.data.images import Images
from ieg.evaluation import evaluate, measures
from ieg.experiment import Experiment
from ieg.runs import Row
from ieg.runs.folder import LABEL_CORRECTIONS


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


def measured(tested: Mapping[str, Any]) -> dict[str, Any]:
    """Measures of the test images in the order of metrics.csv and result.json."""
    return {measure.key: tested[measure.key] for measure in measures.ON_TEST}


def result(
    experiment: Experiment, cost: Mapping[str, Any], tested: Mapping[str, Any], logits: np.ndarray
) -> dict[str, Any]:
    """Content of result.json but for the best step.

    Args:
      experiment: trained.
      cost: steps, seconds, examples per second, and perhaps more.
      tested: measures of the test images, top1_raw among them.
      logits: [n, K] for the examples to train on, not augmented.
    """
    dataset = experiment.dataset
    return {
        **identity(experiment),
        **cost,
        "damaged_images": None if dataset.damage is None else dataset.damage.count,
        **measured(tested),
        "per_class": tested["per_class"],
        **evaluate.label_fit(logits, dataset, dataset.train_indices),
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


def keep_corrections(experiment: Experiment) -> None:
    """Copy the decisions, by which the run is found when their file has been changed."""
    decisions = experiment.config.data.label_corrections
    if decisions is not None:
        text = corrections.content(decisions).decode(errors="surrogateescape")
        experiment.folder.write_text(LABEL_CORRECTIONS, text)


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


def paths(images: Images, rows: np.ndarray) -> list[str]:
    """Paths of some images, "" for images that are no files."""
    if not isinstance(images, FileImages):
        return [""] * len(rows)
    return [os.fsdecode(path) for path in images.paths[rows]]


def parameters(experiment: Experiment) -> dict[str, Any]:
    """The row of params.csv: every setting, and the length of run and warm-up in steps."""
    return {
        **experiment.config.values(),
        "total_iterations": experiment.last_step,
        "warmup_iterations": experiment.warmup_steps(),
    }

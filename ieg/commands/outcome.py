"""What a run leaves behind: facts about its data, its result, its examples, its figures."""

from pathlib import Path
from typing import Any

import numpy as np

from ieg.experiment import Experiment
from ieg.report import figures, spreadsheet, subsets

#: Kept in result.json for the last evaluation and for the best one.
_NOISE_KEYS = ("wrong_label_fit", "clean_train", "recovered")

#: The name that ProSelfLC's users know.
SPREADSHEET = "accuracy_loss_normalised_entropy_max_p_metadata.xlsx"


def identity(experiment: Experiment) -> dict[str, Any]:
    """What result.json says of which run it is."""
    config, noise = experiment.config, experiment.dataset.noise
    settings = experiment.settings.experiment()
    return {
        "method": config.method,
        "dataset": config.dataset,
        "data_note": experiment.dataset.note,
        "network": config.network_name,
        "seed": config.seed,
        "eval_split": config.eval_split,
        "noise_rate_asked": noise.asked,
        "noise_rate": noise.measured,
        "settings": {name: value for name, value in settings.items() if name != "seed"},
    }


def best(rows: list[dict[str, float | None]]) -> dict[str, Any]:
    """The evaluation with the highest top-1 (the first of equals), and what else held there."""
    highest = max(rows, key=lambda row: row["top1"] or 0.0)
    return {
        "top1_best": highest["top1"],
        "best_step": int(highest["step"] or 0),
        **{f"{name}_best": highest[name] for name in _NOISE_KEYS},
    }


def data_facts(experiment: Experiment) -> dict[str, Any]:
    """What data.json holds: sizes, class counts and what the noise did."""
    dataset, probe = experiment.dataset, experiment.dataset.probe_indices
    expected = dataset.noise.expected
    return {
        "dataset": dataset.name,
        "data_note": dataset.note,
        "class_names": list(dataset.class_names),
        "training_images": len(dataset.train_indices),
        "probe_images": 0 if probe is None else probe.size,
        "probe_indices": [] if probe is None else probe.ravel().tolist(),
        "evaluation_images": len(dataset.evaluation.labels),
        "class_counts": dataset.class_counts.tolist(),
        "noise_type": dataset.noise.kind,
        "noise_rate_asked": dataset.noise.asked,
        "noise_rate": dataset.noise.measured,
        "transition_matrix": dataset.noise.transition.tolist(),
        "expected_transition_matrix": None if expected is None else expected.tolist(),
    }


def examples_table(experiment: Experiment) -> dict[str, Any]:
    """Columns of examples.csv: labels, and what training says about each training example."""
    dataset, indices = experiment.dataset, experiment.dataset.train_indices
    values = {name: column[indices] for name, column in experiment.state.ledger.read().items()}
    return {
        "index": indices,
        "given_label": dataset.given_labels[indices],
        "true_label": dataset.train.labels[indices],
        **values,
    }


def parameters(experiment: Experiment) -> dict[str, Any]:
    """The row of params.csv: every setting, and what they come to in steps."""
    return {
        **experiment.settings.values(),
        "total_iterations": experiment.last_step,
        "warmup_iterations": experiment.warmup_steps(),
    }


def draw_curves(experiment: Experiment) -> None:
    """The figures of the evaluations so far."""
    rows = experiment.folder.read_metrics()
    metrics = {
        name: np.array([np.nan if row[name] is None else row[name] for row in rows], float)
        for name in rows[-1]
    }
    title = _title(experiment)
    figures.learning_curves(metrics, _figure(experiment, "curves"), title=title)
    plain = f"{title}, no image augmented"
    subsets.subset_curves(metrics, _figure(experiment, "subsets"), title=plain)
    subsets.trust_curves(metrics, _figure(experiment, "trust"), title=title)


def write_sheets(experiment: Experiment) -> None:
    """The same evaluations as a file for spreadsheets."""
    folder = experiment.folder
    spreadsheet.write(folder.path / SPREADSHEET, subsets.sheets(folder.read_metrics()))


def draw(experiment: Experiment, confusion: list[list[int]], examples: dict[str, Any]) -> None:
    """The figures of a run; histograms where noise left something to tell apart."""
    draw_curves(experiment)
    title, class_names = _title(experiment), experiment.dataset.class_names
    figures.confusion(
        np.array(confusion), class_names, _figure(experiment, "confusion"), title=title
    )
    known = examples["true_label"] >= 0
    wrong = (examples["given_label"] != examples["true_label"])[known]
    if wrong.any() and not wrong.all():
        for name in ("loss", *experiment.method.per_example):
            path = _figure(experiment, f"{name}_histogram")
            values = examples[name][known]
            figures.clean_and_wrong_histogram(values, wrong, name, path, title=title)


def _title(experiment: Experiment) -> str:
    config, dataset = experiment.config, experiment.dataset
    loss = experiment.settings.values().get("loss")
    method = config.method if loss is None else f"{config.method} ({loss})"
    return (
        f"{method} on {dataset.name}, noise rate {dataset.noise.measured:.3f}, "
        f"accuracy on {config.eval_split} images"
    )


def _figure(experiment: Experiment, name: str) -> Path:
    return experiment.folder.figures / f"{name}.{experiment.config.figure_format}"

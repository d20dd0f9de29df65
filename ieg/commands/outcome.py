"""What a run leaves behind: facts about its data, its result, its examples, its figures."""

from typing import Any

import numpy as np

from ieg.experiment import Experiment
from ieg.methods import Record
from ieg.report import figures

#: Kept in result.json for the last evaluation and for the best one.
_NOISE_KEYS = ("wrong_label_fit", "clean_train", "recovered")


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


def record(experiment: Experiment, rows: list[dict[str, float | None]]) -> Record:
    """What figures are drawn from.

    Args:
      experiment: restored or trained.
      rows: of metrics.csv, up to where the experiment is.
    """
    dataset, config = experiment.dataset, experiment.config
    names = rows[-1] if rows else ()
    metrics = {
        name: np.array([np.nan if row[name] is None else row[name] for row in rows], float)
        for name in names
    }
    asked = dataset.noise.asked
    return Record(
        variables=experiment.state.method_variables,
        metrics=metrics,
        examples=examples_table(experiment),
        class_names=dataset.class_names,
        noise_rate=dataset.noise.measured if asked is None else asked,
        title=f"{config.method} on {dataset.name}, noise rate {dataset.noise.measured:.3f}",
    )


def draw(experiment: Experiment, confusion: list[list[int]], drawn_from: Record) -> None:
    """The figures of a run; histograms where noise left something to tell apart."""
    folder, examples = experiment.folder, drawn_from.examples
    title = f"{drawn_from.title}, accuracy on {experiment.config.eval_split} images"
    figures.learning_curves(drawn_from.metrics, folder.figures / "curves.png", title=title)
    figures.confusion(
        np.array(confusion), drawn_from.class_names, folder.figures / "confusion.png", title=title
    )
    known = examples["true_label"] >= 0
    wrong = (examples["given_label"] != examples["true_label"])[known]
    if wrong.any() and not wrong.all():
        for name in ("loss", *experiment.method.per_example):
            path = folder.figures / f"{name}_histogram.png"
            values = examples[name][known]
            figures.clean_and_wrong_histogram(values, wrong, name, path, title=title)
    experiment.method.draw(drawn_from, folder.figures)

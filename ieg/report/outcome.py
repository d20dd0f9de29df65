"""What a run leaves behind: facts about its data, its result, its examples, its figures."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ieg.data import corrections
from ieg.data.files import FileImages
from ieg.experiment import Experiment
from ieg.methods import Record
from ieg.report import figures, spreadsheet, subsets

#: Kept in result.json for the last evaluation and for the best one.
_NOISE_KEYS = ("wrong_label_fit", "clean_train", "recovered")

#: The name that ProSelfLC's users know.
SPREADSHEET = "accuracy_loss_normalised_entropy_max_p_metadata.xlsx"


def identity(experiment: Experiment) -> dict[str, Any]:
    """What result.json says of which run it is."""
    config, noise = experiment.config, experiment.dataset.noise
    settings = {k: v for k, v in experiment.settings.experiment().items() if k != "seed"}
    if config.label_corrections is not None:
        settings["label_corrections"] = corrections.digest(config.label_corrections)
    for name in settings:
        if name.endswith("_ckpt") and settings[name]:
            # Runs of several seeds that build on one run each are repetitions of one experiment.
            settings[name] = re.sub(rf"seed{config.seed}(?=/|$)", "seed*", settings[name])
    return {
        "method": config.method,
        "dataset": experiment.dataset.name,
        "data_note": experiment.dataset.note,
        "network": config.network_name,
        "seed": config.seed,
        "eval_split": config.eval_split,
        "fold": None if experiment.fold is None else str(experiment.fold),
        "noise_rate_asked": noise.asked,
        "noise_rate": noise.measured,
        "settings": settings,
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


def confusion_table(tested: Mapping[str, Any], class_names: Sequence[str]) -> dict[str, Any]:
    """Columns of confusion.csv: test images of each true class (row) by what is predicted."""
    columns = zip(*tested["confusion"], strict=True)
    return {"": class_names, **dict(zip(class_names, columns, strict=True))}


def examples_table(experiment: Experiment) -> dict[str, Any]:
    """Columns of examples.csv: labels, and what training says about each training example.

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
    """The row of params.csv: every setting, and what they come to in steps."""
    return {
        **experiment.settings.values(),
        "total_iterations": experiment.last_step,
        "warmup_iterations": experiment.warmup_steps(),
    }


def record(experiment: Experiment, rows: list[dict[str, float | None]]) -> Record:
    """What the figures of a method are drawn from.

    Args:
      experiment: restored or trained.
      rows: of metrics.csv, up to where the experiment is.
    """
    dataset = experiment.dataset
    asked = dataset.noise.asked
    return Record(
        variables=experiment.state.method_variables,
        metrics=_columns(rows),
        examples=examples_table(experiment),
        class_names=dataset.class_names,
        noise_rate=dataset.noise.measured if asked is None else asked,
        title=_title(experiment),
        figure_format=experiment.config.figure_format,
    )


def draw_curves(experiment: Experiment) -> None:
    """The figures of the evaluations so far."""
    metrics, title = _columns(experiment.folder.read_metrics()), _title(experiment)
    title += _accuracy(experiment)
    figures.learning_curves(metrics, _figure(experiment, "curves"), title=title)
    plain = f"{title}, no image augmented"
    subsets.subset_curves(metrics, _figure(experiment, "subsets"), title=plain)
    _draw_logged(experiment, metrics, experiment.folder.figures)


def write_sheets(experiment: Experiment) -> None:
    """The same evaluations as a file for spreadsheets."""
    folder = experiment.folder
    spreadsheet.write(folder.path / SPREADSHEET, subsets.sheets(folder.read_metrics()))


def draw_method(experiment: Experiment, drawn_from: Record, folder: Path) -> list[Path]:
    """What the method logs of itself and what it has learned: the files, written to `folder`."""
    logged = _draw_logged(experiment, drawn_from.metrics, folder)
    return [*logged, *experiment.method.draw(drawn_from, folder)]


def draw(experiment: Experiment, confusion: list[list[int]], drawn_from: Record) -> None:
    """The figures of a run; histograms where noise left something to tell apart."""
    draw_curves(experiment)
    experiment.method.draw(drawn_from, experiment.folder.figures)
    title, examples = drawn_from.title + _accuracy(experiment), drawn_from.examples
    known = examples["true_label"] >= 0
    figures.confusion(
        np.array(confusion),
        drawn_from.class_names,
        _figure(experiment, "confusion"),
        title=title,
        # Where nobody has checked the training labels, nobody has checked those of the test images.
        row_label="true label" if known.any() else "label of the test image",
    )
    wrong = (examples["given_label"] != examples["true_label"])[known]
    if wrong.any() and not wrong.all():
        for name in ("loss", *experiment.method.per_example):
            path = _figure(experiment, f"{name}_histogram")
            values = examples[name][known]
            if not np.isfinite(values).any():  # none of them has been visited
                continue
            figures.clean_and_wrong_histogram(values, wrong, name, path, title=title)


def _draw_logged(
    experiment: Experiment, metrics: Mapping[str, np.ndarray], folder: Path
) -> list[Path]:
    """The scalars that the method logs of itself: the file, where it logs any."""
    config, title = experiment.config, _title(experiment)
    path = folder / f"{config.method}.{config.figure_format}"
    curves = figures.method_curves(metrics, experiment.method.curves, path, title=title)
    return [] if curves is None else [path]


def _columns(rows: list[dict[str, float | None]]) -> dict[str, np.ndarray]:
    """Column of metrics.csv → [evaluations] float, nan where unknown."""
    return {
        name: np.array([np.nan if row[name] is None else row[name] for row in rows], float)
        for name in (rows[-1] if rows else ())
    }


def _title(experiment: Experiment) -> str:
    config, dataset = experiment.config, experiment.dataset
    loss = experiment.settings.values().get("loss")
    method = config.method if loss is None else f"{config.method} ({loss})"
    rate = "unknown" if dataset.noise.measured is None else f"{dataset.noise.measured:.3f}"
    return f"{method} on {dataset.name}, noise rate {rate}"


def _accuracy(experiment: Experiment) -> str:
    return f", accuracy on {experiment.config.eval_split} images"


def _figure(experiment: Experiment, name: str) -> Path:
    return experiment.folder.figures / f"{name}.{experiment.config.figure_format}"

"""report.html: what a run was, what came of it, and its label audit, to be looked at.

The page is made from the files of the run folder, and from the training images themselves.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from rich.console import Console

from ieg.audit import agreement
from ieg.audit.scores import FIRST, THRESHOLD
from ieg.data import corrections, images
from ieg.drawing import canvas
from ieg.evaluation import metrics, shots
from ieg.experiment import Experiment
from ieg.methods import Record
from ieg.report import figures, outcome, thumbnails
from ieg.report.page import charts, matrices, tables
from ieg.report.page.charts import Line
from ieg.report.page.document import Audit, Page, render
from ieg.report.page.markup import Html
from ieg.runs.folder import CONFUSION, LABEL_AUDIT, LABEL_CORRECTIONS

PAGE = "report.html"

#: Columns of label_audit.csv that are not evidence.
_LABELS = ("index", "path", "given_label", "suggested_label", "score", "true_label")
#: Figures that every run draws; the page says the same by charts and tables.
_COMMON_FIGURES = ("curves", "subsets", "confusion")

Result = Mapping[str, Any]


def write(experiment: Experiment, result: Result) -> None:
    """Writes report.html.

    Args:
      experiment: trained or restored.
      result: what result.json holds.
    """
    folder, dataset = experiment.folder, experiment.dataset
    record = outcome.record(experiment, folder.read_metrics())
    facts = folder.read_audit()
    audited = _audit(experiment, facts)
    estimated = None if facts is None else np.array(facts["transition_matrix"])
    page = Page(
        title=record.title,
        key=_key(experiment, audited),
        class_names=dataset.class_names,
        headline=_headline(result, facts),
        facts=_facts(experiment, result, facts),
        charts=[*_curves(experiment, record), *_histograms(audited)],
        matrices=_matrices(experiment, estimated),
        tables=_tables(experiment, result, audited),
        pictures=_pictures(experiment),
        settings=_settings(experiment),
        audit=audited,
    )
    folder.write_text(PAGE, render(page))


def remake(experiment: Experiment, console: Console) -> None:
    """Writes report.html anew, after another audit; a run that has not finished has none yet."""
    result = experiment.folder.read_result()
    if result is None:
        return
    write(experiment, result)
    path = experiment.folder.path / PAGE
    console.print(f"saved as {path}", highlight=False, markup=False, soft_wrap=True)


def _audit(experiment: Experiment, facts: Result | None) -> Audit | None:
    """label_audit.csv with pictures of its first rows, and what audit.json warns of."""
    table = experiment.folder.read_table(LABEL_AUDIT)
    if table is None:
        return None
    dataset = experiment.dataset
    numbers = {name: k for k, name in enumerate(dataset.class_names)}

    def labels(column: str) -> np.ndarray:
        return np.array([numbers.get(name, -1) for name in table[column]], np.int64)

    index = np.array(table["index"], np.int64)
    pictures = dataset.train.images[index[: thumbnails.MOST]]
    shown = images.kind(pictures) == "images"
    return Audit(
        index=index,
        path=table["path"] if any(table["path"]) else None,
        given=labels("given_label"),
        suggested=labels("suggested_label"),
        true=labels("true_label"),
        score=_numbers(table["score"]),
        evidence={
            # What an example is called may look like a number.
            name: cells if name == "name" else _numbers(cells)
            for name, cells in table.items()
            if name not in _LABELS
        },
        thumbnails=thumbnails.data_uris(pictures) if shown else (),
        pixelated=shown and thumbnails.is_small(pictures),
        warning=_sentence(agreement.warning(facts or {})),
        earlier=_earlier(experiment),
    )


def _earlier(experiment: Experiment) -> list[dict[str, str]]:
    """The decisions that the run was corrected by."""
    if experiment.config.label_corrections is None:
        return []
    rows = corrections.read(experiment.folder.path / LABEL_CORRECTIONS)
    return [
        {name: getattr(row, name) for name in corrections.COLUMNS} for row in rows if row.decision
    ]


def _key(experiment: Experiment, audited: Audit | None) -> str:
    """Stands for settings, classes, images and given labels, whatever the audit says of them."""
    parts: list[Any] = [outcome.identity(experiment), experiment.dataset.class_names]
    if audited is not None:
        order = np.argsort(audited.index)
        parts += [audited.index[order].tolist(), audited.given[order].tolist()]
        parts += [] if audited.path is None else [[audited.path[i] for i in order]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def _headline(result: Result, audit: Result | None) -> dict[str, tuple[str, str]]:
    best = f"best {_percent(result['top1_best'])} at step {result['best_step']:,}"
    shown = {
        "Top-1 accuracy": (_percent(result["top1"]), f"{result['eval_split']} images, {best}"),
        "Balanced accuracy": (_percent(result["balanced_accuracy"]), "mean over the classes"),
    }
    if audit is not None:
        of = f"of {audit['examples']:,} labels, score above {THRESHOLD:g}"
        of += "; not reliable, see below" if agreement.warning(audit) else ""
        shown["Probably wrong labels"] = (f"{audit['suspicious']:,}", of)
        truth = result["noise_rate"]
        known = "true labels unknown" if truth is None else f"measured: {_percent(truth)}"
        shown["Estimated noise rate"] = (_percent(audit["noise_rate"]), known)
        if audit["auroc"] is not None:
            precision = f"average precision {audit['average_precision']:.4f}"
            shown["AUROC of the audit"] = (f"{audit['auroc']:.4f}", precision)
    return shown


def _facts(
    experiment: Experiment, result: Result, audit: Result | None
) -> dict[str, list[tuple[str, str]]]:
    """Three lists: the run, its data, its result."""
    data = outcome.data_facts(experiment)
    shape = " × ".join(map(str, experiment.dataset.train.images.shape[1:]))
    run = {
        "method": result["method"],
        "network": f"{result['network']}, seed {result['seed']}",
        "steps": f"{result['steps']:,} with batches of {experiment.pipeline.batch_size}",
        "time": f"{result['seconds']:,.0f} s",
        "speed": _text(result["examples_per_second"], "{:,.0f} examples/s"),
    }
    of_data = {
        "data set": data["dataset"],
        "note": data["data_note"],
        "trained on": f"{data['training_images']:,} of {shape}",
        "clean probe examples": f"{data['probe_images']:,}",
        "tested on": f"{data['evaluation_images']:,} ({result['eval_split']})",
        "classes": f"{len(data['class_names']):,}",
        "noise": data["noise_type"],
        "noise rate asked for": _text(data["noise_rate_asked"], "{:g}"),
        "noise rate measured": _text(data["noise_rate"], "{:.4f}"),
        "damaged images": _text(result["damaged_images"], "{:,}"),
    }
    corrected = data["label_corrections"]
    if corrected:
        of_data["corrected"] = f"{corrected['relabelled']} labels, {corrected['dropped']} left out"
    top5 = result["top5"] if metrics.top5_tells(len(data["class_names"])) else None
    measured = {
        "top-5 accuracy": _text(top5, "{:.4f}"),
        "calibration error": _text(result["ece"], "{:.4f}"),
        "accuracy without averaging": _text(result["top1_raw"], "{:.4f}"),
        "right labels predicted": _text(result["clean_train"], "{:.4f}"),
        "wrong labels memorised": _text(result["wrong_label_fit"], "{:.4f}"),
        "wrong labels seen through": _text(result["recovered"], "{:.4f}"),
    }
    if audit is not None:
        folds = f", by {audit['audit_folds']} folds" if audit["audit_folds"] else ""
        measured["label audit"] = f"at step {audit['step']:,}{folds}"
        measured[f"precision at {FIRST}"] = _text(audit[f"precision_at_{FIRST}"], "{:.4f}")
    named = {"Run": run, "Data": of_data, "Result": measured}
    return {title: [(k, v) for k, v in pairs.items() if v] for title, pairs in named.items()}


def _curves(experiment: Experiment, record: Record) -> list[Html]:
    """Learning curves, and what the method logs of itself."""
    panels = figures.learning_panels(record.metrics)
    panels += figures.method_panels(record.metrics, experiment.method.curves)
    drawn = []
    for panel in panels:
        lines = [
            Line(name, colour, record.metrics[column])
            for column, (name, colour) in panel.lines.items()
            if canvas.is_known(record.metrics.get(column))
        ]
        drawn.append(charts.line_chart(panel.title, panel.unit, record.metrics["step"], lines))
    return drawn


def _histograms(audited: Audit | None) -> list[Html]:
    """Evidence of right and wrong labels, or where nobody knows of those that look so."""
    if audited is None:
        return []
    known = audited.true >= 0
    wrong, words = audited.given != audited.true, ("right label", "wrong label")
    if not known.any():
        known, wrong = np.ones(len(known), bool), audited.score > THRESHOLD
        words = ("label probably right", "label probably wrong")
    drawn = []
    shown = {"score": audited.score, **audited.evidence}
    for name, values in shown.items():
        if name == "visits" or not isinstance(values, np.ndarray):
            continue
        groups = {words[0]: values[known & ~wrong], words[1]: values[known & wrong]}
        drawn.append(charts.histogram(name.replace("_", " ").capitalize(), groups))
    return [chart for chart in drawn if chart is not None]


def _matrices(experiment: Experiment, estimated: np.ndarray | None) -> list[Html]:
    names, shown = experiment.dataset.class_names, []
    table = experiment.folder.read_table(CONFUSION)
    if table is not None:
        counts = np.array([table[name] for name in names], np.int64).T
        shown.append(
            matrices.square(
                "Confusion matrix", counts, names, rows="label of the image", columns="predicted"
            )
        )
    if estimated is not None:
        caption = "Given labels of each class, as the audit estimates them"
        words = {"rows": "probable class", "columns": "given label"}
        shown.append(matrices.square(caption, estimated, names, **words))
    return shown


def _tables(experiment: Experiment, result: Result, audited: Audit | None) -> list[Html]:
    """Accuracy of each class, and of the classes with many, medium and few images."""
    config, counts = experiment.config, experiment.dataset.class_counts
    suspected = None
    if audited is not None:
        wrong = audited.given[audited.score > THRESHOLD]
        suspected = np.bincount(wrong, minlength=len(counts))
    group = shots.groups(counts, config.many_shot_above, config.few_shot_below)
    return tables.accuracies(
        experiment.dataset.class_names,
        counts,
        result["per_class"],
        group,
        {name: result[f"{name}_shot"] for name in group},
        suspected,
    )


def _pictures(experiment: Experiment) -> dict[str, bytes]:
    """Figures of what the method has learned."""
    common = (*_COMMON_FIGURES, experiment.config.method)
    paths = sorted(experiment.folder.figures.glob("*.png"))
    return {
        path.stem.replace("_", " "): path.read_bytes()
        for path in paths
        if path.stem not in common and not path.stem.endswith("_histogram")
    }


def _settings(experiment: Experiment) -> list[tuple[str, str, str]]:
    origins = experiment.settings.origins
    values = experiment.settings.values().items()
    return [(f"--{k}", "unset" if v is None else str(v), origins.get(k, "")) for k, v in values]


def _numbers(cells: Iterable[str]) -> np.ndarray:
    return np.array([float(cell) if cell else np.nan for cell in cells])


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.2f} %"


def _text(value: float | None, pattern: str) -> str | None:
    return None if value is None else pattern.format(value)

"""Contents of report.html: a run, its results, and its label audit to be looked through."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ieg.audit import FIRST, THRESHOLD, agreement
from ieg.data import corrections, images
from ieg.data.files import FileImages
from ieg.drawing import canvas
from ieg.drawing.panels import Columns
from ieg.evaluation import measures, shots
from ieg.evaluation.measures import Place
from ieg.experiment import Experiment
from ieg.report import figures, outcome, run_figures, thumbnails
from ieg.report.annotators import People
from ieg.report.findings import Findings
from ieg.report.label_audit import LabelAudit
from ieg.report.page import charts, matrices, sections, tables
from ieg.report.page.charts import Line
from ieg.report.page.document import Audit, Page, render
from ieg.report.page.markup import Html
from ieg.runs.folder import LABEL_CORRECTIONS, PAGE

#: Points of a curve over all labels.
_POINTS = 200

Result = Mapping[str, Any]


def write(
    experiment: Experiment,
    result: Result,
    metrics: Columns,
    confusion: np.ndarray | None,
    audited: LabelAudit,
    findings: Findings | None = None,
) -> Path:
    """Write report.html.

    Args:
      experiment: trained or restored.
      result: content of result.json.
      metrics: column of metrics.csv → [evaluations] float, nan where unknown.
      confusion: [K, K] counts of test images, the true class in the row; None where nobody has
        counted.
      audited: labels of the run.
      findings: on its images; None without features of them.
    Returns:
      the file.
    """
    folder, dataset = experiment.folder, experiment.dataset
    audit = _audit(experiment, audited, findings)
    page = Page(
        title=run_figures.title(experiment),
        key=_key(experiment, audit),
        class_names=dataset.class_names,
        headline={**_headline(result, audited.facts), **_found(findings)},
        facts=_facts(experiment, result, audited.facts),
        charts=[*_curves(experiment, metrics), *_looks(audit), *_histograms(audit)],
        matrices=_matrices(dataset.class_names, confusion, audited.facts),
        tables=_tables(experiment, result, audit, audited.people),
        pictures=_pictures(experiment),
        settings=_settings(experiment),
        audit=audit,
    )
    folder.write_text(PAGE, render(page))
    return folder.path / PAGE


def _audit(experiment: Experiment, audited: LabelAudit, findings: Findings | None) -> Audit:
    """The audit with pictures of its first rows, and a warning where it cannot be believed."""
    pictures = experiment.dataset.train.images[audited.index[: thumbnails.MOST]]
    shown = images.kind(pictures) == "images"
    uris = thumbnails.data_uris(pictures) if shown else []
    placed = sections.Placed([], [], {})
    if findings is not None:
        placed = sections.place(experiment, audited, findings, len(uris))
    neighbors = np.zeros([0, 0], np.int64) if audited.neighbors is None else audited.neighbors
    named = np.unique(neighbors[neighbors >= len(uris)])
    if shown and len(named):
        more = thumbnails.data_uris(
            experiment.dataset.train.images[audited.index[named]], sections.SHARE
        )
        placed.pictures.update(zip(named.tolist(), more, strict=False))
    return Audit(
        index=audited.index,
        path=audited.path,
        given=audited.given,
        suggested=audited.suggested,
        true=audited.true,
        score=audited.score,
        evidence=audited.evidence,
        thumbnails=uris,
        pixelated=shown and thumbnails.is_small(pictures),
        warning=_sentence(agreement.warning(audited.facts)),
        earlier=_earlier(experiment),
        neighbors=neighbors.tolist(),
        **placed._asdict(),
    )


def _earlier(experiment: Experiment) -> list[dict[str, str]]:
    """The decisions that the labels of the run were corrected by."""
    if experiment.config.data.label_corrections is None:
        return []
    files = experiment.dataset.train.images
    rows = corrections.translated(
        corrections.read(experiment.folder.path / LABEL_CORRECTIONS),
        experiment.dataset.class_names,
        files.paths if isinstance(files, FileImages) else None,
    )
    return [
        {name: getattr(row, name) for name in corrections.COLUMNS} for row in rows if row.decision
    ]


def _key(experiment: Experiment, audit: Audit) -> str:
    """Digest of settings, classes, images and given labels, whatever the audit says of them."""
    order = np.argsort(audit.index)
    parts: list[Any] = [outcome.identity(experiment), experiment.dataset.class_names]
    parts += [audit.index[order].tolist(), audit.given[order].tolist()]
    parts += [] if audit.path is None else [[audit.path[i] for i in order]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def _headline(result: Result, audit: Result) -> dict[str, tuple[str, str]]:
    best = f"best {_percent(result['top1_best'])} at step {result['best_step']:,}"
    best = best if result["steps"] else "head in closed form"
    of = f"of {audit['examples']:,} labels, score above {THRESHOLD:g}"
    of += "; not reliable, see below" if agreement.warning(audit) else ""
    truth = result["noise_rate"]
    known = "true labels unknown" if truth is None else f"measured: {_percent(truth)}"
    known += agreement.doubt(audit)
    shown = {
        "Top-1 accuracy": (_percent(result["top1"]), f"{result['eval_split']} images, {best}"),
        "Balanced accuracy": (_percent(result["balanced_accuracy"]), "mean over the classes"),
        "Probably wrong labels": (f"{audit['suspicious']:,}", of),
        "Estimated noise rate": (_percent(audit["noise_rate"]), known),
    }
    if audit["auroc"] is not None:
        precision = f"average precision {audit['average_precision']:.4f}"
        shown["AUROC of the audit"] = (f"{audit['auroc']:.4f}", precision)
    return shown


def _found(findings: Findings | None) -> dict[str, tuple[str, str]]:
    """Numbers of findings on the images."""
    if findings is None:
        return {}
    facts = findings.facts()
    copies, bad = facts["copies"], facts["condition"]
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in bad.items())
    leaks = f"{copies['leaks']:,} in training and {findings.split[-1]} images"
    return {
        "Groups of copies": (
            f"{copies['groups']:,}",
            f"{copies['labels_differ']:,} with different labels, {leaks}",
        ),
        "Outliers": (f"{facts['outliers']:,}", "far from all classes"),
        "Bad condition": (f"{len({found.index for found in findings.condition}):,}", kinds),
    }


def _facts(
    experiment: Experiment, result: Result, audit: Result
) -> dict[str, list[tuple[str, str]]]:
    """Three lists: the run, its data, its result."""
    data = outcome.data_facts(experiment)
    classes = len(data["class_names"])
    shape = " × ".join(map(str, experiment.seen_shape()))
    run = {
        "method": result["method"],
        "network": f"{result['network']}, seed {result['seed']}",
        "backbone": None if experiment.backbone is None else experiment.backbone.card.name,
        "steps": f"{result['steps']:,} with batches of {experiment.pipeline.batch_size}"
        if result["steps"]
        else "none: an audit without training",
        "time": f"{result['seconds']:,.0f} s",
        "speed": _text(result["examples_per_second"], "{:,.0f} examples/s"),
    }
    of_data = {
        "data set": data["dataset"],
        "note": data["data_note"],
        "trained on": f"{data['training_images']:,} of {shape}",
        "clean probe examples": f"{data['probe_images']:,}",
        "tested on": f"{data['evaluation_images']:,} ({result['eval_split']})",
        "classes": f"{classes:,}",
        "noise": data["noise_type"],
        "noise rate asked for": _text(data["noise_rate_asked"], "{:g}"),
        "noise rate measured": _text(data["noise_rate"], "{:.4f}"),
        "damaged images": _text(result["damaged_images"], "{:,}"),
    }
    corrected = data["label_corrections"]
    if corrected:
        of_data["corrected"] = f"{corrected['relabelled']} labels, {corrected['dropped']} left out"
    folds = f", by {audit['audit_folds']} folds" if audit["audit_folds"] else ""
    measured = {
        **{m.title: _text(result[m.key], "{:.4f}") for m in measures.shown(Place.PAGE, classes)},
        "label audit": f"at step {audit['step']:,}{folds}",
        f"precision at {FIRST}": _text(audit[f"precision_at_{FIRST}"], "{:.4f}"),
    }
    named = {"Run": run, "Data": of_data, "Result": measured}
    return {title: [(k, v) for k, v in pairs.items() if v] for title, pairs in named.items()}


def _curves(experiment: Experiment, metrics: Columns) -> list[Html]:
    """Learning curves, and what the method logs of itself."""
    panels = [*figures.LEARNING, *figures.method_panels(metrics, experiment.method.curves)]
    drawn = []
    for panel in panels:
        lines = [Line(*look, metrics[column]) for column, look in panel.known(metrics).items()]
        if lines:
            drawn.append(charts.line_chart(panel.title, panel.unit, metrics["step"], lines))
    return drawn


def _looks(audit: Audit) -> list[Html]:
    """Wrong labels that a person finds who looks through the list, beside any order."""
    known = audit.true >= 0
    wrong = np.where(known, audit.given != audit.true, audit.score)
    found = np.cumsum(wrong)
    if not found[-1] > 0:
        return []
    looks = np.arange(1, len(found) + 1)
    some = np.unique(np.linspace(0, len(looks) - 1, _POINTS).astype(np.int64))
    lines = [
        Line("by the list", canvas.COLORS[0], found[some].astype(np.float64)),
        Line("in random order", canvas.COLORS[1], found[-1] * looks[some] / len(looks)),
    ]
    unit = "labels" if known.all() else "labels, as the scores expect"
    title, along = "Wrong labels found", "labels looked at"
    return [charts.line_chart(title, unit, looks[some].astype(np.float64), lines, along)]


def _histograms(audit: Audit) -> list[Html]:
    """Evidence of right and wrong labels, or where nobody knows of those that look so."""
    known = audit.true >= 0
    wrong, words = audit.given != audit.true, ("right label", "wrong label")
    if not known.any():
        known, wrong = np.ones(len(known), bool), audit.score > THRESHOLD
        words = ("label probably right", "label probably wrong")
    drawn = []
    shown = {"score": audit.score, **audit.evidence}
    for name, values in shown.items():
        if name == "visits" or not isinstance(values, np.ndarray):
            continue
        groups = {words[0]: values[known & ~wrong], words[1]: values[known & wrong]}
        drawn.append(charts.histogram(name.replace("_", " ").capitalize(), groups))
    return [chart for chart in drawn if chart is not None]


def _matrices(names: Sequence[str], confusion: np.ndarray | None, audit: Result) -> list[Html]:
    shown = []
    if confusion is not None:
        words = {"rows": "label of the image", "columns": "predicted"}
        shown.append(matrices.square("Confusion matrix", confusion, names, **words))
    caption = "Given labels of each class, as the audit estimates them"
    words = {"rows": "probable class", "columns": "given label"}
    estimated = np.array(audit["transition_matrix"])
    return [*shown, matrices.square(caption, estimated, names, **words)]


def _tables(
    experiment: Experiment, result: Result, audit: Audit, people: People | None
) -> list[Html]:
    """Accuracy of each class, of the classes with many, medium and few images; and annotators."""
    config, counts = experiment.config, experiment.dataset.class_counts
    suspected = np.bincount(audit.given[audit.score > THRESHOLD], minlength=len(counts))
    group = shots.groups(
        counts, config.evaluation.many_shot_above, config.evaluation.few_shot_below
    )
    shown = tables.accuracies(
        experiment.dataset.class_names,
        counts,
        result["per_class"],
        group,
        {name: result[f"{name}_shot"] for name in group},
        suspected,
    )
    return shown if people is None else [*shown, tables.annotators(people)]


def _pictures(experiment: Experiment) -> dict[str, bytes]:
    """Figures that the page has no chart for."""
    paths = run_figures.for_page(experiment)
    return {path.stem.replace("_", " "): path.read_bytes() for path in paths}


def _settings(experiment: Experiment) -> list[tuple[str, str, str]]:
    origins = experiment.config.origins
    values = experiment.config.values().items()
    return [(f"--{k}", "unset" if v is None else str(v), origins.get(k, "")) for k, v in values]


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.2f} %"


def _text(value: float | None, pattern: str) -> str | None:
    return None if value is None else pattern.format(value)

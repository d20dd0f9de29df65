"""Figures of a run, declared once: the function that draws each, when, and if the page shows it.

A new figure is a function and one line of `FIGURES`. Figures of a learned loss or the like are
drawn by the method, see `Method.draw`, and always stand in the page.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from ieg import own_code
from ieg.drawing import panels
from ieg.experiment import Experiment
from ieg.methods import Method, Record
from ieg.report import figures, spreadsheet, subsets

#: The name that ProSelfLC's users know.
SPREADSHEET = "accuracy_loss_normalised_entropy_max_p_metadata.xlsx"


@dataclass(frozen=True, eq=False)
class Drawing:
    """A run to draw figures of.

    Attributes:
      experiment: trained or restored.
      metrics: column of metrics.csv → [evaluations] float, nan where unknown.
      folder: where the figures go.
      examples: columns of examples.csv; empty while the run goes on.
      confusion: [K, K] counts of test images; None while the run goes on.
    """

    experiment: Experiment
    metrics: panels.Columns
    folder: Path
    examples: Mapping[str, Any]
    confusion: np.ndarray | None = None

    @property
    def title(self) -> str:
        """Method, data and the split that accuracy is measured on."""
        split = self.experiment.config.data.eval_split
        return f"{title(self.experiment)}, accuracy on {split} images"

    def path(self, name: str) -> Path:
        """The file of a figure."""
        return self.folder / f"{name}.{self.experiment.config.run.figure_format}"


@dataclass(frozen=True)
class RunFigure:
    """A figure, or several of a kind.

    Attributes:
      draw: writes the files and returns their paths; none where there is nothing to see.
      name: of the file without its ending, with * for anything; "{method}" stands for the method.
      while_training: drawn anew after evaluations, and not only at the end.
      on_page: shown in report.html; not where the page has a chart or table in its place.
    """

    draw: Callable[[Drawing], list[Path]]
    name: str
    while_training: bool = False
    on_page: bool = True


def _curves(drawing: Drawing) -> list[Path]:
    path = drawing.path("curves")
    drawn = panels.draw(drawing.metrics, figures.LEARNING, path, title=drawing.title)
    return [path] if drawn else []


def _subsets(drawing: Drawing) -> list[Path]:
    path, heading = drawing.path("subsets"), f"{drawing.title}, no image augmented"
    return [path] if panels.draw(drawing.metrics, subsets.PANELS, path, title=heading) else []


def _logged(drawing: Drawing) -> list[Path]:
    """The scalars that the method logs of itself."""
    experiment, metrics = drawing.experiment, drawing.metrics
    path = drawing.path(experiment.config.run.method)
    shown = figures.method_panels(metrics, experiment.method.curves)
    return [path] if panels.draw(metrics, shown, path, title=title(experiment)) else []


def _confusion(drawing: Drawing) -> list[Path]:
    assert drawing.confusion is not None  # drawn at the end alone
    path, known = drawing.path("confusion"), drawing.examples["true_label"] >= 0
    figures.confusion(
        drawing.confusion,
        drawing.experiment.dataset.class_names,
        path,
        title=drawing.title,
        # Where nobody has checked the training labels, nobody has checked those of the test images.
        row_label="true label" if known.any() else "label of the test image",
    )
    return [path]


def _histograms(drawing: Drawing) -> list[Path]:
    """Values of the examples, where noise left clean and wrong labels to tell apart."""
    examples, drawn = drawing.examples, []
    known = examples["true_label"] >= 0
    wrong = (examples["given_label"] != examples["true_label"])[known]
    if not wrong.any() or wrong.all():
        return []
    for name in ("loss", *drawing.experiment.method.per_example):
        values = examples[name][known]
        if np.isfinite(values).any():  # some of them have been visited
            drawn.append(drawing.path(f"{name}_histogram"))
            figures.clean_and_wrong_histogram(values, wrong, name, drawn[-1], title=drawing.title)
    return drawn


#: In the order in which they are drawn.
FIGURES = (
    RunFigure(_curves, "curves", while_training=True, on_page=False),
    RunFigure(_subsets, "subsets", while_training=True, on_page=False),
    RunFigure(_logged, "{method}", while_training=True, on_page=False),
    RunFigure(_confusion, "confusion", on_page=False),
    RunFigure(_histograms, "*_histogram", on_page=False),
)


def draw_evaluations(experiment: Experiment) -> None:
    """Draw the figures of the evaluations so far."""
    folder = experiment.folder
    drawing = Drawing(experiment, folder.metrics.columns(), folder.figures, {})
    for figure in FIGURES:
        if figure.while_training:
            figure.draw(drawing)


def draw_all(
    experiment: Experiment, record: Record, confusion: np.ndarray, examples: Mapping[str, Any]
) -> None:
    """Draw the figures of a run that is over, those of its method among them.

    Args:
      experiment: trained.
      record: of that run.
      confusion: [K, K] counts of its test images.
      examples: columns of examples.csv.
    """
    folder = experiment.folder.figures
    drawing = Drawing(experiment, record.metrics, folder, examples, confusion)
    for figure in FIGURES:
        figure.draw(drawing)
    _warn_of_unknown_curves(experiment.method, record.metrics)
    experiment.method.draw(record, folder)


def _warn_of_unknown_curves(method: Method, metrics: panels.Columns) -> None:
    """Warn of curves that the user's own code declares and no step has logged, perhaps misspelled.

    Methods of the package name scalars that only some of their options and phases log.
    """
    declares = next(cls for cls in type(method).__mro__ if "curves" in vars(cls))
    named = {name for names in method.curves.values() for name in names}
    unknown = sorted(named - metrics.keys())
    if unknown and own_code.defines(declares):
        logging.getLogger("ieg").warning(
            "not drawn: %s, in the curves of the method, but never logged as a scalar",
            ", ".join(unknown),
        )


def draw_method(experiment: Experiment, record: Record, folder: Path) -> list[Path]:
    """Draw the scalars that the method logs and what it has learned; returns the files."""
    logged = _logged(Drawing(experiment, record.metrics, folder, {}))
    return [*logged, *experiment.method.draw(record, folder)]


def for_page(experiment: Experiment) -> list[Path]:
    """PNG files in the folder of figures that report.html shows."""
    method = experiment.config.run.method
    hidden = [figure.name.format(method=method) for figure in FIGURES if not figure.on_page]
    return [
        path
        for path in sorted(experiment.folder.figures.glob("*.png"))
        if not any(fnmatch(path.stem, name) for name in hidden)
    ]


def record(experiment: Experiment, metrics: panels.Columns, examples: Mapping[str, Any]) -> Record:
    """The record of a run that a method draws figures from.

    Args:
      experiment: restored or trained.
      metrics: column of metrics.csv → values, up to the step of the experiment.
      examples: columns of examples.csv.
    """
    noise = experiment.dataset.noise
    return Record(
        variables=experiment.state.method_variables,
        metrics=metrics,
        examples=examples,
        class_names=experiment.dataset.class_names,
        noise_rate=noise.measured if noise.asked is None else noise.asked,
        title=title(experiment),
        figure_format=experiment.config.run.figure_format,
    )


def title(experiment: Experiment) -> str:
    """Method with its loss, data and noise rate."""
    config, dataset = experiment.config, experiment.dataset
    loss = experiment.config.values().get("loss")
    method = config.run.method if loss is None else f"{config.run.method} ({loss})"
    rate = "unknown" if dataset.noise.measured is None else f"{dataset.noise.measured:.3f}"
    return f"{method} on {dataset.name}, noise rate {rate}"


def write_sheets(experiment: Experiment) -> None:
    """Write the evaluations as a file for spreadsheets."""
    folder = experiment.folder
    spreadsheet.write(folder.path / SPREADSHEET, subsets.sheets(folder.metrics.rows()))

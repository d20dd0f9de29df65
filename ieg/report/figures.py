"""The figures of one run and of several: each function draws one, writes it and returns it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ieg.drawing import canvas
from ieg.errors import InputError
from ieg.runs.finished import Run, names_of, setting_of, weights_of

LINE_STYLES = ("-", "--", ":")
HISTOGRAM_BINS = 40
MOST_CLASSES_WITH_NUMBERS = 20
MOST_CLASSES_WITH_NAMES = 120


class Panel(NamedTuple):
    """Curves that share their axes."""

    title: str
    unit: str
    lines: dict[str, tuple[str, str]]  # column of metrics.csv → name, colour


_LEARNING_PANELS = (
    Panel(
        "Test accuracy",
        "top-1 accuracy (fraction)",
        {
            "top1_raw": ("top1_raw (no weight averaging)", canvas.ORANGE),
            "top1": ("top1", canvas.BLUE),
        },
    ),
    Panel("Training loss", "mean loss per example", {"loss": ("loss", canvas.BLUE)}),
    Panel(
        "Predictions on training images",
        "fraction of the group",
        {
            "clean_train": ("clean label: predicts it", canvas.BLUE),
            "recovered": ("wrong label: predicts the true class", canvas.GREEN),
            "wrong_label_fit": ("wrong label: predicts it (memorised)", canvas.VERMILLION),
        },
    ),
)


def learning_panels(metrics: Mapping[str, NDArray[np.float64]]) -> list[Panel]:
    """Test accuracy, training loss and the fit to wrong labels, where anything of it is known.

    Args:
      metrics: as for `learning_curves`.
    """
    return [p for p in _LEARNING_PANELS if any(canvas.is_known(metrics.get(c)) for c in p.lines)]


def method_panels(
    metrics: Mapping[str, NDArray[np.float64]], curves: Mapping[str, Mapping[str, str]]
) -> list[Panel]:
    """What a method logs of itself, in the panels that it asks for, with the lines that are known.

    Args:
      metrics: as for `learning_curves`.
      curves: as for `method_curves`.
    """
    panels = []
    for heading, names in curves.items():
        known = {c: name for c, name in names.items() if canvas.is_known(metrics.get(c))}
        if known:
            coloured = zip(known.values(), canvas.COLOURS, strict=False)
            lines = dict(zip(known, coloured, strict=True))
            unit = next(iter(known.values())) if len(known) == 1 else "mean since the last point"
            panels.append(Panel(heading, unit, lines))
    return panels


def learning_curves(
    metrics: Mapping[str, NDArray[np.float64]], path: Path | str, *, title: str = ""
) -> Figure:
    """Test accuracy, training loss and, where true labels are known, the fit to wrong ones.

    Args:
      metrics: column of metrics.csv → [evaluations] float, nan where unknown; `step` is needed.
        A panel of which nothing is known is left out.
      path: the file to write.
      title: what was run, such as `setting_of([run])`.
    Raises:
      InputError: nothing is known, or the ending of the path is no image format.
    """
    panels = learning_panels(metrics)
    if not panels:
        columns = ", ".join(column for panel in _LEARNING_PANELS for column in panel.lines)
        raise InputError(f"no learning curve to draw: expected numbers in one of {columns}")
    return _draw_panels(metrics, panels, path, title)


def method_curves(
    metrics: Mapping[str, NDArray[np.float64]],
    curves: Mapping[str, Mapping[str, str]],
    path: Path | str,
    *,
    title: str = "",
) -> Figure | None:
    """What a method logs of itself, in the panels that it asks for.

    Args:
      metrics: as for `learning_curves`.
      curves: title of a panel → column of metrics.csv → its name in the legend.
      path: the file to write.
      title: what was run.
    Returns:
      the figure; None, and no file, when nothing of it is known.
    Raises:
      InputError: the ending of the path is no image format.
    """
    panels = method_panels(metrics, curves)
    return _draw_panels(metrics, panels, path, title) if panels else None


def _draw_panels(
    metrics: Mapping[str, NDArray[np.float64]],
    panels: Sequence[Panel],
    path: Path | str,
    title: str,
) -> Figure:
    figure, all_axes = canvas.panels(len(panels), title)
    for axes, panel in zip(all_axes, panels, strict=True):
        axes.set_title(panel.title, fontsize=11)
        axes.set_ylabel(panel.unit)
        for column, (name, colour) in panel.lines.items():
            if canvas.is_known(metrics.get(column)):
                canvas.draw_curve(axes, metrics["step"], metrics[column], label=name, color=colour)
        if len(panel.lines) > 1:
            canvas.legend(axes)
    canvas.save(figure, path)
    return figure


def confusion(
    matrix: ArrayLike,
    class_names: Sequence[str],
    path: Path | str,
    *,
    title: str = "",
    row_label: str = "true label",
) -> Figure:
    """A confusion matrix: colour is the share of the row; counts are written up to 20 classes.

    Args:
      matrix: [K, K] int, rows are labels and columns predictions.
      class_names: K names; above 120 classes the axes show indices instead.
      path: the file to write.
      title: what was run.
      row_label: what the rows are, such as "given label".
    Raises:
      InputError: the ending of the path is no image format.
    """
    counts, classes = np.asarray(matrix), len(class_names)
    if counts.shape != (classes, classes):
        raise ValueError(f"expected a matrix [{classes}, {classes}], got {list(counts.shape)}")
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    side = float(np.clip(2.5 + 0.45 * classes, 5.0, 13.0))
    figure = canvas.empty_figure(side * 1.1, side, title)
    axes = figure.add_subplot()
    # The square root makes a confusion of 1 % visible beside a diagonal of 100 %.
    image = axes.imshow(share, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
    bar = figure.colorbar(image, ax=axes, label="share of the row", fraction=0.04, pad=0.02)
    bar.set_ticks([0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1])
    axes.set(xlabel="predicted class", ylabel=row_label)
    if classes <= MOST_CLASSES_WITH_NAMES:
        size = 9 if classes <= MOST_CLASSES_WITH_NUMBERS else 6
        axes.set_xticks(range(classes), class_names, rotation=90, fontsize=size)
        axes.set_yticks(range(classes), class_names, fontsize=size)
    if classes <= MOST_CLASSES_WITH_NUMBERS:
        _write_counts(axes, counts, share)
    canvas.save(figure, path)
    return figure


def clean_and_wrong_histogram(
    values: ArrayLike, is_wrong: ArrayLike, label: str, path: Path | str, *, title: str = ""
) -> Figure:
    """How a value of the training examples (loss, weight) differs between clean and wrong labels.

    Args:
      values: [N] float; what is not finite is left out.
      is_wrong: [N] bool, whether the given label differs from the true one.
      label: what the values are, with their unit; stands at the horizontal axis.
      path: the file to write.
      title: what was run.
    Raises:
      InputError: no value is finite, or the ending of the path is no image format.
    """
    figure, (axes,) = canvas.panels(1, title)
    _draw_clean_and_wrong(axes, np.asarray(values, float), np.asarray(is_wrong, bool), label)
    canvas.save(figure, path)
    return figure


def comparison(runs: Sequence[Run], path: Path | str) -> Figure:
    """Test accuracy of several runs, and the example weights of the first run that has them.

    Args:
      runs: what `read_run` gives. Weights are drawn for the examples whose true label is known.
      path: the file to write.
    Raises:
      InputError: the ending of the path is no image format.
    """
    names = [canvas.wrapped(name, 60) for name in names_of(runs)]
    weights = [weights_of(run) for run in runs]
    weighted = next((i for i, found in enumerate(weights) if found is not None), None)
    figure, all_axes = canvas.panels(1 if weighted is None else 2, setting_of(runs))
    all_axes[0].set_title("Test accuracy", fontsize=11)
    all_axes[0].set_ylabel("top-1 accuracy (fraction)")
    for number, (name, run) in enumerate(zip(names, runs, strict=True)):
        again, colour = divmod(number, len(canvas.COLOURS))
        style = {
            "color": canvas.COLOURS[colour],
            "linestyle": LINE_STYLES[again % len(LINE_STYLES)],
        }
        canvas.draw_curve(
            all_axes[0], run.metrics["step"], run.metrics["top1"], label=name, **style
        )
    canvas.legend(all_axes[0])
    if weighted is not None and (found := weights[weighted]) is not None:
        _draw_clean_and_wrong(all_axes[1], *found, "example weight")
        heading = canvas.wrapped(f"Example weights of {names[weighted]}", 40)
        all_axes[1].set_title(heading, fontsize=11)
    canvas.save(figure, path)
    return figure


def _write_counts(axes: Axes, counts: NDArray[Any], share: NDArray[np.float64]) -> None:
    for (row, column), count in np.ndenumerate(counts):
        shade = "white" if share[row, column] > 0.3 else "black" if count else "0.65"
        axes.text(column, row, f"{count}", color=shade, ha="center", va="center", fontsize=9)


def _draw_clean_and_wrong(
    axes: Axes, values: NDArray[np.float64], is_wrong: NDArray[np.bool_], label: str
) -> None:
    if values.shape != is_wrong.shape:
        raise ValueError(f"expected a mark for each value, got {is_wrong.shape} for {values.shape}")
    finite = np.isfinite(values)
    if not finite.any():
        raise InputError(f"no histogram to draw: expected finite numbers for {label!r}, got none")
    edges = np.histogram_bin_edges(values[finite], HISTOGRAM_BINS)
    shares = []
    for name, colour, members in (
        ("clean label", canvas.BLUE, ~is_wrong),
        ("wrong label", canvas.VERMILLION, is_wrong),
    ):
        chosen = values[finite & members]
        if not len(chosen):
            continue
        share = np.histogram(chosen, edges)[0] / len(chosen)
        text = f"{name}: {len(chosen):,} examples, mean {chosen.mean():.3g}"
        axes.stairs(share, edges, color=colour, fill=True, alpha=0.35)
        axes.stairs(share, edges, color=colour, linewidth=1.4, label=text)
        shares.append(share)
    axes.set(xlabel=label, ylabel="share of the group")
    if log_scale_helps(shares):
        axes.set_yscale("log")
    canvas.legend(axes)


def log_scale_helps(shares: Sequence[NDArray[np.float64]]) -> bool:
    """Whether over 5 % of a group stand in bars below 1/50 of the highest: too low to be seen."""
    invisible = max(share.max() for share in shares) / 50
    return any(share[share < invisible].sum() > 0.05 for share in shares)

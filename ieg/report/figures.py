"""Figures of a run: panels of its curves, its confusion matrix, histograms of its examples."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ieg.drawing import canvas, histogram
from ieg.drawing.panels import Columns, Panel
from ieg.errors import InputError

MOST_CLASSES_WITH_NUMBERS = 20
MOST_CLASSES_WITH_NAMES = 120


#: Learning curves of any run.
LEARNING = (
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
            "wrong_label_fit": ("wrong label: predicts it (memorized)", canvas.VERMILLION),
        },
    ),
)


def method_panels(metrics: Columns, curves: Mapping[str, Mapping[str, str]]) -> list[Panel]:
    """Panels of the scalars that a method logs, with the lines that are known.

    Args:
      metrics: column of metrics.csv → [evaluations] float, nan where unknown.
      curves: title of a panel → column of metrics.csv → its name in the legend.
    """
    panels = []
    for heading, names in curves.items():
        known = {c: name for c, name in names.items() if canvas.is_known(metrics.get(c))}
        if known:
            colored = zip(known.values(), canvas.COLORS, strict=False)
            lines = dict(zip(known, colored, strict=True))
            unit = next(iter(known.values())) if len(known) == 1 else "mean since the last point"
            panels.append(Panel(heading, unit, lines))
    return panels


def confusion(
    matrix: ArrayLike,
    class_names: Sequence[str],
    path: Path | str,
    *,
    title: str = "",
    row_label: str = "true label",
) -> Figure:
    """A confusion matrix: color is the share of the row; counts are written up to 20 classes.

    Args:
      matrix: [K, K] int, rows are labels and columns predictions.
      class_names: K names; above 120 classes the axes show indices instead.
      path: the file to write.
      title: of the figure.
      row_label: name of the rows, such as "given label".
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
    """Histograms of a value of the training examples (loss, weight) for clean and wrong labels.

    Args:
      values: [N] float; those that are not finite are left out.
      is_wrong: [N] bool, true if the given label differs from the true one.
      label: name of the values, with their unit; stands at the horizontal axis.
      path: the file to write.
      title: of the figure.
    Raises:
      InputError: no value is finite, or the ending of the path is no image format.
    """
    figure, (axes,) = canvas.panels(1, title)
    draw_clean_and_wrong(axes, np.asarray(values, float), np.asarray(is_wrong, bool), label)
    canvas.save(figure, path)
    return figure


def _write_counts(axes: Axes, counts: NDArray[Any], share: NDArray[np.float64]) -> None:
    for (row, column), count in np.ndenumerate(counts):
        shade = "white" if share[row, column] > 0.3 else "black" if count else "0.65"
        axes.text(column, row, f"{count}", color=shade, ha="center", va="center", fontsize=9)


def draw_clean_and_wrong(
    axes: Axes, values: NDArray[np.float64], is_wrong: NDArray[np.bool_], label: str
) -> None:
    """Draw the histograms into a panel; the arguments are as for `clean_and_wrong_histogram`."""
    if values.shape != is_wrong.shape:
        raise ValueError(f"expected a mark for each value, got {is_wrong.shape} for {values.shape}")
    finite = np.isfinite(values)
    if not finite.any():
        raise InputError(f"no histogram to draw: expected finite numbers for {label!r}, got none")
    looks = (("clean label", canvas.BLUE, ~is_wrong), ("wrong label", canvas.VERMILLION, is_wrong))
    groups = [(name, color, values[finite & members]) for name, color, members in looks]
    groups = [group for group in groups if len(group[2])]
    edges, shares = histogram.shares([chosen for *_, chosen in groups])
    for (name, color, chosen), share in zip(groups, shares, strict=True):
        text = f"{name}: {len(chosen):,} examples, mean {chosen.mean():.3g}"
        axes.stairs(share, edges, color=color, fill=True, alpha=0.35)
        axes.stairs(share, edges, color=color, linewidth=1.4, label=text)
    axes.set(xlabel=label, ylabel="share of the group")
    if histogram.log_scale_helps(shares):
        axes.set_yscale("log")
    canvas.legend(axes)

"""Figures of Dynamic Loss: learned trust by loss rank, one panel per class, and margins."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from ieg.drawing import canvas

#: Above this number of classes a heat map takes the place of panels.
MOST_PANELS = 100
#: Above this number of classes the axis shows indices instead of names.
MOST_NAMED_MARGINS = 30


def rank_weights(
    table: ArrayLike,
    used: ArrayLike,
    class_names: Sequence[str],
    path: Path | str,
    *,
    clean_share: float | None,
    measured: ArrayLike | None = None,
    title: str = "",
) -> Figure:
    """Draw trust in a given label by the rank of its loss: panels for up to 100 classes.

    Args:
      table: [R, K] in [0, 1], trust in label k at rank r.
      used: [R, K] bool, true if an example has that rank. Small classes skip ranks, whose trust is
        not trained.
      class_names: K names.
      path: the file to write.
      clean_share: nominal share of right labels in [0, 1], 1 - noise rate, marked at that rank;
        None if unknown.
      measured: [K] share of right labels among those given as k, marked likewise; None if unknown.
      title: method, data and noise rate.
    Raises:
      InputError: the suffix of the path is no image format.
    """
    trust, known = np.asarray(table, float), np.asarray(used, bool)
    count, classes = trust.shape
    if len(class_names) != classes or known.shape != trust.shape:
        raise ValueError(
            f"expected {classes} names and marks {list(trust.shape)}, got {len(class_names)} and "
            f"{list(known.shape)}"
        )
    if classes > MOST_PANELS:
        return _as_rows(trust, clean_share, path, title)
    columns = 5 if classes <= 10 else min(10, int(np.ceil(np.sqrt(1.6 * classes))))
    figure, panels = canvas.grid(
        classes, columns, (2.6, 2.0) if classes <= 20 else (1.7, 1.4), title
    )
    for k, (axes, class_name) in enumerate(zip(panels, class_names, strict=True)):
        axes.set_title(f"given label {class_name}", fontsize=9)
        axes.set(xlim=(-0.03 * count, 1.03 * count), ylim=(-0.1, 1.1))
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        if clean_share is not None:
            where, name = count * clean_share, "nominal share of right labels"
            axes.axvline(where, color=canvas.VERMILLION, linestyle=":", linewidth=1.4, label=name)
        if measured is not None:
            where = count * np.asarray(measured, float)[k]
            name = "true share of right labels in the class"
            axes.axvline(where, color=canvas.GREEN, linestyle="--", linewidth=1, label=name)
        ranks = np.arange(count)
        for marks, color in ((~known[:, k], "0.8"), (known[:, k], canvas.BLUE)):
            axes.scatter(ranks[marks], trust[marks, k], s=9, color=color, linewidths=0, zorder=2)
    for axes in panels[-columns:]:
        axes.set_xlabel("loss rank", fontsize=9)
    figure.supylabel("trust in the given label", fontsize=9)
    _add_legend(figure, panels[0], bool((~known).any()))
    canvas.save(figure, path)
    return figure


def class_margins(
    margins: ArrayLike, class_names: Sequence[str], path: Path | str, *, title: str = ""
) -> Figure:
    """Draw class margins less their mean, which has no effect.

    Args:
      margins: [K].
      class_names: K names; above 30 classes the axis shows indices instead.
      path: the file to write.
      title: method, data and noise rate.
    Raises:
      InputError: the suffix of the path is no image format.
    """
    values = np.asarray(margins, float)
    figure, (axes,) = canvas.panels(1, title)
    axes.axhline(0, color="0.6", linewidth=0.8)
    marker = "o" if len(values) <= canvas.MOST_MARKED_POINTS else ""
    axes.plot(values - values.mean(), color=canvas.BLUE, marker=marker, markersize=4)
    axes.set(xlabel="class", ylabel="margin less the mean of all classes")
    axes.set_title("Learned class margins", fontsize=11)
    if len(values) <= MOST_NAMED_MARGINS:
        long = max(map(len, class_names)) > 3
        axes.set_xticks(range(len(values)), class_names, rotation=90 if long else 0, fontsize=8)
    canvas.save(figure, path)
    return figure


def _as_rows(trust: np.ndarray, clean_share: float | None, path: Path | str, title: str) -> Figure:
    """Heat map of the trust, one row per class."""
    figure = canvas.empty_figure(7, 9, title)
    axes = figure.add_subplot()
    image = axes.imshow(trust.T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    figure.colorbar(image, ax=axes, label="trust in the given label", fraction=0.04, pad=0.02)
    if clean_share is not None:
        where = len(trust) * clean_share - 0.5
        axes.axvline(where, color=canvas.VERMILLION, linestyle=":", linewidth=1.4)
    axes.set(xlabel="loss rank among the examples with that label", ylabel="class")
    canvas.save(figure, path)
    return figure


def _add_legend(figure: Figure, axes: Axes, unused: bool) -> None:
    if unused:
        axes.collections[0].set_label("rank without an example")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)

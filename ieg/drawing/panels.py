"""Panels of curves over the training steps, declared by the columns of metrics.csv."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ieg.drawing import canvas

#: Column of metrics.csv → [evaluations] float64, nan where unknown; `step` is among them.
Columns = Mapping[str, NDArray[np.float64]]


class Panel(NamedTuple):
    """Curves that share their axes.

    Attributes:
      title: of the panel.
      unit: of the vertical axis.
      lines: column of metrics.csv → its name in the legend, and a color.
    """

    title: str
    unit: str
    lines: Mapping[str, tuple[str, str]]

    def known(self, metrics: Columns) -> dict[str, tuple[str, str]]:
        """The lines that have at least one finite number."""
        return {c: look for c, look in self.lines.items() if canvas.is_known(metrics.get(c))}


def draw(
    metrics: Columns, panels: Sequence[Panel], path: Path | str, *, title: str = ""
) -> Figure | None:
    """Draw panels side by side, those that have nothing to show left out.

    Args:
      metrics: the columns that the panels name.
      panels: to draw.
      path: the file to write.
      title: of the figure.
    Returns:
      the figure; None, and no file, when nothing is known of any panel.
    Raises:
      InputError: the ending of the path is no image format.
    """
    shown = [panel for panel in panels if panel.known(metrics)]
    if not shown:
        return None
    figure, all_axes = canvas.panels(len(shown), title)
    for axes, panel in zip(all_axes, shown, strict=True):
        axes.set_title(panel.title, fontsize=11)
        axes.set_ylabel(panel.unit)
        for column, (name, color) in panel.known(metrics).items():
            canvas.draw_curve(axes, metrics["step"], metrics[column], label=name, color=color)
        if len(panel.lines) > 1:
            canvas.legend(axes)
    canvas.save(figure, path)
    return figure

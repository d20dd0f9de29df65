"""Contact sheet: a few training images of each class, the way that training sees them.

The pixels of small images are enlarged by a whole number and land on whole pixels of the sheet, so
that the effect of augmentation on each can be seen.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ieg.drawing import canvas

ROWS_PER_BLOCK = 25  # more classes go on beside them

# Pixels of the sheet.
_SMALLEST_CELL, _LARGEST_CELL = 72, 112  # side of an image, unless enlarging would pass the first
_GAP, _MARGIN, _LINE, _CAPTION = 14, 14, 20, 24
_HEADING_LETTER = 8.5  # of an average letter of 9 points
_POINTS = 8  # of the names of classes


def contact_sheet(
    views: Mapping[str, NDArray[np.uint8]],
    given: NDArray[np.int64],
    true: NDArray[np.int64],
    class_names: Sequence[str],
    path: Path | str,
    *,
    title: str = "",
) -> Figure:
    """One row per given label; below each example its true one, framed where they differ.

    Args:
      views: name → [N, H, W, C] with 1 or 3 channels; the views of an example stand side by side.
      given, true: [N] labels; true is -1 where it is not known.
      class_names: K names.
      path: the file to write.
      title: of the sheet.
    Raises:
      InputError: the ending of the path is no image format.
    """
    cells = {name: _resized(images) for name, images in views.items()}
    rows = [np.flatnonzero(given == label) for label in np.unique(given)]
    height, width = next(iter(cells.values())).shape[1:3]
    shown = np.unique(true[true >= 0])
    layout = _Layout(
        height=height,
        width=width,
        views=len(cells),
        columns=max(map(len, rows)),
        rows=len(rows),
        label=max(_width(class_names[label]) for label in np.unique(given)),
        caption=max((_width(class_names[label]) for label in shown), default=0),
        title=title,
    )
    figure, axes = _draw_images(layout, cells, rows)
    for row, examples in enumerate(rows):
        _write_names(axes, layout, row, class_names[given[examples[0]]], list(cells))
        for column, example in enumerate(examples):
            if true[example] >= 0:
                wrong = bool(given[example] != true[example])
                _write_true(axes, layout, (row, column), class_names[true[example]], wrong)
    canvas.save(figure, path)
    return figure


class _Layout(NamedTuple):
    """Places on the sheet, in pixels from its top left corner."""

    height: int  # of one view
    width: int
    views: int
    columns: int
    rows: int
    label: int  # width of the longest given label, and of the longest true one
    caption: int
    title: str

    def example_width(self) -> int:
        return self.views * (self.width + 1) - 1

    def label_width(self) -> int:
        return self.label + _GAP

    def column_width(self) -> int:
        return max(self.example_width(), self.caption) + _GAP

    def block_width(self) -> int:
        return self.label_width() + self.columns * self.column_width()

    def size(self) -> tuple[int, int]:
        """Width and height of the sheet."""
        blocks = -(-self.rows // ROWS_PER_BLOCK)
        width = 2 * _MARGIN + blocks * self.block_width()
        rows = min(self.rows, ROWS_PER_BLOCK)
        return width, self.top() + rows * (self.height + _CAPTION) + _MARGIN

    def top(self) -> int:
        """Upper edge of the first row, below title and names of the views."""
        return _MARGIN + _LINE * (len(self.heading()) + 1)

    def heading(self) -> list[str]:
        blocks = -(-self.rows // ROWS_PER_BLOCK)
        letters = int(blocks * self.block_width() / _HEADING_LETTER)
        return canvas.wrapped(self.title, letters).splitlines()

    def corner(self, row: int, column: int, view: int = 0) -> tuple[int, int]:
        """Left and top of a view."""
        block, line = divmod(row, ROWS_PER_BLOCK)
        x = _MARGIN + block * self.block_width() + self.label_width()
        x += column * self.column_width() + view * (self.width + 1)
        x += (self.column_width() - _GAP - self.example_width()) // 2
        return x, self.top() + line * (self.height + _CAPTION)


def _resized(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[N, h, w, 3] of a size that can be looked at."""
    count, height, width, _ = images.shape
    colored = np.broadcast_to(images, (count, height, width, 3))
    if max(height, width) <= _LARGEST_CELL:
        times = max(1, _SMALLEST_CELL // max(height, width))
        return colored.repeat(times, axis=1).repeat(times, axis=2)
    step = -(-max(height, width) // _LARGEST_CELL)
    whole = colored[:, : height // step * step, : width // step * step]
    squares = whole.reshape(count, height // step, step, width // step, step, 3)
    return squares.mean(axis=(2, 4)).astype(np.uint8)


def _draw_images(
    layout: _Layout, cells: Mapping[str, NDArray[np.uint8]], rows: Sequence[NDArray[np.int64]]
) -> tuple[Figure, Axes]:
    """A figure of the sheet's size with one axes that counts its pixels, and all images in it."""
    width, height = layout.size()
    sheet = np.full((height, width, 3), 255, np.uint8)
    for row, examples in enumerate(rows):
        for column, example in enumerate(examples):
            for view, images in enumerate(cells.values()):
                x, y = layout.corner(row, column, view)
                sheet[y : y + layout.height, x : x + layout.width] = images[example]
    figure = Figure(figsize=(width / canvas.DPI, height / canvas.DPI), dpi=canvas.DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(sheet, extent=(0, width, height, 0), interpolation="none", aspect="auto")
    for line, words in enumerate(layout.heading()):
        axes.text(_MARGIN, _MARGIN + _LINE * line, words, fontsize=9, va="top")
    return figure, axes


def _write_names(axes: Axes, layout: _Layout, row: int, name: str, views: Sequence[str]) -> None:
    """The given label before a row, and the names of the views above the first row of a block."""
    x, y = layout.corner(row, 0)
    end = x - (layout.column_width() - layout.example_width()) / 2
    middle = y + layout.height / 2
    _write(axes, (end, middle), name, weight="bold", ha="right", va="center")
    if row % ROWS_PER_BLOCK == 0:
        for column in range(layout.columns):
            for view, title in enumerate(views):
                x, _ = layout.corner(row, column, view)
                center = x + layout.width / 2
                axes.text(center, y - 3, title, fontsize=7, color="0.45", ha="center", va="bottom")


def _write_true(
    axes: Axes, layout: _Layout, place: tuple[int, int], name: str, wrong: bool
) -> None:
    """The true label below an example, and a frame around it where the given one is wrong."""
    x, y = layout.corner(*place)
    width, height = layout.example_width(), layout.height
    color, weight = (canvas.VERMILLION, "bold") if wrong else ("0.45", "normal")
    center, below = x + width / 2, y + height + 4
    _write(axes, (center, below), name, ha="center", va="top", color=color, weight=weight)
    if wrong:
        frame = Rectangle((x - 2, y - 2), width + 4, height + 4)
        frame.set(fill=False, edgecolor=canvas.VERMILLION, linewidth=2)
        axes.add_patch(frame)


def _write(axes: Axes, place: tuple[float, float], name: str, **style: Any) -> None:
    """The name of a class, of which nothing is a formula."""
    axes.text(*place, name, fontsize=_POINTS, parse_math=False, **style)


def _width(name: str) -> int:
    """Pixels that the name of a class takes in bold."""
    renderer = FigureCanvasAgg(Figure(dpi=canvas.DPI)).get_renderer()
    bold = FontProperties(size=_POINTS, weight="bold")
    return math.ceil(renderer.get_text_width_height_descent(name, bold, ismath=False)[0])

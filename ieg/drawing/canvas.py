"""Canvas of all figures: colors, empty panels, a curve, and writing the file.

No pyplot: figures can be made from any thread, and nothing is left open.
"""

import logging
import textwrap
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, fontManager, get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.typing import NDArray

from ieg import atomic
from ieg.errors import InputError

# Okabe and Ito, "Color Universal Design", 2008: color-blind readers can tell them apart. Their
# yellow is too pale for lines.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE, SKY, BLACK = "#CC79A7", "#56B4E9", "#000000"
COLORS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK)
DPI = 120
MOST_MARKED_POINTS = 30

# Names of classes may be in any script. What the font lacks is drawn as a box.
warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")


def empty_figure(width: float, height: float, title: str) -> Figure:
    """A figure of width × height inches with nothing but its title."""
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)  # inches around each panel
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(wrapped(title, int(10.2 * width)), fontsize=10)
    return figure


def wrapped(text: str, letters: int) -> str:
    """The text in lines of at most `letters`; a path, which has no spaces, is broken anywhere."""
    return textwrap.fill(text, letters, break_on_hyphens=False)


def panels(count: int, title: str) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels side by side."""
    figure = empty_figure(5.0 * count + 0.5, 4.0, title)
    all_axes = list(figure.subplots(1, count, squeeze=False)[0])
    _style(all_axes)
    return figure, all_axes


def grid(
    count: int, columns: int, size: tuple[float, float], title: str
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels in rows of `columns`, which share both axes.

    Args:
      count, columns: how many, and how many side by side.
      size: width and height of a panel in inches.
      title: of the figure.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = empty_figure(size[0] * columns + 0.5, size[1] * rows + 0.8, title)
    places = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes in places[count:]:
        axes.set_visible(False)
    for axes in places[max(0, count - columns) : count]:
        axes.tick_params(labelbottom=True)  # the lowest of its column, whose numbers are hidden
    _style(places)
    return figure, list(places[:count])


def _style(all_axes: Iterable[Axes]) -> None:
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.set_axisbelow(True)


def is_known(values: NDArray[np.float64] | None) -> bool:
    """True if a column is there and has at least one finite number."""
    return values is not None and bool(np.isfinite(values).any())


def draw_curve(
    axes: Axes, steps: NDArray[np.float64], values: NDArray[np.float64], **style: Any
) -> None:
    """A line over the training steps; unknown (nan) values do not break it.

    Args:
      axes: where to draw.
      steps, values: [evaluations] float.
      style: keyword arguments of `Axes.plot`.
    """
    known = np.isfinite(values)
    marker = "o" if known.sum() <= MOST_MARKED_POINTS else ""
    axes.plot(steps[known], values[known], marker=marker, markersize=3, **style)
    axes.set_xlabel("training step")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_major_locator(MaxNLocator(6))


def legend(axes: Axes) -> None:
    """Names of the lines below the panel, where they hide none of them."""
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False)


def save(figure: Figure, path: Path | str) -> None:
    """Write the file of a figure; it appears under its name when it is complete.

    Args:
      figure: to write.
      path: its ending says the format (none: PNG); missing folders are made.
    Raises:
      InputError: the ending is no image format, the path is a folder, or it cannot be written.
    """
    target = Path(path)
    image_format = target.suffix[1:].lower() or "png"
    formats = sorted(figure.canvas.get_supported_filetypes())
    if image_format not in formats:
        raise InputError(f"a figure must end in one of {', '.join(formats)}; got {target}")
    if target.is_dir():
        raise InputError(f"a figure must be a file; {target} is a folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}") from None
    _show_as_written(figure)
    with atomic.replacing(target) as unfinished, warnings.catch_warnings():
        # A box for a letter that no font here has, and panels that long names push together, are
        # seen in the figure.
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        for problem in ("Glyph .* missing from", "constrained_layout not applied"):
            warnings.filterwarnings("ignore", problem, UserWarning)
        figure.savefig(unfinished, format=image_format, dpi=DPI)


def _show_as_written(figure: Figure) -> None:
    """Show names as they are: a $ begins no formula, and another font has what the usual lacks."""
    # Labels of logarithmic axes are formulas, and empty until they are drawn.
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    written = [text for text in texts if r"\mathdefault" not in text.get_text()]
    for text in written:
        text.set_parse_math(False)
    usual = findfont("DejaVu Sans")
    letters = {
        ord(letter) for text in written for letter in text.get_text() if letter.isprintable()
    }
    lacking = letters - get_font(usual).get_charmap().keys()
    if not lacking:
        return
    found: dict[str, set[int]] = {}
    for entry in fontManager.ttflist:
        if not entry.name.startswith("Last Resort"):  # which has a box for everything
            known = lacking & get_font(entry.fname).get_charmap().keys()
            found.setdefault(entry.name, set()).update(known)
    best = max(found, key=lambda name: len(found[name]))
    if found[best]:
        for text in written:
            text.set_fontfamily(["DejaVu Sans", best])

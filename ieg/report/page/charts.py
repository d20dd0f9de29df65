"""Line charts and histograms as inline SVG: a few kilobytes each, sharp at any size.

Colors are classes of the style sheet, so that they fit light and dark. Lines differ in their
dashes too, and legends say the last value, so that nothing is told by color alone.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ieg.drawing import canvas
from ieg.drawing import histogram as bins
from ieg.report.page.markup import Html, element

Values = NDArray[np.float64]

_WIDTH, _HEIGHT = 420, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 12, 10, 38


class Line(NamedTuple):
    """A curve: `name` in the legend, `color` one of `canvas.COLORS`, [n] values, nan unknown."""

    name: str
    color: str
    values: Values


class _Scale(NamedTuple):
    """From values to places: `low` and `high` land on `start` and `stop`."""

    low: float
    high: float
    start: float
    stop: float

    def place(self, values: Values | float) -> Values:
        return self.start + (np.asarray(values) - self.low) / (self.high - self.low) * (
            self.stop - self.start
        )


def line_chart(
    title: str, unit: str, steps: Values, lines: Sequence[Line], along: str = "training step"
) -> Html:
    """Curves over the training steps, or over something else.

    Args:
      title, unit: of the chart and of its vertical axis.
      steps: [n].
      lines: at least one of them with a finite value.
      along: name of the horizontal axis.
    """
    known = np.concatenate([line.values[np.isfinite(line.values)] for line in lines])
    x = _scale(steps, _LEFT, _WIDTH - _RIGHT, margin=0.0)
    y = _scale(known, _HEIGHT - _BOTTOM, _TOP, margin=0.04)
    marks, names = [], []
    for line in lines:
        finite = np.isfinite(line.values)
        look = f"line {_color(line.color)}"
        points = zip(x.place(steps[finite]), y.place(line.values[finite]), strict=True)
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
        if finite.sum() == 1:  # a path of one point shows nothing
            path += "h0"
        marks.append(element("path", d=f"M{path}", class_=look))
        names.append((look, f"{line.name}: {line.values[finite][-1]:.4g}"))
    frame = [*_vertical(y, _nice(y)), *_horizontal(x, _nice(x), along)]
    return _chart(title, unit, [*frame, *marks], names)


def histogram(title: str, groups: Mapping[str, Values]) -> Html | None:
    """Histograms of a value within groups.

    Args:
      title: name of the values.
      groups: name → values; those that are not finite are left out.
    Returns:
      None when there is nothing to show.
    """
    finite = {name: values[np.isfinite(values)] for name, values in groups.items()}
    finite = {name: values for name, values in finite.items() if len(values)}
    if not finite:
        return None
    edges, shares = bins.shares(list(finite.values()))
    logarithmic = bins.log_scale_helps(shares)
    bottom = _HEIGHT - _BOTTOM
    if logarithmic:
        least = min(share[share > 0].min() for share in shares)
        y = _Scale(float(np.floor(np.log10(least) - 0.01)), 0.0, bottom, _TOP)
        heights = [np.log10(np.maximum(share, 10.0**y.low)) for share in shares]
        rules = [(power, f"{10.0**power:g}") for power in np.arange(y.low, 1)]
    else:
        y = _Scale(0.0, 1.05 * max(float(share.max()) for share in shares), bottom, _TOP)
        heights, rules = shares, _nice(y)
    x = _Scale(float(edges[0]), float(edges[-1]), _LEFT, _WIDTH - _RIGHT)
    marks, names = [], []
    for number, (name, values) in enumerate(finite.items()):
        look = f"bars {_color(canvas.COLORS[number])}"
        marks.append(element("path", d=_outline(x, y, edges, heights[number]), class_=look))
        names.append((look, f"{name}: {len(values):,}, mean {values.mean():.3g}"))
    unit = "share of the group" + (", logarithmic" if logarithmic else "")
    return _chart(title, unit, [*_vertical(y, rules), *_horizontal(x, _nice(x)), *marks], names)


def _scale(values: Values, start: float, stop: float, *, margin: float) -> _Scale:
    low, high = float(values.min()), float(values.max())
    space = margin * (high - low) if high > low else 0.5 * abs(high) or 0.5
    return _Scale(low - space, high + space, start, stop)


def _nice(scale: _Scale) -> list[tuple[float, str]]:
    """Round numbers within a scale."""
    found = MaxNLocator(5).tick_values(scale.low, scale.high)
    inside = [float(value) for value in found if scale.low <= value <= scale.high]
    return [(value, f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}") for value in inside]


def _vertical(scale: _Scale, rules: Sequence[tuple[float, str]]) -> list[Html]:
    marks = []
    for value, text in rules:
        y = f"{float(scale.place(value)):.1f}"
        marks.append(element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="rule"))
        marks.append(element("text", text, x=_LEFT - 6, y=y, class_="before"))
    return marks


def _horizontal(
    scale: _Scale, rules: Sequence[tuple[float, str]], name: str | None = None
) -> list[Html]:
    bottom = _HEIGHT - _BOTTOM
    ends = {"x1": _LEFT, "x2": _WIDTH - _RIGHT, "y1": bottom, "y2": bottom}
    marks = [element("line", class_="axis", **ends)]
    for value, text in rules:
        x = f"{float(scale.place(value)):.1f}"
        marks.append(element("text", text, x=x, y=bottom + 15, class_="below"))
    if name:
        middle = (_LEFT + _WIDTH - _RIGHT) // 2
        marks.append(element("text", name, x=middle, y=_HEIGHT - 5, class_="below"))
    return marks


def _outline(x: _Scale, y: _Scale, edges: Values, heights: Values) -> str:
    """The steps of a histogram as one closed path."""
    across, up = x.place(edges), y.place(heights)
    path = f"M{across[0]:.1f} {y.start:.1f}"
    for right, height in zip(across[1:], up, strict=True):
        path += f"V{height:.1f}H{right:.1f}"
    return f"{path}V{y.start:.1f}Z"


def _chart(title: str, unit: str, marks: Sequence[Html], names: Sequence[tuple[str, str]]) -> Html:
    described = f"{title}, {unit}. {'; '.join(text for _, text in names)}"
    box = f"0 0 {_WIDTH} {_HEIGHT}"

    def key(look: str) -> Html:
        line = element("path", d="M1 5H23", class_=f"line {look.split()[-1]}")
        return element("svg", line, viewBox="0 0 24 10", class_="key", aria_hidden="true")

    legend = [element("li", key(look), text) for look, text in names]
    return element(
        "figure",
        element("figcaption", title, element("span", unit)),
        element("svg", *marks, viewBox=box, role="img", aria_label=described),
        element("ul", *legend),
        class_="chart",
    )


def _color(color: str) -> str:
    return f"c{canvas.COLORS.index(color)}"

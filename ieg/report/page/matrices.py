"""Tables of class against class: every cell of a small one, the largest cells of a big one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ieg.report.page.markup import Html, element, scrolling, table

#: A table of more classes than these is too big to be read.
MOST_CLASSES = 20
_LARGEST = 30
_SHADES = 10


def square(
    caption: str,
    matrix: NDArray[Any],
    names: Sequence[str],
    *,
    rows: str,
    columns: str,
) -> Html:
    """A confusion or transition matrix.

    Args:
      caption: of the table.
      matrix: [K, K], whole numbers (counts) or shares of the row.
      names: K class names.
      rows, columns: names of the two directions, such as "true" and "predicted".
    Returns:
      A table that is shaded by the share of the row; of more than `MOST_CLASSES` classes the
      largest cells off the diagonal, as a list.
    """
    sums = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, sums, out=np.zeros(matrix.shape), where=sums > 0)
    counts = np.issubdtype(matrix.dtype, np.integer)
    if len(names) > MOST_CLASSES:
        return _largest(caption, matrix, share, names, (rows, columns), counts)
    heads = [element("th", name, scope="col") for name in names]
    lines = []
    for k, name in enumerate(names):
        cells = []
        for j, value in enumerate(matrix[k]):
            shade = min(_SHADES - 1, int(_SHADES * share[k, j]))
            look = f"s{shade}" + (" own" if k == j else "")
            text = f"{value:,}" if counts else f"{value:.2f}"
            cells.append(element("td", text if value else "·", class_=look))
        lines.append(element("tr", element("th", name, scope="row"), *cells))
    corner = element("th", f"{rows} ↓ {columns} →", class_="corner", scope="col")
    grid = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", corner, *heads)),
        element("tbody", *lines),
        class_="matrix",
    )
    return scrolling(caption, grid)


def _largest(
    caption: str,
    matrix: NDArray[Any],
    share: NDArray[np.float64],
    names: Sequence[str],
    words: tuple[str, str],
    counts: bool,
) -> Html:
    others = np.where(np.eye(len(names), dtype=bool), 0, matrix)
    order = np.argsort(-others, axis=None, kind="stable")[:_LARGEST]
    found = [divmod(int(place), len(names)) for place in order if others.flat[place] > 0]
    shares = [f"{100 * share[k, j]:.1f} %" for k, j in found]
    columns = [[names[k] for k, _ in found], [names[j] for _, j in found], shares]
    header = [*words, f"share of the {words[0]} class"]
    if counts:
        columns.append([f"{matrix[k, j]:,}" for k, j in found])
        header.append("images")
    rows = zip(*columns, strict=True)
    return table(f"{caption}: the {len(found)} largest", header, rows, text_columns=2)

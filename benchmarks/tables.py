"""How all benchmarks print: tables that can be read in a terminal and pasted into a README."""

from collections.abc import Sequence

import numpy as np


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> None:
    """Markdown whose columns stand below each other, behind its caption."""
    lines = [list(titles), *(list(row) for row in rows)]
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    if caption:
        print(f"\n{caption}\n")
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(f"| {' | '.join(cells)} |", flush=True)


def mean(scores: Sequence[float], digits: int = 3) -> str:
    """Mean ± population standard deviation; a single score alone."""
    if len(scores) == 1:
        return f"{scores[0]:.{digits}f}"
    return f"{np.mean(scores):.{digits}f} ± {np.std(scores):.{digits}f}"

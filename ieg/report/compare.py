"""Compares finished runs: a table, and a figure of their accuracies and example weights.

    python -m ieg.report.compare runs/demo/digits_uniform_0.4/cnn/*/seed1 --figure=noise.png

Takes a second or two. Bad input gives one line on stderr and exit status 2.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ieg.errors import InputError
from ieg.report.figures import comparison
from ieg.runs.finished import Run, names_of, read_run, setting_of

NUMBERS = ("top-1\nlast", "top-1 best\n(at step)", "fit to\nwrong labels", "recovered", "seconds")


def main(argv: Sequence[str] | None = None) -> None:
    """Reads the run folders, prints the table, writes the figure.

    Args:
      argv: the arguments; None takes those of the command line.
    Raises:
      SystemExit: with status 2 after one line on stderr, when a run or the figure's path is bad.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        runs = [read_run(path) for path in arguments.runs]
        Console().print(table(runs))
        comparison(runs, arguments.figure)
    except (InputError, OSError) as error:
        parser.error(str(error))
    print(f"figure: {arguments.figure}")


def table(runs: Sequence[Run]) -> Table:
    """One row per run; "-" where a number is unknown.

    Args:
      runs: what `read_run` gives.
    """
    rows = Table(caption=Text(setting_of(runs)), header_style="bold", box=box.SIMPLE_HEAD)
    rows.add_column("method", overflow="fold")
    for name in NUMBERS:
        rows.add_column(name, justify="right", no_wrap=True)
    for name, run in zip(names_of(runs), runs, strict=True):
        rows.add_row(Text(name), *_cells(run.result))
    return rows


def _cells(result: dict[str, Any]) -> tuple[str, ...]:
    best = _number(result.get("top1_best"), ".3f")
    step = _number(result.get("best_step"), ",")
    return (
        _number(result.get("top1"), ".3f"),
        best if step == "-" else f"{best} ({step})",
        _number(result.get("wrong_label_fit"), ".3f"),
        _number(result.get("recovered"), ".3f"),
        _number(result.get("seconds"), ",.0f"),
    )


def _number(value: float | None, style: str) -> str:
    return "-" if value is None else format(value, style)


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="python -m ieg.report.compare", description="Compares runs.", allow_abbrev=False
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN_DIR", help="a finished run")
    parser.add_argument(
        "--figure",
        type=Path,
        default=Path("comparison.png"),
        metavar="PATH",
        help="where the figure goes; a file of that name is replaced (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    main()

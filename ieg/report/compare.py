"""Comparison of finished runs: a table, and a figure of their accuracies and example weights.

    python -m ieg.report.compare runs/demo/digits_uniform_0.4/cnn/*/seed1 --figure=noise.png

Takes a second or two. Bad input gives one line on stderr and exit status 2.
"""

import argparse
import textwrap
from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ieg.drawing import canvas
from ieg.errors import InputError, as_flag, spelled
from ieg.evaluation import measures
from ieg.evaluation.measures import Measure, Place
from ieg.report import figures
from ieg.runs import Run, read_run

LINE_STYLES = ("-", "--", ":")
_WIDEST_HEADING = 11  # letters; a table of a few methods fits 80 columns


def main(argv: Sequence[str] | None = None) -> None:
    """Read the run folders, print the table, write the figure.

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
        parser.error(spelled(str(error), as_flag))
    print(f"figure: {arguments.figure}")


def table(runs: Sequence[Run]) -> Table:
    """One row per run; "-" where a number is unknown.

    Args:
      runs: of `read_run`.
    """
    rows = Table(caption=Text(setting_of(runs)), header_style="bold", box=box.SIMPLE_HEAD)
    rows.add_column("method", overflow="fold")
    shown = measures.shown(Place.COMPARISON)
    for measure in shown:
        heading = "\n".join(textwrap.wrap(measure.heading, _WIDEST_HEADING))
        rows.add_column(heading, justify="right", no_wrap=True)
    rows.add_column("seconds", justify="right", no_wrap=True)
    for name, run in zip(names_of(runs), runs, strict=True):
        cells = (_cell(measure, run.result) for measure in shown)
        rows.add_row(Text(name), *cells, _number(run.result.get("seconds"), ",.0f"))
    return rows


def _cell(measure: Measure[Any], result: dict[str, Any]) -> str:
    value = _number(result.get(measure.key), ".3f")
    if measure is measures.BEST and value != "-":
        value += f" ({_number(result.get('best_step'), ',')})"
    return value


def _number(value: float | None, style: str) -> str:
    return "-" if value is None else format(value, style)


def comparison(runs: Sequence[Run], path: Path | str) -> Figure:
    """Draw the test accuracy of several runs, and the example weights of the first that has them.

    Args:
      runs: of `read_run`. Weights are drawn for the examples whose true label is known.
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
        again, color = divmod(number, len(canvas.COLORS))
        style = {
            "color": canvas.COLORS[color],
            "linestyle": LINE_STYLES[again % len(LINE_STYLES)],
        }
        canvas.draw_curve(
            all_axes[0], run.metrics["step"], run.metrics["top1"], label=name, **style
        )
    canvas.legend(all_axes[0])
    if weighted is not None and (found := weights[weighted]) is not None:
        figures.draw_clean_and_wrong(all_axes[1], *found, "example weight")
        heading = canvas.wrapped(f"Example weights of {names[weighted]}", 40)
        all_axes[1].set_title(heading, fontsize=11)
    canvas.save(figure, path)
    return figure


def names_of(runs: Sequence[Run]) -> list[str]:
    """Names for runs: the method, and whatever else tells the runs apart.

    Three seeds of one setting become "l2r, seed 1", "l2r, seed 2" and so on; runs that agree in
    everything get their folder.
    """
    if len({run.method for run in runs}) == len(runs):
        return [run.method for run in runs]
    traits = [
        (
            run.dataset,
            f"noise {run.result.get('noise_rate_asked')}",
            run.network,
            (run.result.get("settings") or {}).get("loss", ""),
            f"seed {run.seed}",
        )
        for run in runs
    ]
    differing = [len(set(column)) > 1 for column in zip(*traits, strict=True)]
    names = [
        ", ".join([run.method, *compress(trait, differing)])
        for run, trait in zip(runs, traits, strict=True)
    ]
    return [
        name if names.count(name) == 1 else f"{name}, {run.path}"
        for name, run in zip(names, runs, strict=True)
    ]


def setting_of(runs: Sequence[Run]) -> str:
    """One line on data set, noise rate and network, with all values that occur."""
    parts = {
        "": [run.dataset for run in runs],
        "noise rate ": [run.noise for run in runs],
        "network ": [run.network for run in runs],
    }
    return ", ".join(name + " / ".join(dict.fromkeys(values)) for name, values in parts.items())


def weights_of(run: Run) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Weights of the examples whose true label is known, and a mark for those labeled wrongly.

    Returns:
      ([n] float64, [n] bool); None when the run has no such weight.
    """
    if "weight" not in run.examples:
        return None
    true, weight = run.examples["true_label"], run.examples["weight"]
    usable = (true >= 0) & np.isfinite(weight)
    if not usable.any():
        return None
    return weight[usable], (run.examples["given_label"] != true)[usable]


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

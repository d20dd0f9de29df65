"""Grids of runs, one after the other in one process, and the table of their results.

    python -m ieg.grid [--list]              the recipes: published settings, and comparisons
    python -m ieg.grid RECIPE --list         source, cost and expected numbers of one
    python -m ieg.grid RECIPE [--runs FOLDER] [--row NAME ...] [--dataset NAME ...] [--seeds N ...]
                              [--dry_run] [-- FLAG ...]
    python -m ieg.grid free --methods NAME ... --datasets NAME ... --seeds N ... [--losses NAME ...]

Flags behind -- go to ieg.main as they are. Several names may stand in one word, separated by
spaces. With --losses every method runs with each loss, the runs of one below FOLDER/LOSS.

The first seed of all rows and data sets comes first, so that there is something to compare early.
The same command again goes on where it stopped: a run that this command has finished is skipped, a
half-finished one goes on in its middle. A run that fails is named at the end, and the others are
still made. Ctrl-C and SIGTERM end the running one, which saves, and the grid.

Exit status: 0 all done, 1 a run or the table failed, 2 bad usage, 130 or 143 interrupted.
`peak_memory_bytes` in the results is that of the whole process up to then.
"""

import argparse
import contextlib
import gc
import signal
import sys
import traceback
from collections.abc import Callable, Container, Iterator, Sequence
from types import FrameType
from typing import NoReturn

from ieg.errors import InputError, as_flag, spelled
from ieg.recipes import RECIPES, Recipe, Row, overview
from ieg.recipes.run import Run

#: Stands for a recipe in a command that describes a grid of its own.
FREE = "free"

#: Flags that the grid sets.
_OWN_FLAGS = frozenset({"method", "dataset", "seed", "checkpoint_path"})


def main(argv: Sequence[str]) -> int:
    """Run a recipe or a free grid, or list the recipes; return the exit status."""
    arguments = parse(_parser(), argv)
    if arguments.recipe is None and (arguments.list or not argv):
        print(overview.listing())
        return 0
    try:
        recipe = _free(arguments) if arguments.recipe == FREE else _named(arguments)
    except InputError as error:
        return _refuse(error)
    if arguments.list:
        print(overview.description(arguments.recipe, recipe))
        return 0
    return execute(recipe, arguments, lambda runs: _table(arguments.runs or recipe.runs))


def execute(
    recipe: Recipe, arguments: argparse.Namespace, table: Callable[[Sequence[Run]], int]
) -> int:
    """Make the runs that a command asks for, then the table; return the exit status.

    Args:
      arguments: from `parse`, with the options of `common_options`.
      table: prints the results of these runs and returns 0, or another number if it cannot.
    """
    try:
        plan = _plan(recipe, arguments)
    except InputError as error:
        return _refuse(error)
    if arguments.dry_run:
        print("\n".join(run.command() for run in plan))
        return 0
    with _stopped_by_signals():
        try:
            return _run_all(plan, table)
        except KeyboardInterrupt:
            return 128 + signal.SIGINT
        except _Stopped as stop:
            return stop.status


def common_options(parser: argparse.ArgumentParser) -> None:
    """Add what every grid of a recipe can be asked for."""
    parser.add_argument("--runs", default="", metavar="FOLDER", help="where the runs go")
    _names(parser, "--row", "--rows", dest="rows", text="a part of the rows")
    _names(parser, "--dataset", "--datasets", dest="datasets", text="a part of the data sets")
    _names(parser, "--seeds", dest="seeds", text="other seeds than those of the recipe")
    parser.add_argument("--dry_run", action="store_true", help="print the commands, run nothing")


def _names(parser: argparse.ArgumentParser, *flags: str, dest: str, text: str) -> None:
    parser.add_argument(
        *flags, dest=dest, help=text, metavar="NAME", nargs="+", action="extend", default=[]
    )


class OneLineParser(argparse.ArgumentParser):
    """Report bad usage in one line."""

    def __init__(self, prog: str, doc: str) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=prog, description=doc, allow_abbrev=False, formatter_class=formatter)

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """Parse a command; words behind -- become `further`."""
    words = list(argv)
    end = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:end])
    arguments.further = words[end + 1 :]
    if arguments.runs.startswith("-"):
        parser.error(
            f"--runs needs a folder, not {arguments.runs!r} (a FOLDER comes before all flags)"
        )
    for word in arguments.further:
        if not word.startswith("-"):
            parser.error(f"flags behind -- look like --flag=value, not {word!r}")
        if word.lstrip("-").partition("=")[0] in _OWN_FLAGS:
            parser.error(f"{word} does not belong behind --, the grid sets it")
    for seed in _split(arguments.seeds):
        if not seed.isdecimal():
            parser.error(f"--seeds must be whole numbers, not {seed!r}")
    return arguments


class _Stopped(BaseException):
    """SIGTERM, while no training was there to take it."""

    status = 128 + signal.SIGTERM


def _run_all(plan: Sequence[Run], table: Callable[[Sequence[Run]], int]) -> int:
    failures = []
    for number, run in enumerate(plan, 1):
        command = run.command()
        place = f"[{number}/{len(plan)}]"
        if run.is_done():
            print(f"{place} finished already: {command}", flush=True)
            continue
        print(f"{place} {command}", flush=True)
        try:
            status = train(run.words())
        except (KeyboardInterrupt, _Stopped) as stop:
            status = stop.status if isinstance(stop, _Stopped) else 128 + signal.SIGINT
        if status > 128:
            print(
                f"stopped in run {number} of {len(plan)}; the same command goes on", file=sys.stderr
            )
            return status
        if status:
            failures.append(f"  status {status}: {command}")
        else:
            run.mark()
        print(flush=True)
    status = min(table(plan), 1)
    if failures:
        print(f"{len(failures)} of {len(plan)} runs failed:", file=sys.stderr)
        print("\n".join(failures), file=sys.stderr)
    return 1 if failures else status


def train(words: Sequence[str]) -> int:
    """Run `ieg.main` with these flags; an exception of the run is printed, and its status is 1."""
    # Here, so that a list and an error do not wait for TensorFlow.
    import ieg.quiet  # noqa: F401

    import keras

    from ieg import main as command

    try:
        return command.main(["ieg", *words])
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        keras.backend.clear_session()
        gc.collect()


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM end a grid in order; a lost terminal does the same, unless nohup ignores that."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _Stopped

    def hang_up(number: int, frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGTERM)  # so that a training saves, which listens to that

    handlers = {signal.SIGTERM: stop}
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        handlers[signal.SIGHUP] = hang_up
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _plan(recipe: Recipe, arguments: argparse.Namespace) -> list[Run]:
    if any(word.lstrip("-").startswith("loss=") for word in arguments.further) and any(
        row.loss for row in recipe.rows.values()
    ):
        raise InputError("--loss does not belong behind --, rows of this grid set it")
    return recipe.plan(
        arguments.runs,
        _split(arguments.rows, recipe.rows),
        _split(arguments.datasets),
        [int(seed) for seed in _split(arguments.seeds)],
        arguments.further,
    )


def _named(arguments: argparse.Namespace) -> Recipe:
    if arguments.recipe is None:
        raise InputError("which recipe? python -m ieg.grid --list has them")
    if arguments.methods or arguments.losses:
        raise InputError(f"--methods and --losses are for {FREE}; a recipe has rows, see --row")
    return RECIPES.get(arguments.recipe)


def _free(arguments: argparse.Namespace) -> Recipe:
    """The recipe of methods × losses that a command describes."""
    methods, datasets, seeds = map(_split, (arguments.methods, arguments.datasets, arguments.seeds))
    if not (methods and datasets and seeds):
        raise InputError("--methods, --datasets and --seeds must each name at least one")
    rows = {
        f"{method} {loss}".strip(): Row(method, loss=loss or None)
        for method in methods
        for loss in _split(arguments.losses) or [""]
    }
    return Recipe("A grid of your own", rows, tuple(datasets))


def _table(folder: str) -> int:
    from ieg.report import table

    return table.main([folder])


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser("python -m ieg.grid", __doc__)
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help=f"name of one, or {FREE}")
    parser.add_argument("--list", action="store_true", help="the recipes, or all of one")
    common_options(parser)
    _names(parser, "--methods", dest="methods", text=f"of {FREE}: the rows")
    _names(parser, "--losses", dest="losses", text=f"of {FREE}: each method with each")
    return parser


def _split(words: Sequence[str], known: Container[str] = ()) -> list[str]:
    """Words, each of which may hold several, unless it is a name that has spaces."""
    return [one for word in words for one in ([word] if word in known else word.split())]


def _refuse(error: InputError) -> int:
    print(f"error: {spelled(str(error), as_flag)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

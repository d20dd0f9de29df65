"""Mean and spread over seeds of all finished runs below a folder, as a Markdown table.

    python -m ieg.report.table runs/digits

Runs of one row differ in the seed only; other settings make another row. Bad input gives one line
on stderr and exit status 2.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ieg.errors import InputError

#: What a row shows of its settings.
SETTING = ("dataset", "data_note", "method", "network", "steps")

#: Column title → key in result.json.
COLUMNS = {
    "top-1, last step": "top1",
    "top-1, best step": "top1_best",
    "fit to wrong labels": "wrong_label_fit",
    "recovered": "recovered",
    "seconds": "seconds",
}


def main(argv: Sequence[str]) -> int:
    """Prints the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="searched for result.json files")
    arguments = parser.parse_args(argv)
    try:
        print(markdown(read_results(arguments.folder)))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def read_results(folder: Path) -> list[dict[str, Any]]:
    """The content of every result.json below a folder.

    Raises:
      InputError: there is none, or one cannot be read.
    """
    results = []
    for path in sorted(folder.rglob("result.json")):
        try:
            results.append(json.loads(path.read_text()))
        except ValueError as error:
            raise InputError(f"cannot read {path}: {error}") from None
    if not results:
        raise InputError(f"no finished run below {folder}")
    return results


def markdown(results: Sequence[Mapping[str, Any]]) -> str:
    """One row per setting: mean ± standard deviation over its seeds.

    Args:
      results: contents of result.json files.
    Raises:
      InputError: two runs differ in nothing, so one of them must not count.
    """
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for result in results:
        values = tuple("" if result.get(name) is None else result[name] for name in SETTING)
        settings = json.dumps(result.get("settings"), sort_keys=True)
        groups.setdefault((*values, settings), []).append(result)
    lines = [
        f"| {' | '.join([*SETTING, 'seeds', *COLUMNS])} |",
        f"| {' | '.join(['---'] * (len(SETTING) + 1 + len(COLUMNS)))} |",
    ]
    for setting, runs in sorted(groups.items(), key=lambda item: tuple(map(str, item[0]))):
        shown = setting[:-1]
        seeds = [run.get("seed") for run in runs]
        if len(set(seeds)) < len(seeds):
            raise InputError(f"two runs of {' '.join(map(str, shown))} have the same seed")
        cells = [_mean(key, [run.get(key) for run in runs]) for key in COLUMNS.values()]
        lines.append(f"| {' | '.join([*map(str, shown), str(len(runs)), *cells])} |")
    return "\n".join(lines)


def _mean(key: str, values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    if key == "seconds":
        return f"{statistics.mean(known):.0f}"
    if len(known) == 1:
        return f"{known[0]:.3f}"
    return f"{statistics.mean(known):.3f} ± {statistics.pstdev(known):.3f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

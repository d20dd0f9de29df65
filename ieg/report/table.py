"""Mean and spread over seeds of all finished runs below a folder, beside published numbers.

    python -m ieg.report.table runs/digits
    python -m ieg.report.table runs/ieg_cifar100 --csv cifar100.csv

Prints Markdown: one row per setting, notes below. Runs of one row differ in the seed only; where
rows would look alike, a column says which settings tell them apart. Columns without any content are
left out. Published numbers (published.csv) stand only beside runs on the official test images, with
the noise defined as it is here or else with its definition in the cell. Bad input gives one line on
stderr and exit status 2.
"""

import argparse
import csv
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ieg.errors import InputError
from ieg.report import published

#: What runs of one row have in common, beside their settings.
IDENTITY = ("dataset", "data_note", "eval_split", "method", "network", "steps")

#: What every result.json must say.
REQUIRED = ("dataset", "method", "network", "steps", "seed")

#: Key in result.json → column title.
METRICS = {
    "top1": "top-1, last step",
    "top1_best": "top-1, best step",
    "wrong_label_fit": "fit to wrong labels",
    "recovered": "recovered",
    "balanced_accuracy": "balanced accuracy",
    "many_shot": "many-shot",
    "medium_shot": "medium-shot",
    "few_shot": "few-shot",
}

#: Those that say nothing new where all classes have about as many images.
LONG_TAIL = ("balanced_accuracy", "many_shot", "medium_shot", "few_shot")

#: Which step a published number was measured at → column title.
PUBLISHED = {
    "last": "published, last step",
    "best": "published, best step",
    "": "published, step not stated",
}

#: Type of noise in data.json → what its ratio R in a data set's name means. Written here, since a
#: table should not wait for TensorFlow, which the noise types import.
NOISE = {
    "uniform": "each label is redrawn with probability R from all K classes: R·(K−1)/K are wrong",
    "symmetric": "an exact share R of the labels becomes one of the other K−1 classes",
    "asymmetric": "a class becomes the one that it is mistaken for with probability R",
    "superpair": "two classes of each superclass swap the share R of their images",
    "prior": "each label is redrawn with probability R from the class sizes",
    "human labels": "given by people; no ratio",
    "labels of a web search": "given by a web search; no ratio",
    "given labels": "the table of the data set says given and true labels",
    "random labels where none is known": "drawn for examples of unknown class; no ratio",
    "unknown": "nobody has said which labels are right",
}

_MOST_LISTED_SEEDS = 5
_LONGEST_CELL = 40

Result = Mapping[str, Any]


def main(argv: Sequence[str]) -> int:
    """Prints the table and writes the CSV file; returns the exit status."""
    parser = _OneLineParser(
        prog="python -m ieg.report.table", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, help="searched for finished runs")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table there too")
    arguments = parser.parse_args(argv)
    try:
        rows = rows_of(read_results(arguments.folder))
        if arguments.csv is not None:
            write_csv(rows, arguments.csv)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(markdown(rows))
    return 0


def read_results(folder: Path) -> list[dict[str, Any]]:
    """The content of every result.json below a folder, with the `noise_type` of its data.json.

    Raises:
      InputError: there is none, or one cannot be read.
    """
    results = []
    for path in sorted(folder.rglob("result.json")):
        result, data = _read_object(path), path.with_name("data.json")
        if result.get("fold") is not None:  # a part of another run, see --audit_folds
            continue
        if missing := [key for key in REQUIRED if key not in result]:
            raise InputError(f"cannot read {path}: it does not say {', '.join(missing)}")
        facts = _read_object(data) if data.exists() else {}
        results.append(result | {"noise_type": facts.get("noise_type")})
    if not results:
        raise InputError(f"no finished run below {folder}")
    return results


@dataclass(frozen=True)
class Row:
    """Runs that differ in nothing but their seeds.

    Attributes:
      results: contents of their result.json files, by seed.
      settings: what sets them apart from other rows that look alike, flag → value.
    """

    results: tuple[Result, ...]
    settings: Mapping[str, Any]

    @property
    def first(self) -> Result:
        """One of the runs, for all that they have in common."""
        return self.results[0]

    def known(self, key: str) -> list[float]:
        """The values of that key in those runs that have one."""
        return [result[key] for result in self.results if result.get(key) is not None]


def rows_of(results: Sequence[Result]) -> list[Row]:
    """Groups runs by everything but their seed; sorted by data set, method, network and steps.

    Args:
      results: contents of result.json files.
    Raises:
      InputError: two runs differ in nothing, so one of them must not count.
    """
    groups: dict[tuple[Any, ...], dict[str, list[Result]]] = {}
    for result in results:
        identity = tuple("" if result.get(k) is None else result[k] for k in IDENTITY)
        settings = json.dumps(result.get("settings"), sort_keys=True)
        groups.setdefault(identity, {}).setdefault(settings, []).append(result)
    rows = []
    for _, groups_alike in sorted(groups.items()):
        alike = [tuple(sorted(runs, key=lambda run: run["seed"])) for runs in groups_alike.values()]
        all_settings = [runs[0].get("settings") or {} for runs in alike]
        for runs, own in zip(alike, all_settings, strict=True):
            _refuse_twins(runs)
            rows.append(Row(runs, _that_differ(own, all_settings)))
    return rows


def markdown(rows: Sequence[Row]) -> str:
    """The table with its notes: mean ± population standard deviation over the seeds of each row.

    Args:
      rows: what `rows_of` gives.
    """
    notes = _Notes()
    cells = [_cells(row, notes) for row in rows]
    titles = [title for title in cells[0] if any(row[title] for row in cells)]
    lines = [titles, ["---"] * len(titles), *([row[title] for title in titles] for row in cells)]
    table = [f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines]
    return "\n".join([*table, "", *_legend(rows, titles), *notes.lines()])


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """The same for programs: always the same columns, full precision, empty where unknown.

    Args:
      rows: what `rows_of` gives.
      path: the file; one of that name is replaced.
    """
    metrics = (*METRICS, "noise_rate", "seconds")
    names = [*IDENTITY, "noise_type", "settings", "seeds"]
    names += [f"{key}_{what}" for key in metrics for what in ("mean", "std")]
    names += [f"published_{epoch or 'unstated'}" for epoch in published.EPOCHS]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            line = {key: row.first.get(key) for key in (*IDENTITY, "noise_type")}
            line["settings"] = _settings(row)
            line["seeds"] = " ".join(str(run["seed"]) for run in row.results)
            for key in metrics:
                if known := row.known(key):
                    line[f"{key}_mean"] = statistics.mean(known)
                    line[f"{key}_std"] = statistics.pstdev(known)
            for epoch in published.EPOCHS:
                found = [p for p in published.beside(row.first) if p.epoch == epoch]
                line[f"published_{epoch or 'unstated'}"] = "; ".join(
                    f"{p.number()} [{p.origin()}]" for p in found
                )
            writer.writerow(line)


class _Notes:
    """Texts that are too long for a cell, numbered in the order in which they are first used."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, text: str) -> str:
        """What stands in a cell for a text."""
        return f"[{self._numbers.setdefault(text, len(self._numbers) + 1)}]"

    def lines(self) -> list[str]:
        """The texts as items of a Markdown list."""
        return [f"- [{number}] {text}" for text, number in self._numbers.items()]


def _cells(row: Row, notes: _Notes) -> dict[str, str]:
    """Title → cell of one row; empty cells are unknown."""
    beside = published.beside(row.first)
    cells = {
        "data": row.first["dataset"],
        "note": _remark(row.first),
        "wrong labels": _mean(row.known("noise_rate"), digits=3),
        "method": row.first["method"],
        "network": row.first["network"],
        "steps": str(row.first["steps"]),
        "settings": _settings_cell(row, notes),
        "seeds": _seeds(row),
    }
    for key, title in METRICS.items():
        shown = key not in LONG_TAIL or _is_long_tailed(row)
        cells[title] = _mean(row.known(key), digits=3, spread=True) if shown else ""
        for epoch in {"top1": ["last"], "top1_best": ["best", ""]}.get(key, []):
            cells[PUBLISHED[epoch]] = _published_cell(beside, epoch, notes)
    return cells | {"seconds": _mean(row.known("seconds"), digits=0)}


def _is_long_tailed(row: Row) -> bool:
    return "imbal" in row.first["dataset"] or bool(row.known("few_shot"))


def _legend(rows: Sequence[Row], titles: Sequence[str]) -> list[str]:
    """What the columns mean, and how each noise type that occurs is defined."""
    lines = ["- mean ± standard deviation over seeds; the best step is picked on the test images"]
    kinds = dict.fromkeys(row.first.get("noise_type") for row in rows)
    lines += [
        f"- {kind} noise: {NOISE.get(kind, f'defined in ieg/data/noise/{kind}.py')}"
        for kind in filter(None, kinds)
    ]
    if any(title in titles for title in PUBLISHED.values()):
        lines.append(
            "- published numbers come from other code, and often from another network and length"
        )
    return lines


def _escaped(cell: str) -> str:
    return cell.replace("|", r"\|") or "-"


def _remark(result: Result) -> str:
    split = result.get("eval_split", "test")
    parts = [result.get("data_note"), f"{split} split" if split != "test" else None]
    return ", ".join(filter(None, parts))


def _seeds(row: Row) -> str:
    if len(row.results) > _MOST_LISTED_SEEDS:
        return f"{len(row.results)} seeds"
    return ", ".join(str(run["seed"]) for run in row.results)


def _settings(row: Row) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.settings.items())


def _settings_cell(row: Row, notes: _Notes) -> str:
    text = _settings(row)
    return text if len(text) <= _LONGEST_CELL else notes.mark(text)


def _published_cell(found: Sequence[published.Published], epoch: str, notes: _Notes) -> str:
    """Numbers with their notes; what several sources say stands once."""
    marks: dict[str, str] = {}
    for line in found:
        if line.epoch == epoch:
            number = line.number()
            marks[number] = f"{marks.get(number, '')} {notes.mark(line.origin())}"
    return "; ".join(number + numbers for number, numbers in marks.items())


def _refuse_twins(runs: Sequence[Result]) -> None:
    seeds = [run["seed"] for run in runs]
    if len(set(seeds)) < len(seeds):
        names = " ".join(str(runs[0][key]) for key in IDENTITY if runs[0].get(key) is not None)
        raise InputError(f"two runs of {names} have the same seed")


def _that_differ(settings: Result, others: Sequence[Result]) -> dict[str, Any]:
    """Those settings of a row that are not the same in all rows that have them.

    Rows look alike otherwise. Options that only one loss has do not tell it from the others.
    """
    return {
        name: value
        for name, value in settings.items()
        if any(other.get(name, value) != value for other in others)
    }


def _mean(known: Sequence[float], *, digits: int, spread: bool = False) -> str:
    if not known:
        return ""
    mean = f"{statistics.mean(known):.{digits}f}"
    if not spread or len(known) == 1:
        return mean
    return f"{mean} ± {statistics.pstdev(known):.{digits}f}"


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"cannot read {path}: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"cannot read {path}: it must hold a JSON object")
    return content


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

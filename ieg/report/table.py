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

from ieg import atomic
from ieg.errors import InputError, as_flag, spelled
from ieg.evaluation import measures
from ieg.evaluation.measures import Place
from ieg.report import published
from ieg.runs import files, find_results, read_result
from ieg.runs.folder import DATA

#: Keys that runs of one row have in common, beside their settings.
IDENTITY = ("dataset", "data_note", "eval_split", "method", "network", "steps")

#: Step that a published number was measured at → column title.
PUBLISHED = {
    "last": "published, last step",
    "best": "published, best step",
    "": "published, step not stated",
}

#: Type of noise in data.json → meaning of its ratio R in the name of a data set. Written here,
#: since a table should not wait for TensorFlow, which the noise types import.
NOISE = {
    "uniform": "each label is redrawn with probability R from all K classes: R·(K−1)/K are wrong",
    "symmetric": "an exact share R of the labels becomes one of the other K−1 classes",
    "asymmetric": "a class becomes the one that it is mistaken for with probability R",
    "pair": "each class becomes the next one with probability R",
    "superpair": "two classes of each superclass swap the share R of their images",
    "prior": "each label is redrawn with probability R from the class sizes",
    "human labels": "given by people; no ratio",
    "labels of a web search": "given by a web search; no ratio",
    "given labels": "the table of the data set says given and true labels",
    "random labels where none is known": "drawn for examples of unknown class; no ratio",
    "unknown": "nobody has said which labels are right",
}

_MEASURES = measures.shown(Place.TABLE)
_MOST_LISTED_SEEDS = 5
_LONGEST_CELL = 40

Result = Mapping[str, Any]


def main(argv: Sequence[str]) -> int:
    """Print the table and write the CSV file; returns the exit status."""
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
        print(f"error: {spelled(str(error), as_flag)}", file=sys.stderr)
        return 2
    print(markdown(rows))
    return 0


def read_results(folder: Path) -> list[dict[str, Any]]:
    """The content of every result.json below a folder, with the `noise_type` of its data.json.

    Raises:
      InputError: there is none, or one cannot be read.
    """
    results = []
    for run in find_results(folder):
        result = read_result(run)
        if result is None or result.get("fold") or result.get("part"):  # parts of another run
            continue
        facts = files.read_json(run / DATA) or {}
        results.append(result | {"noise_type": facts.get("noise_type")})
    if not results:
        raise InputError(f"no finished run below {folder}")
    return results


@dataclass(frozen=True)
class Row:
    """Runs that differ in nothing but their seeds.

    Attributes:
      results: contents of their result.json files, by seed.
      settings: those that set them apart from other rows that look alike, name → value.
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
    """Group runs by everything but their seed; sorted by data set, method, network and steps.

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
      rows: of `rows_of`.
    """
    notes = _Notes()
    cells = [_cells(row, notes) for row in rows]
    titles = [title for title in cells[0] if any(row[title] for row in cells)]
    lines = [titles, ["---"] * len(titles), *([row[title] for title in titles] for row in cells)]
    table = [f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines]
    return "\n".join([*table, "", *_legend(rows, titles), *notes.lines()])


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write the table for programs: the same columns always, full precision, empty if unknown.

    Args:
      rows: of `rows_of`.
      path: the file; one of that name is replaced.
    """
    keys = [*(measure.key for measure in _MEASURES), "noise_rate", "seconds"]
    names = [*IDENTITY, "noise_type", "settings", "seeds"]
    names += [f"{key}_{statistic}" for key in keys for statistic in ("mean", "std")]
    names += [f"published_{epoch or 'unstated'}" for epoch in published.EPOCHS]
    with atomic.text(path) as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            line = {key: row.first.get(key) for key in (*IDENTITY, "noise_type")}
            line["settings"] = _settings(row)
            line["seeds"] = " ".join(str(run["seed"]) for run in row.results)
            for key in keys:
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
        """Mark that stands in a cell for a text."""
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
    for measure in _MEASURES:
        told = not measure.long_tailed or _is_long_tailed(row)
        cells[measure.heading] = (
            _mean(row.known(measure.key), digits=3, spread=True) if told else ""
        )
        for epoch in {"top1": ["last"], "top1_best": ["best", ""]}.get(measure.key, []):
            cells[PUBLISHED[epoch]] = _published_cell(beside, epoch, notes)
    return cells | {"seconds": _mean(row.known("seconds"), digits=0)}


def _is_long_tailed(row: Row) -> bool:
    return "imbal" in row.first["dataset"] or bool(row.known("few_shot"))


def _legend(rows: Sequence[Row], titles: Sequence[str]) -> list[str]:
    """Meaning of the columns, and definition of each noise type that occurs."""
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
        if any(_is_other_l2r(row.first) for row in rows):
            lines.append(
                "- published numbers of l2r are without epochs of equal weights, without averaged "
                "weights, and with as many clean as training images in a step: "
                "l2r_warmup_epochs=0, use_ema=False, probe_batch_size=batch_size"
            )
    return lines


def _is_other_l2r(result: Result) -> bool:
    """True for L2R with other settings than those of its published numbers."""
    settings = result.get("settings") or {}
    changed = settings.get("l2r_warmup_epochs", 0) or settings.get("use_ema", False)
    changed = changed or settings.get("probe_batch_size") is None
    return result["method"] == "l2r" and bool(changed) and bool(published.beside(result))


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
    """Numbers with their notes; a number of several sources stands once."""
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
    """Settings of a row that are not the same in all rows that have them.

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


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

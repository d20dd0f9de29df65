"""Published test accuracies, and which of them may stand beside a run.

They are in published.csv, top-1 in percent with the digits of the source. Its columns:

method      ours where it is one of ours, else the source's name for it
setting     the source's words for data and setting
datasets    our names for that data, separated by spaces; empty where no name of ours means the same
network     the source's name for it; empty where it is not stated
settings    what a run must have been set to beside the data, as flag=value; empty: anything
epoch       last or best; empty where it is not stated which was measured
value       top-1 accuracy in percent
spread      ± in percent; empty where there is none
definition  how noise or imbalance differ from what our name means; empty: they are the same
source      where the number is from
read        how it was read, see `READ`
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from typing import Any

#: Values of the column `epoch`.
EPOCHS = ("last", "best", "")

#: Value of the column `read` → what is said of the number.
READ = {
    "source": "",
    "quoted": "as another source quotes it",
    "aggregator": "from an aggregator's page, not read in the paper",
    "memory": "from memory, not read in the paper",
}
#: Those of them whose numbers nobody has read in a paper.
UNVERIFIED = ("aggregator", "memory")


@dataclass(frozen=True)
class Published:
    """One line of published.csv; see there for the attributes that it shares with it.

    Attributes:
      value, spread: top-1 as a fraction; spread is None where there is none.
      settings: flag → value as it is written in the file.
    """

    method: str
    setting: str
    datasets: tuple[str, ...]
    network: str
    settings: Mapping[str, str]
    epoch: str
    value: Decimal
    spread: Decimal | None
    definition: str
    source: str
    read: str

    def number(self) -> str:
        """Value and spread with the digits of the source, and what limits a comparison."""
        spread = "" if self.spread is None else f" ± {self.spread}"
        unverified = "unverified" if self.read in UNVERIFIED else ""
        limits = ", ".join(filter(None, (self.definition, unverified)))
        return f"{self.value}{spread}{f' ({limits})' if limits else ''}"

    def origin(self) -> str:
        """Origin of the number: source, setting, network and how it was read."""
        network = self.network or "network not stated"
        read = f"; {READ[self.read]}" if READ[self.read] else ""
        return f"{self.source}: {self.setting}, {network}{read}"


@functools.cache
def load() -> tuple[Published, ...]:
    """All lines of the file, in its order."""
    text = resources.files(__package__).joinpath("published.csv").read_text(encoding="utf-8")
    return tuple(_parse(line) for line in csv.DictReader(text.splitlines()))


def beside(result: Mapping[str, Any]) -> list[Published]:
    """Numbers that may stand beside a run: same method, data and noise, official test images.

    Args:
      result: content of a result.json.
    Returns:
      nothing for data of other record counts than the official ones (`data_note`), and for
      accuracies on a validation split.
    """
    if result.get("data_note") or result.get("eval_split", "test") != "test":
        return []
    dataset = _canonical(result["dataset"])
    settings = result.get("settings") or {}
    return [
        line
        for line in load()
        if line.method == result["method"]
        and dataset in line.datasets
        and all(_same(settings.get(name), value) for name, value in line.settings.items())
    ]


def _parse(line: Mapping[str, str]) -> Published:
    words = [word.split("=") for word in line["settings"].split()]
    return Published(
        method=line["method"],
        setting=line["setting"],
        datasets=tuple(map(_canonical, line["datasets"].split())),
        network=line["network"],
        settings=dict(words),
        epoch=line["epoch"],
        value=Decimal(line["value"]) / 100,
        spread=Decimal(line["spread"]) / 100 if line["spread"] else None,
        definition=line["definition"],
        source=line["source"],
        read=line["read"],
    )


def _canonical(dataset: str) -> str:
    """The name with every number in its shortest form: `cifar10_uniform_0.40` is `..._0.4`."""
    return "_".join(map(_shortest, dataset.split("_")))


def _shortest(word: str) -> str:
    try:
        return f"{float(word):g}"
    except ValueError:
        return word


def _same(value: Any, wanted: str) -> bool:
    return _shortest(str(value)) == _shortest(wanted)

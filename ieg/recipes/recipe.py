"""Recipes and their rows: which runs there are, and which published numbers belong to them."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ieg.errors import InputError
from ieg.recipes.run import Place, Run
from ieg.report import published
from ieg.report.published import Published


@dataclass(frozen=True)
class RunFolder:
    """The value of an option that is the folder of another run: that of a row, with the same seed.

    Attributes:
      row: name of that row, whose run is made first.
      dataset: of that run; None: the same data set.
    """

    row: str
    dataset: str | None = None


Flags = Mapping[str, str | int | float | RunFolder]


@dataclass(frozen=True)
class Row:
    """One way to train, which runs on every data set of the recipe with every seed.

    Attributes:
      flags: beside those of the recipe, which they replace.
      loss: value of `loss`, if the rows of the recipe differ in it.
      datasets: the only ones that it runs on; empty: those of the recipe.
      folder: below the recipe's folder, since the name of a run folder does not say all flags;
        None: one named after the loss, if that is given.
      takes_flags: False for a first stage that further flags of the command do not reach.
    """

    method: str
    flags: Flags = field(default_factory=dict)
    loss: str | None = None
    datasets: tuple[str, ...] = ()
    folder: str | None = None
    takes_flags: bool = True


@dataclass(frozen=True)
class Citation:
    """Chooses lines of published.csv.

    Attributes:
      source: beginning of their source.
      methods: empty: those of the recipe.
      setting: part of the source's words for the setting.
      network: the source's name for it; None: any.
      settings: what these must say, flag → value as written there.
    """

    source: str
    methods: tuple[str, ...] = ()
    setting: str = ""
    network: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def fits(self, line: Published) -> bool:
        """True for a line that is meant, whatever its method and data set."""
        return (
            line.source.startswith(self.source)
            and self.setting in line.setting
            and self.network in (None, line.network)
            and self.settings.items() <= line.settings.items()
        )


@dataclass(frozen=True)
class Recipe:
    """A setting with its grid of runs: rows × data sets × seeds.

    Attributes:
      title: one line.
      rows: name → way to train, in the order of the runs.
      datasets: values of `dataset`.
      seeds: values of `seed`.
      flags: of every run.
      runs: folder that the runs go to unless another is given.
      source: paper and table, or where else the setting is from.
      cost: time and hardware.
      published: which lines of published.csv say what to expect.
      measured: row → data set → our own result.
      measure: the name of those results.
      remarks: what else one must know before one runs it, or compares with it.
    """

    title: str
    rows: Mapping[str, Row]
    datasets: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (1,)
    flags: Flags = field(default_factory=dict)
    runs: str = "runs/grid"
    source: str = "a comparison of our own"
    cost: str = ""
    published: tuple[Citation, ...] = ()
    measured: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    measure: str = ""
    remarks: str = ""

    def all_datasets(self) -> list[str]:
        """Every data set that a row runs on."""
        return _once(name for row in self.rows.values() for name in row.datasets or self.datasets)

    def numbers(self) -> list[Published]:
        """The published numbers, as they stand in published.csv."""
        methods = {row.method for row in self.rows.values()}
        datasets = set(self.all_datasets())
        return [
            line
            for line in published.load()
            for citation in self.published
            if citation.fits(line)
            and line.method in (citation.methods or methods)
            and (not line.datasets or datasets.intersection(line.datasets))
        ]

    def plan(
        self,
        runs: str = "",
        rows: Sequence[str] = (),
        datasets: Sequence[str] = (),
        seeds: Sequence[int] = (),
        further: Sequence[str] = (),
    ) -> list[Run]:
        """The runs in their order: the first seed of all first, what others begin from before them.

        Args:
          runs: the folder of all; empty: that of the recipe.
          rows, datasets, seeds: a part of the grid; empty: all of it. Other data sets of the same
            kind may be named, for rows that are not bound to theirs.
          further: words for `ieg.main` that come last.
        Raises:
          InputError: a row or a data set does not belong to the recipe.
        """
        for name in rows:
            if name not in self.rows:
                raise InputError(_unknown("row", name, self.rows))
        for name in datasets:
            if _kind(name) not in map(_kind, self.all_datasets()):
                raise InputError(_unknown("data set", name, self.all_datasets()))
        plan = _Plan(self, runs or self.runs, tuple(further))
        for seed in seeds or self.seeds:
            for dataset in datasets or self.all_datasets():
                for name in rows or self.rows:
                    if dataset in (self.rows[name].datasets or datasets or self.datasets):
                        plan.add(name, dataset, seed)
        if not plan.runs:
            asked = f"{', '.join(rows or self.rows)} on {', '.join(datasets)}"
            raise InputError(f"there is no run of {asked}")
        return list(plan.runs.values())


class _Plan:
    """Collects runs, each once."""

    def __init__(self, recipe: Recipe, root: str, further: tuple[str, ...]) -> None:
        self.runs: dict[tuple[str, str, int], Run] = {}
        self._recipe = recipe
        self._root = root
        self._further = further

    def add(self, name: str, dataset: str, seed: int) -> None:
        """Add a run, behind the one that it begins from."""
        flags: dict[str, str | int | float | Place] = {}
        for option, value in self._flags(name).items():
            if isinstance(value, RunFolder):
                needed = value.dataset or dataset
                self.add(value.row, needed, seed)
                flags[option] = self._place(value.row, needed, seed)
            else:
                flags[option] = value
        row = self._recipe.rows[name]
        place = self._place(name, dataset, seed)
        identity: dict[str, str | int] = {"dataset": dataset, "method": row.method, "seed": seed}
        identity["checkpoint_path"] = place.root
        if row.loss is not None:
            identity["loss"] = row.loss
        further = self._further if row.takes_flags else ()
        self.runs.setdefault(
            (name, dataset, seed), Run(name, place, {**identity, **flags}, further)
        )

    def _flags(self, name: str) -> Flags:
        return {**self._recipe.flags, **self._recipe.rows[name].flags}

    def _place(self, name: str, dataset: str, seed: int) -> Place:
        row = self._recipe.rows[name]
        folder = (row.loss or "") if row.folder is None else row.folder
        root = f"{self._root}/{folder}" if folder else self._root
        return Place(root, dataset, self._network(name), row.method, seed)

    def _network(self, name: str) -> str:
        """The network as the command names it: its last word counts."""
        named = str(self._flags(name).get("network_name", "*"))
        for word in self._further if self._recipe.rows[name].takes_flags else ():
            option, _, value = word.lstrip("-").partition("=")
            named = value if option == "network_name" else named
        return named


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"unknown {kind} {name!r}{hint}; there are: {', '.join(known)}"


def _kind(dataset: str) -> str:
    """The letters that a name begins with: "cifar" of `cifar100_imbal_0.01`."""
    return re.match("[a-z]*", dataset).group()  # type: ignore[union-attr]


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))

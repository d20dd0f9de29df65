"""The tables of docs/options.md, made from the dataclass fields that become flags.

python -m tests.option_tables    writes them into the page
"""

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import ieg.quiet  # noqa: F401

from ieg import config

PAGE = Path(__file__).parents[1] / "docs/options.md"
#: Stands above the generated part, which reaches to the end of the page.
MARK = "<!-- The rest of this page is made by `python -m tests.option_tables`. -->\n"


class Option(NamedTuple):
    """A flag with the same help wherever it occurs, and its default by owner."""

    name: str
    help: str
    choices: tuple[str, ...]
    defaults: dict[str, Any]


def tables() -> str:
    """The generated part of the page: groups of all runs, then methods, then losses."""
    owners: dict[str, dict[str, type]] = defaultdict(dict)
    parts = []
    for who, cls in config.option_classes().items():
        kind, _, name = who.rpartition("=")
        if kind:
            owners[kind][name] = cls
        else:
            parts += [f"## {who.capitalize()}", _table(_options({who: cls}))]
    methods = _options(owners["--method"])
    shared = [option for option in methods if len(option.defaults) > 1]
    parts += ["## Methods", _table(shared, owner="--method")]
    for name in owners["--method"]:
        own = [option for option in methods if list(option.defaults) == [name]]
        parts += [f"### {name}", _table(own)] if own else []
    parts += ["## Losses", _table(_options(owners["--loss"]), owner="--loss")]
    return "\n" + "\n\n".join(parts) + "\n"


def _options(classes: dict[str, type]) -> list[Option]:
    """The options of some classes in their order; what several share stands once."""
    found: dict[tuple[str, str], Option] = {}
    for owner, cls in classes.items():
        for field in dataclasses.fields(cls):
            text, choices = field.metadata["help"], tuple(field.metadata["choices"] or ())
            option = Option(field.name, text, choices, {})
            found.setdefault((field.name, text), option).defaults[owner] = field.default
    return list(found.values())


def _table(options: Iterable[Option], owner: str | None = None) -> str:
    titles = ["flag", *([f"`{owner}`"] if owner else []), "default", "meaning"]
    rows = [titles, ["---"] * len(titles)]
    for option in options:
        owners = [", ".join(option.defaults)] if owner else []
        rows.append([f"`--{option.name}`", *owners, _default(option), _meaning(option)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _default(option: Option) -> str:
    """The default of most owners, and those of the others behind their names."""
    owners: dict[str, list[str]] = defaultdict(list)
    for owner, default in option.defaults.items():
        owners[_value(default)].append(owner)
    usual = max(owners, key=lambda default: len(owners[default]))
    others = [f"; {', '.join(owners[default])} {default}" for default in owners if default != usual]
    return "".join([usual, *others])


def _value(default: Any) -> str:
    """A default as one types it."""
    if default is None:
        return "unset"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _meaning(option: Option) -> str:
    """The help text with flags as code, and the choices that it does not name."""
    text = re.sub(r"--\w+(=\w+)?", r"`\g<0>`", option.help).replace("|", r"\|")
    if all(choice in re.findall(r"[\w-]+", text) for choice in option.choices):
        return text
    return f"{text} ({', '.join(f'`{choice}`' for choice in option.choices)})"


def main() -> None:
    written = PAGE.read_text().split(MARK)[0]
    PAGE.write_text(written + MARK + tables())


if __name__ == "__main__":
    main()

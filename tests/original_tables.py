"""The tables at the end of docs/from_the_originals.md, made from `ieg.originals`.

python -m tests.original_tables    writes them into the page
"""

from collections.abc import Mapping
from pathlib import Path

from ieg.originals import FOREIGN, PAGE, RELEASED, Foreign

FILE = Path(__file__).parents[1] / PAGE
#: Stands above the generated part, which reaches to the end of the page.
MARK = "<!-- The rest of this page is made by `python -m tests.original_tables`. -->\n"


def tables() -> str:
    """The generated part of the page."""
    released = [
        f"| `--{name}` | {_values(option.values)} | {option.reason} |"
        for name, option in RELEASED.items()
    ]
    foreign = [
        f"| `{_spelled(name, flag)}` | {flag.program} | {_here(flag)} | {flag.remark} |"
        for name, flag in FOREIGN.items()
    ]
    return "\n".join(
        [
            "",
            "## Options of the IEG and FSR release without a flag here",
            "",
            "A value that is taken changes nothing and is noted; another is refused, with reason.",
            "",
            "| option | taken | what is done here |",
            "| --- | --- | --- |",
            *released,
            "",
            "## Flags of the other programs",
            "",
            "`{}` is the value, `{last}` what follows its last comma, BASE the data set.",
            "",
            "| flag | program | here | |",
            "| --- | --- | --- | --- |",
            *foreign,
            "",
        ]
    )


def _spelled(name: str, flag: Foreign) -> str:
    dashes = name.replace("_", "-") if flag.program == "ISIC-2019" else name
    return f"--{dashes}" if len(name) > 1 else f"-{name}"


def _values(values: tuple[str, ...]) -> str:
    named = [value for value in values if len(value) > 1 and value not in ("yes", "no")]
    return ", ".join(f"`{value}`" for value in named) or "none"


def _here(flag: Foreign) -> str:
    if not isinstance(flag.here, Mapping):
        return f"`{flag.here}`" if flag.here else "nothing"
    return ", ".join(
        f"{value}: {f'`{here}`' if here else 'nothing'}" for value, here in flag.here.items()
    )


if __name__ == "__main__":
    above = FILE.read_text(encoding="utf-8").partition(MARK)[0]
    FILE.write_text(above + MARK + tables(), encoding="utf-8")

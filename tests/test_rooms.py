"""The rooms of docs/design.md: each imports what stands above it in the table, and no circle."""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def layers() -> list[set[str]]:
    """Rooms of each row of the table, from the ground up."""
    page = (ROOT / "docs/design.md").read_text()
    table = page.split("## The rooms")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    return [set(re.findall(r"`(\w+)`", cell)) for cell in cells]


def imported(path: Path) -> Iterator[str]:
    """Rooms that a file imports, at its head or within a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "ieg":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ieg."):
            yield str(node.module).split(".")[1]


def test_rooms_import_downwards() -> None:
    files = [path for path in (ROOT / "ieg").iterdir() if path.suffix in ("", ".py")]
    rooms = {path.stem for path in files if not path.stem.startswith("_")}
    uses = {room: set() for room in rooms}
    for path in (ROOT / "ieg").glob("*/**/*.py"):
        uses[path.relative_to(ROOT / "ieg").parts[0]].update(imported(path))
    for path in (ROOT / "ieg").glob("[!_]*.py"):
        uses[path.stem].update(imported(path))
    uses = {room: (used & rooms) - {room} for room, used in uses.items()}
    rows = layers()
    row_of = {room: number for number, row in enumerate(rows) for room in row}
    assert row_of.keys() == rooms and sum(map(len, rows)) == len(row_of)
    upwards = {(a, b) for a, used in uses.items() for b in used if row_of[b] > row_of[a]}
    assert not upwards
    list(graphlib.TopologicalSorter(uses).static_order())  # raises on a circle

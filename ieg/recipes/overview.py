"""Recipes as text: all of them in a line each, and one of them in full."""

import textwrap

from ieg.recipes import RECIPES, Recipe
from ieg.report.published import Published


def listing() -> str:
    """All recipes, a line each: name, title, source, number of runs and cost."""
    names = RECIPES.names()
    width = max(map(len, names))
    lines = []
    for name in names:
        recipe = RECIPES.get(name)
        runs = f"{len(recipe.plan())} {'run' if len(recipe.plan()) == 1 else 'runs'}"
        lines.append(f"{name:{width}}  {recipe.title} [{recipe.source}; {runs}: {recipe.cost}]")
    lines.append(f"{'free':{width}}  A grid of your own: any methods, data sets, seeds and losses")
    return "\n".join(lines)


def description(name: str, recipe: Recipe) -> str:
    """All that a recipe says, in lines of 100 characters."""
    rows = "; ".join(
        f"{row} on {', '.join(way.datasets or recipe.datasets)}" for row, way in recipe.rows.items()
    )
    seeds = ", ".join(map(str, recipe.seeds))
    facts = {
        "source": [recipe.source],
        "command": [f"python -m ieg.grid {name}, or bash scripts/{name}.sh"],
        "runs": [f"{len(recipe.plan())} in {recipe.runs}: {rows}; seeds {seeds}"],
        "cost": [recipe.cost],
        "published": [_published(number) for number in recipe.numbers()],
        "measured": [
            f"{value:.3f} {row} on {dataset}: {recipe.measure}"
            for row, values in recipe.measured.items()
            for dataset, value in values.items()
        ],
        "remarks": [recipe.remarks],
    }
    lines = [recipe.title]
    for title, texts in facts.items():
        for text in filter(None, texts):
            margin = f"  {title:9}  "
            lines += textwrap.wrap(
                text, 100, initial_indent=margin, subsequent_indent=" " * len(margin),
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
    return "\n".join(lines)


def _published(number: Published) -> str:
    settings = "".join(f" {name}={value}" for name, value in number.settings.items())
    return f"{number.number()} {number.method}{settings} [{number.origin()}]"

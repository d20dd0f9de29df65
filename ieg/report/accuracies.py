"""Accuracies of one or several sets of weights as a table for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from ieg.evaluation import measures
from ieg.evaluation.measures import Place


def accuracies(
    heading: str,
    measured: Mapping[str, Mapping[str, Any]],
    class_names: Sequence[str],
    *,
    each_class: bool = False,
) -> Table:
    """A row for each measure, a column for each set of weights.

    Args:
      heading: of the first column.
      measured: name of the weights → key of a measure → value.
      class_names: K names.
      each_class: adds a row for each class, of `per_class`.
    """
    table, all_values = Table(heading, *measured), list(measured.values())
    for measure in measures.shown(Place.EVALUATION, len(class_names)):
        if all(measure.key in values for values in all_values):
            table.add_row(measure.title, *(_cell(values[measure.key]) for values in all_values))
    for k, name in enumerate(class_names if each_class else ()):
        table.add_row(f"class {name}", *(_cell(values["per_class"][k]) for values in all_values))
    return table


def _cell(accuracy: float | None) -> str:
    return "n/a" if accuracy is None else f"{accuracy:.4f}"

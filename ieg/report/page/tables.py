"""Accuracy of each class and of groups of classes by their training images; and annotators."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ieg.report.annotators import People
from ieg.report.page.markup import Html, element, table


def accuracies(
    names: Sequence[str],
    counts: NDArray[np.int64],
    per_class: Sequence[float | None],
    groups: Mapping[str, NDArray[np.bool_]],
    per_group: Mapping[str, float | None],
    suspected: NDArray[np.int64] | None = None,
) -> list[Html]:
    """Two tables.

    Args:
      names: of K classes.
      counts: [K] training images by given label.
      per_class: K accuracies in [0, 1]; None for a class without test images.
      groups: name → [K] bool, which classes are in it.
      per_group: name → accuracy; None for a group without classes.
      suspected: [K] how many of the given labels are probably wrong, or None.
    """
    group_of = [
        next(name for name, members in groups.items() if members[k]) for k in range(len(names))
    ]
    header = ["class", "shots", "training images", "accuracy"]
    rows = [
        [name, group_of[k], f"{counts[k]:,}", _share(per_class[k])] for k, name in enumerate(names)
    ]
    if suspected is not None:
        header.append("probably wrong")
        rows = [[*row, f"{number:,}"] for row, number in zip(rows, suspected, strict=True)]
    by_group = [
        [
            name,
            f"{int(members.sum()):,}",
            f"{int(counts[members].sum()):,}",
            _share(per_group[name]),
        ]
        for name, members in groups.items()
    ]
    return [
        table("Accuracy per class", header, rows, text_columns=2),
        table("Accuracy by shots", ["shots", "classes", "training images", "accuracy"], by_group),
    ]


def annotators(people: People) -> Html:
    """A table of people with a warning for each suspicious one."""
    found = people.consensus
    rows = [
        [str(name), "yes" if suspicion else "no", f"{number:,}", f"{accuracy:.4f}", _share(share)]
        for name, suspicion, number, accuracy, share in zip(
            found.annotators,
            people.suspicions(),
            found.num_labels.tolist(),
            found.accuracy.tolist(),
            people.agreement(),
            strict=True,
        )
    ]
    header = ["annotator", "suspicious", "labels", "estimated accuracy", "agreement with others"]
    warnings = [
        element("p", f"{text[:1].upper()}{text[1:]}.", class_="warning", role="note")
        for text in people.warnings()
    ]
    return element("div", *warnings, table("Annotators", header, rows, text_columns=2))


def _share(accuracy: float | None) -> str:
    return "n/a" if accuracy is None else f"{accuracy:.4f}"

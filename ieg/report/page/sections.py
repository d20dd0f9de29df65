"""Findings on images as sections of the gallery: copies, outliers, bad condition."""

from collections.abc import Mapping
from typing import NamedTuple

from ieg.audit.copies import CopyGroup
from ieg.experiment import Experiment
from ieg.report import thumbnails
from ieg.report.findings import TRAIN, Findings
from ieg.report.label_audit import LabelAudit
from ieg.report.page.document import Group, Other, Section

#: Share of the bytes of label pictures that those of findings on one split, or of neighbors, may
#: take.
SHARE = 0.25


class Placed(NamedTuple):
    """Sections, see `document.Audit`."""

    sections: list[Section]
    others: list[Other]
    pictures: dict[int, str]


def place(experiment: Experiment, audited: LabelAudit, findings: Findings, pictured: int) -> Placed:
    """Sections of findings, in rows of the gallery.

    Args:
      experiment: trained or restored.
      audited: labels of the run, the first rows of the gallery.
      findings: on its images.
      pictured: number of the first rows that have pictures already.
    """
    named = [row for group in findings.copies for row in group.rows.tolist()]
    named += [*findings.outliers, *(found.index for found in findings.condition)]
    labels = {index: row for row, index in enumerate(audited.index.tolist())}
    rows: dict[int, int] = {}
    others: list[Other] = []
    for found in dict.fromkeys(named):
        split, index = findings.split[found], int(findings.index[found])
        if split == TRAIN and index in labels:
            rows[found] = labels[index]
        else:
            rows[found] = len(labels) + len(others)
            others.append(Other(split, index, findings.path[found], int(findings.given[found])))
    sections = [
        _copies(findings, rows),
        _outliers(findings, rows),
        _condition(findings, rows),
    ]
    shown = [section for section in sections if section.groups]
    return Placed(shown, others, _pictures(experiment, findings, rows, pictured))


def _copies(findings: Findings, rows: Mapping[int, int]) -> Section:
    def title(number: int, group: CopyGroup) -> str:
        words = [f"Group {number}", "equal pixels" if group.kind == "exact" else "near copies"]
        words += ["different labels"] * group.labels_differ
        words += [f"in training and {findings.split[-1]} images"] * group.leak
        return ", ".join(words)

    groups = [
        Group(
            title(number, group),
            [rows[row] for row in group.rows.tolist()],
            [f"{similarity:.3f}" for similarity in group.similarity],
        )
        for number, group in enumerate(findings.copies, start=1)
    ]
    return Section("Copies", f"{len(groups):,} groups", groups, one_each=True)


def _outliers(findings: Findings, rows: Mapping[int, int]) -> Section:
    found = findings.outliers
    notes = [f"{score:.3f}" for score in found.values()]
    groups = [Group("", [rows[row] for row in found], notes)] if found else []
    return Section("Outliers", f"{len(found):,}", groups)


def _condition(findings: Findings, rows: Mapping[int, int]) -> Section:
    """Each image stands below its first problem, with the names of the others."""
    problems: dict[int, list[str]] = {}
    notes = dict(findings.damage)
    for found in findings.condition:
        problems.setdefault(found.index, []).append(found.kind)
        if found.value is not None:
            notes.setdefault(found.index, f"{found.value:.3g} ({found.threshold:.3g})")
    groups = []
    for kind in dict.fromkeys(kinds[0] for kinds in problems.values()):
        members = [row for row, kinds in problems.items() if kinds[0] == kind]
        texts = [", ".join([notes.get(row, ""), *problems[row][1:]]) for row in members]
        heading = kind if kind == "damaged" else f"{kind}: value (limit)"
        groups.append(Group(heading.capitalize(), [rows[row] for row in members], texts))
    return Section("Bad condition", f"{len(problems):,}", groups)


def _pictures(
    experiment: Experiment, findings: Findings, rows: Mapping[int, int], pictured: int
) -> dict[int, str]:
    dataset, tested = experiment.dataset, experiment.config.data.eval_split
    shown: dict[int, str] = {}
    for of_test, source in ((False, dataset.train.images), (True, dataset.evaluation.images)):
        places = [
            row
            for row, number in rows.items()
            if number >= pictured and (findings.split[row] == tested) == of_test
        ]
        if places:
            uris = thumbnails.data_uris(source[findings.index[places]], SHARE)
            shown |= {rows[row]: uri for row, uri in zip(places, uris, strict=False)}
    return shown

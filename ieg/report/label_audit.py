"""Label audit of a run: estimated, written as label_audit.csv and audit.json, and printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from ieg import audit, mapped
from ieg.audit import agreement
from ieg.experiment import Experiment
from ieg.report import annotators, judgment, outcome
from ieg.report.annotators import People
from ieg.report.findings import Findings
from ieg.report.judgment import Judgment
from ieg.runs.folder import AUDIT, LABEL_AUDIT

#: Columns of examples.csv that are not evidence.
_NO_EVIDENCE = ("index", "path", "given_class", "given_label", "true_label")

_CORRECTED = (
    "note: these labels were corrected by an earlier list, which has taught the model its answers: "
    "go on with that list rather than with this one"
)

#: The first labels are shown with their neighbors, so many of each.
_WITH_NEIGHBORS, _NEIGHBORS = 1000, 5


@dataclass(frozen=True, eq=False)
class LabelAudit:
    """Given labels, the highest score first, of equal ones the lower index.

    Attributes:
      index: [n] int, of the examples.
      path: n paths, or None when the examples are no files.
      given, suggested, true: [n] int, numbers of classes; `true` is -1 where unknown.
      score: [n] in [0, 1].
      evidence: name → [n] float, nan where unknown; or n texts.
      neighbors: [m, 5] int, of the first m labels the places in this list of the most similar
        images; None without features.
      facts: content of audit.json.
      people: whose labels the given ones are the consensus of; None for one label per image.
    """

    index: NDArray[np.int64]
    path: list[str] | None
    given: NDArray[np.int64]
    suggested: NDArray[np.int64]
    true: NDArray[np.int64]
    score: NDArray[np.float64]
    evidence: Mapping[str, NDArray[Any] | list[str]]
    facts: Mapping[str, Any]
    neighbors: NDArray[np.int64] | None = None
    people: People | None = None

    def table(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Columns of label_audit.csv; "" stands for a true label or path that is not known.

        Args:
          class_names: K names.
        """

        def names(labels: NDArray[np.int64]) -> list[str]:
            return [class_names[k] if k >= 0 else "" for k in labels]

        return {
            "index": self.index,
            "path": self.path or [""] * len(self.index),
            "given_label": names(self.given),
            "suggested_label": names(self.suggested),
            "score": self.score,
            "true_label": names(self.true),
            **self.evidence,
        }


def sort(
    examples: Mapping[str, Any],
    found: audit.Estimate,
    facts: Mapping[str, Any],
    features: NDArray[np.float32] | None = None,
) -> LabelAudit:
    """Examples with their scores, the most suspicious first.

    Args:
      examples: columns of examples.csv: [n] index, given_label and true_label (nan: unknown),
        perhaps path, and the ledger's values of each example.
      found: of the same n examples.
      facts: content of audit.json.
      features: [n, D] of the examples.
    """
    order = np.lexsort((examples["index"], -found.score))

    def sorted_column(name: str, column: Any) -> NDArray[Any] | list[str]:
        if name in ("path", "name"):
            return [column[i] for i in order]
        return np.asarray(column)[order]

    true = np.asarray(examples["true_label"], np.float64)[order]
    paths = examples.get("path")
    evidence = {k: sorted_column(k, v) for k, v in examples.items() if k not in _NO_EVIDENCE}
    return LabelAudit(
        index=np.asarray(examples["index"], np.int64)[order],
        path=None if paths is None else [paths[i] for i in order],
        given=np.asarray(examples["given_label"], np.int64)[order],
        suggested=found.suggested[order],
        true=np.where(np.isnan(true), -1, true).astype(np.int64),
        score=found.score[order],
        evidence={"given_probability": found.given_probability[order], **evidence},
        facts=facts,
        neighbors=None if features is None else _neighbors(mapped.gathered([(features, order)])),
    )


def _neighbors(features: NDArray[np.float32]) -> NDArray[np.int64]:
    """[m, 5] most similar rows of the first m, each without itself."""
    count = min(len(features), _WITH_NEIGHBORS)
    found = audit.nearest(features, _NEIGHBORS + 1, queries=features[:count]).rows
    own = found == np.arange(count)[:, np.newaxis]
    own[~own.any(axis=1), -1] = True  # copies may stand before the image itself
    return found[~own].reshape(count, -1)


def report(
    experiment: Experiment,
    judged: Judgment,
    step: int,
    console: Console,
    findings: Findings | None = None,
) -> LabelAudit:
    """Write label_audit.csv, audit.json and the tables of annotators, and print a line of each.

    Args:
      experiment: trained or restored.
      judged: labels of its `judgment.readable_rows`.
      step: of the weights.
      console: prints the result.
      findings: on its images, whose numbers audit.json has too; None for none.
    """
    dataset, folder, found = experiment.dataset, experiment.folder, judged.estimate
    indices, rows = dataset.train_indices, judgment.readable_rows(experiment)
    places = np.searchsorted(indices, rows)
    table = outcome.examples_table(experiment).items()
    examples = {name: [column[i] for i in places] for name, column in table} | dict(judged.columns)
    given, true = dataset.given_labels[rows], dataset.true_labels[rows]
    known, people = true >= 0, annotators.gather(experiment, judged)
    facts = {
        "step": step,
        "audit_folds": judged.folds,
        "examples": len(given),
        "suspicious": int(np.sum(found.score > audit.THRESHOLD)),
        "noise_rate": found.noise_rate,
        **judged.facts(),
        **agreement.measure(judged.confusion)._asdict(),
        "class_names": list(dataset.class_names),
        "transition_matrix": found.transition.tolist(),
        "true_labels_known": int(known.sum()),
        **audit.measure(found.score[known], (true != given)[known]),
        **({} if findings is None else findings.facts()),
        **({} if people is None else people.facts()),
    }
    audited = replace(sort(examples, found, facts, judged.features), people=people)
    folder.write_table(LABEL_AUDIT, audited.table(dataset.class_names))
    folder.write_json(AUDIT, facts)
    corrected = dataset.corrections is not None
    lines = [
        _line(facts),
        *([_CORRECTED] if corrected else []),
        *([] if findings is None else [findings.line()]),
    ]
    if people is not None:
        people.write(folder)
        lines += [people.line(), *people.warnings()]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return audited


def _line(facts: Mapping[str, Any]) -> str:
    """The facts of an audit in one line."""
    names = {
        "auroc": "AUROC",
        "average_precision": "average precision",
        "precision_at_wrong": "precision at as many as are wrong",
        f"precision_at_{audit.FIRST}": f"precision at {audit.FIRST}",
        "f1": "F1",
        "gain": "gain over looks in random order",
    }
    measured = [f"{name} {facts[k]:.4f}" for k, name in names.items() if facts[k] is not None]
    number = facts["audit_folds"]
    by = f" by {number} folds" if number else ""
    warning = agreement.warning(facts)
    doubt = "" if warning else agreement.doubt(facts)
    return (
        f"label audit{by}: {f'warning: {warning}; ' if warning else ''}"
        f"{facts['suspicious']:,} of {facts['examples']:,} labels are probably "
        f"wrong, estimated noise rate {facts['noise_rate']:.3f}{doubt}; "
        f"{', '.join([*measured, f'see {LABEL_AUDIT}'])}"
    )

"""Label audit of a run: estimated, written as label_audit.csv and audit.json, and printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.console import Console

from ieg import audit, folds
from ieg.audit import agreement
from ieg.audit import evidence as pieces
from ieg.data.images import readable
from ieg.evaluation import metrics
from ieg.experiment import Experiment
from ieg.features import CachedImages
from ieg.features.gaussian import GaussianHead
from ieg.report.findings import Findings
from ieg.runs.folder import AUDIT, LABEL_AUDIT

#: Columns of examples.csv that are not evidence.
_NO_EVIDENCE = ("index", "path", "given_class", "given_label", "true_label")

#: The noise rate lies between mean score and disagreement; a wider range is called unreliable.
_WIDEST = 0.1


@dataclass(frozen=True, eq=False)
class LabelAudit:
    """Given labels, the highest score first, of equal ones the lower index.

    Attributes:
      index: [n] int, of the examples.
      path: n paths, or None when the examples are no files.
      given, suggested, true: [n] int, numbers of classes; `true` is -1 where unknown.
      score: [n] in [0, 1].
      evidence: name → [n] float, nan where unknown; or n texts.
      facts: content of audit.json.
    """

    index: NDArray[np.int64]
    path: list[str] | None
    given: NDArray[np.int64]
    suggested: NDArray[np.int64]
    true: NDArray[np.int64]
    score: NDArray[np.float64]
    evidence: Mapping[str, NDArray[Any] | list[str]]
    facts: Mapping[str, Any]

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


def of_run(
    experiment: Experiment,
    examples: Mapping[str, Any],
    logits: np.ndarray,
    confusion: ArrayLike,
    step: int,
    console: Console,
    findings: Findings | None = None,
) -> LabelAudit:
    """Audit the labels by the best evidence of a run: on features out of sample, else by itself.

    The arguments are those of `by_itself`.
    """
    if experiment.head is not None:
        return by_head(experiment, experiment.head, examples, confusion, step, console, findings)
    return by_itself(experiment, examples, logits, confusion, step, console, findings)


def by_itself(
    experiment: Experiment,
    examples: Mapping[str, Any],
    logits: np.ndarray,
    confusion: ArrayLike,
    step: int,
    console: Console,
    findings: Findings | None = None,
) -> LabelAudit:
    """Audit the labels that a run was trained on by its own network.

    Args:
      experiment: trained or restored.
      examples: columns of examples.csv.
      logits: [n, K] of its network for the examples to train on, not augmented.
      confusion: [K, K] counts of its test images, see `evaluate.on_split`.
      step: of the weights.
      console: prints the result.
      findings: on its images, whose numbers audit.json has too; None for none.
    """
    usable, given = _given(experiment)
    loss = experiment.state.ledger.settled_loss()[experiment.dataset.train_indices]
    found = audit.estimate(given, logits=logits[usable], running_loss=loss[usable])
    return _audit(experiment, examples, found, confusion, step, console, findings)


def by_head(
    experiment: Experiment,
    head: GaussianHead,
    examples: Mapping[str, Any],
    confusion: ArrayLike,
    step: int,
    console: Console,
    findings: Findings | None = None,
) -> LabelAudit:
    """Audit the labels by a closed-form head on features, a kernel regression and neighbors.

    All of them leave each example out of its own judgment, see `ieg.audit.evidence`.

    Args:
      experiment: trained or restored.
      head: fitted to the readable examples to train on.
      examples, confusion, step, console, findings: as for `by_itself`.
    """
    combined = on_features(experiment, head)
    found = audit.from_posterior(combined.posterior, _given(experiment)[1], head.logits)
    return _audit(
        experiment, examples, found, confusion, step, console, findings, combined=combined
    )


def on_features(experiment: Experiment, head: GaussianHead) -> pieces.Combination:
    """Judgment of the readable examples to train on by all that their features tell.

    Args:
      experiment: on features of a backbone.
      head: fitted to the same examples.
    """
    usable, given = _given(experiment)
    assert isinstance(experiment.features, CachedImages)
    rows = experiment.features[experiment.dataset.train_indices[usable]].plain()
    return pieces.on_features(
        rows, given, head.logits, head.posterior, head.channel, seed=experiment.config.run.seed
    )


def by_folds(
    experiment: Experiment,
    examples: Mapping[str, Any],
    step: int,
    console: Console,
    findings: Findings | None = None,
) -> LabelAudit:
    """Audit the same labels by models that have not trained on what they vote on.

    The arguments are those of `by_itself`.

    Raises:
      InputError: a fold has not been trained.
    """
    usable, given = _given(experiment)
    logits = folds.out_of_fold(experiment)[usable]
    found = audit.estimate(given, logits=logits)
    # No network has trained on what it votes on.
    voted = metrics.predicted_classes(logits)
    confusion = metrics.confusion_matrix(voted, given, experiment.dataset.num_classes)
    number = experiment.config.evaluation.audit_folds
    return _audit(experiment, examples, found, confusion, step, console, findings, number)


def _given(experiment: Experiment) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the readable examples among those to train on, and their given labels.

    Nothing was learned of an image that cannot be decoded.
    """
    dataset = experiment.dataset
    usable = np.flatnonzero(readable(dataset.train.inputs[dataset.train_indices]))
    return usable, dataset.given_labels[dataset.train_indices[usable]]


def sort(
    examples: Mapping[str, Any], found: audit.Estimate, facts: Mapping[str, Any]
) -> LabelAudit:
    """Examples with their scores, the most suspicious first.

    Args:
      examples: columns of examples.csv: [n] index, given_label and true_label (nan: unknown),
        perhaps path, and the ledger's values of each example.
      found: of the same n examples.
      facts: content of audit.json.
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
    )


def _audit(
    experiment: Experiment,
    examples: Mapping[str, Any],
    found: audit.Estimate,
    confusion: ArrayLike,
    step: int,
    console: Console,
    findings: Findings | None,
    audit_folds: int = 0,
    combined: pieces.Combination | None = None,
) -> LabelAudit:
    dataset, folder = experiment.dataset, experiment.folder
    usable, given = _given(experiment)
    examples = {name: [column[i] for i in usable] for name, column in examples.items()}
    if combined is not None:
        parts = combined.probability.items()
        examples |= {f"{part}_probability": values for part, values in parts if part != "head"}
    true = dataset.true_labels[dataset.train_indices[usable]]
    known = true >= 0
    facts = {
        "step": step,
        "audit_folds": audit_folds,
        "examples": len(given),
        "suspicious": int(np.sum(found.score > audit.THRESHOLD)),
        "noise_rate": found.noise_rate,
        **_of_combination(combined),
        **agreement.measure(confusion)._asdict(),
        "class_names": list(dataset.class_names),
        "transition_matrix": found.transition.tolist(),
        "true_labels_known": int(known.sum()),
        **audit.measure(found.score[known], (true != given)[known]),
        **({} if findings is None else findings.facts()),
    }
    audited = sort(examples, found, facts)
    folder.write_table(LABEL_AUDIT, audited.table(dataset.class_names))
    folder.write_json(AUDIT, facts)
    for line in [_line(facts), *([] if findings is None else [findings.line()])]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return audited


def _of_combination(combined: pieces.Combination | None) -> dict[str, Any]:
    """What audit.json says about the pieces of evidence."""
    if combined is None:
        return {}
    return {"disagreement": combined.disagreement, "evidence_weights": dict(combined.weights)}


def _line(facts: Mapping[str, Any]) -> str:
    """The facts of an audit in one line."""
    names = {
        "auroc": "AUROC",
        "average_precision": "average precision",
        "precision_at_wrong": "precision at as many as are wrong",
        f"precision_at_{audit.FIRST}": f"at {audit.FIRST}",
        "f1": "F1",
    }
    measured = [f"{name} {facts[k]:.4f}" for k, name in names.items() if facts[k] is not None]
    number = facts["audit_folds"]
    by = f" by {number} folds" if number else ""
    warning = agreement.warning(facts)
    rate, most = facts["noise_rate"], facts.get("disagreement", 0.0)
    doubt = f" (unreliable: up to {most:.3f})" if most - rate > _WIDEST else ""
    return (
        f"label audit{by}: {f'warning: {warning}; ' if warning else ''}"
        f"{facts['suspicious']:,} of {facts['examples']:,} labels are probably "
        f"wrong, estimated noise rate {rate:.3f}{doubt}; "
        f"{', '.join([*measured, f'see {LABEL_AUDIT}'])}"
    )

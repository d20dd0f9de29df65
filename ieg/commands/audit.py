"""The label audit: written at the end of training, and by `--mode=audit` for a checkpoint."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from rich.console import Console

from ieg import folds
from ieg.audit import agreement, scores
from ieg.config import Settings
from ieg.data.images import readable
from ieg.evaluation import metrics
from ieg.experiment import Experiment
from ieg.report import outcome
from ieg.report.page import contents
from ieg.restoring import restored
from ieg.runs.folder import AUDIT, LABEL_AUDIT


def run(settings: Settings, console: Console) -> int:
    """Audits the labels of a run at a checkpoint; returns the exit status.

    Raises:
      InputError: see `restored`; or a fold has not been trained.
    """
    experiment, step = restored(settings, console)
    if experiment.config.audit_folds:
        by_folds(experiment, step, console)
    else:
        predict = experiment.predictor(experiment.state.evaluated_weights())
        logits = predict(experiment.dataset.train.images[experiment.dataset.train_indices])
        by_itself(experiment, logits, experiment.test(predict)["confusion"], step, console)
    contents.remake(experiment, console)
    return 0


def by_itself(
    experiment: Experiment,
    logits: np.ndarray,
    confusion: ArrayLike,
    step: int,
    console: Console,
) -> None:
    """Writes and prints what a run says of the labels that it was trained on.

    Args:
      experiment: trained or restored.
      logits: [n, K] of its network for the examples to train on, not augmented.
      confusion: [K, K] counts of its test images, see `evaluate.on_split`.
      step: where the run is.
      console: where to print.
    """
    examples = outcome.examples_table(experiment)
    loss = experiment.state.ledger.settled_loss()[experiment.dataset.train_indices]
    _write(experiment, examples, logits, loss, confusion, step, console)


def by_folds(experiment: Experiment, step: int, console: Console) -> None:
    """The same with the votes of models that have not trained on what they vote on.

    Raises:
      InputError: a fold has not been trained.
    """
    logits = folds.out_of_fold(experiment)
    _write(experiment, outcome.examples_table(experiment), logits, None, None, step, console)


def _write(
    experiment: Experiment,
    examples: dict[str, Any],
    logits: np.ndarray,
    running_loss: np.ndarray | None,
    confusion: ArrayLike | None,
    step: int,
    console: Console,
) -> None:
    dataset, folder = experiment.dataset, experiment.folder
    # Of an image that cannot be decoded nothing was learned.
    kept = np.flatnonzero(readable(dataset.train.images[dataset.train_indices]))
    examples = {name: [column[i] for i in kept] for name, column in examples.items()}
    given = dataset.given_labels[dataset.train_indices[kept]]
    loss = None if running_loss is None else running_loss[kept]
    found = scores.estimate(logits[kept], given, loss)
    if confusion is None:  # no network has trained on what it votes on
        voted = metrics.predicted_classes(logits[kept])
        confusion = metrics.confusion_matrix(voted, given, dataset.num_classes)
    true = dataset.true_labels[dataset.train_indices[kept]]
    known = true >= 0
    facts = {
        "step": step,
        "audit_folds": 0 if running_loss is not None else experiment.config.audit_folds,
        "examples": len(given),
        "suspicious": int(np.sum(found.score > scores.THRESHOLD)),
        "noise_rate": found.noise_rate,
        **agreement.measure(confusion)._asdict(),
        "class_names": list(dataset.class_names),
        "transition_matrix": found.transition.tolist(),
        "true_labels_known": int(known.sum()),
        **scores.measure(found.score[known], (true != given)[known]),
    }
    folder.write_table(LABEL_AUDIT, scores.table(examples, found, dataset.class_names))
    folder.write_json(AUDIT, facts)
    console.print(_line(facts), highlight=False, markup=False, soft_wrap=True)


def _line(facts: dict[str, Any]) -> str:
    """What audit.json says, in one line."""
    names = {
        "auroc": "AUROC",
        "average_precision": "average precision",
        "precision_at_wrong": "precision at as many as are wrong",
        f"precision_at_{scores.FIRST}": f"at {scores.FIRST}",
        "f1": "F1",
    }
    measured = [f"{name} {facts[k]:.4f}" for k, name in names.items() if facts[k] is not None]
    folds = facts["audit_folds"]
    by = f" by {folds} folds" if folds else ""
    warning = agreement.warning(facts)
    return (
        f"label audit{by}: {f'warning: {warning}; ' if warning else ''}"
        f"{facts['suspicious']:,} of {facts['examples']:,} labels are probably "
        f"wrong, estimated noise rate {facts['noise_rate']:.3f}; "
        f"{', '.join([*measured, f'see {LABEL_AUDIT}'])}"
    )

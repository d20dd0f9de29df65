"""`--mode=audit`: audits labels and images, of a run at one of its checkpoints or without any."""

import time
from typing import Any

import numpy as np
from rich.console import Console

from ieg.config import Config
from ieg.experiment import Experiment, build
from ieg.features import progress
from ieg.moved import followed
from ieg.report import findings, judgment, label_audit, outcome
from ieg.report.announce import announce
from ieg.report.finish import audit_again
from ieg.report.page import contents
from ieg.restoring import restored, stored_config


def run(config: Config, console: Console) -> int:
    """Write label_audit.csv, audit.json, the findings and the page; returns the exit status.

    Without a run of these settings the labels are audited by the head in closed form, if the method
    has one, and nothing is trained.

    Raises:
      InputError: see `restored`; or a fold has not been trained.
    """
    config = followed(config, console)
    if _needs_no_run(config) and stored_config(config) is None:
        return _without_run(config, console)
    experiment, step = restored(config, console)
    announce(experiment, console, step)
    found = findings.report(experiment, console)
    if experiment.config.evaluation.audit_folds:
        judged = judgment.by_folds(experiment)
    else:
        tested, logits = _outputs(experiment)
        judged = judgment.of_run(experiment, logits, tested["confusion"])
    audited = label_audit.report(experiment, judged, step, console, found)
    audit_again(experiment, audited, found, console)
    return 0


def _needs_no_run(config: Config) -> bool:
    """True for a head in closed form on features, which is whole before any training."""
    on_features = config.network.backbone != "none" and not config.trains_backbone
    in_closed_form = config.method.closed_form and on_features
    return in_closed_form and not config.evaluation.audit_folds and not config.run.restore_step


def _without_run(config: Config, console: Console) -> int:
    start = time.monotonic()
    with progress.shown(console) as told:
        experiment = build(config, progress=told)
    announce(experiment, console)
    console.print("audit without a run: nothing is trained", highlight=False)
    experiment.folder.open()
    try:
        outcome.keep_corrections(experiment)
        found = findings.report(experiment, console)
        tested, logits = _outputs(experiment)
        confusion = np.array(tested["confusion"])
        judged = judgment.of_run(experiment, logits, confusion)
        audited = label_audit.report(experiment, judged, 0, console, found)
        cost = {"steps": 0, "seconds": time.monotonic() - start, "examples_per_second": None}
        result = outcome.result(experiment, cost, {**tested, "top1_raw": tested["top1"]}, logits)
        result |= {"top1_best": result["top1"], "best_step": 0}
        path = contents.write(experiment, result, {}, confusion, audited, found)
    finally:
        experiment.folder.close()
    console.print(f"saved as {path}", highlight=False, markup=False, soft_wrap=True)
    return 0


def _outputs(experiment: Experiment) -> tuple[dict[str, Any], np.ndarray]:
    """Measures of the test images, and logits [n, K] for the examples to train on."""
    predict = experiment.predictor(experiment.state.evaluated_weights())
    inputs = experiment.dataset.train.inputs[experiment.dataset.train_indices]
    return experiment.test(predict), predict(inputs)

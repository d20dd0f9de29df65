"""Training of an experiment as by the command, and its results as a fitted classifier."""

import dataclasses
import os
import signal
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from rich.console import Console

from ieg.audit import agreement
from ieg.classifier.data import Prepared, raw_input
from ieg.classifier.saved import Fitted
from ieg.commands import train as train_command
from ieg.config import Config
from ieg.data.files import FileImages
from ieg.data.images import readable
from ieg.errors import InputError
from ieg.experiment import Experiment, build
from ieg.exporting import card, inference
from ieg.exporting.network import full_network
from ieg.own_code import OnMetrics
from ieg.report import judgment
from ieg.training.trainer import Interrupted


def train(
    config: Config, console: Console, *, keep: bool, on_metrics: OnMetrics | None = None
) -> Experiment:
    """Train an experiment, or resume it.

    Args:
      config: the resolved configuration.
      console: prints progress.
      keep: True to evaluate and to write a run folder, as the command does.
      on_metrics: told the step and the metrics of each evaluation, for `keep`.
    Returns:
      the trained experiment.
    Raises:
      InputError: the run cannot be built or resumed.
      KeyboardInterrupt: Ctrl-C; with `keep` a checkpoint has been saved.
    """
    if keep:
        told = [] if on_metrics is None else [on_metrics]
        experiment, status = train_command.trained(config, console, told)
        if status:
            _stop(status - 128)
        if int(experiment.state.step.numpy()) < experiment.last_step:  # another process trained it
            experiment.checkpoints.restore()
        return experiment
    if on_metrics is not None:
        raise InputError(
            "needs `checkpoint_path`: without it nothing is measured", option="on_metrics"
        )
    if config.evaluation.audit_folds:
        raise InputError("needs `checkpoint_path`, where folds are saved", option="audit_folds")
    if config.training.finetune_epochs:
        raise InputError(
            "needs `checkpoint_path`, where the head is saved", option="finetune_epochs"
        )
    experiment = build(config)
    plan = dataclasses.replace(experiment.plan(), evaluate_after=frozenset())
    trainer = experiment.trainer(
        plan, console, evaluate=lambda step, rate, scalars: None, saved=lambda step: None
    )
    try:
        trainer.run()
    except Interrupted as stop:
        _stop(stop.signal)
    return experiment


def _stop(number: int) -> None:
    """End the process as the signal would have ended it."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def fitted(experiment: Experiment, prepared: Prepared) -> Fitted:
    """State of a classifier after training.

    Args:
      experiment: trained; its current weights become the evaluated ones, such as their average.
      prepared: data that it was trained on.
    """
    dataset, predict = (
        experiment.dataset,
        experiment.predictor(experiment.state.evaluated_weights()),
    )
    tested = experiment.test(predict) if len(dataset.evaluation.labels) else None
    judged, quality, suggested = _judged_labels(experiment, prepared, predict, tested)
    facts = {
        "noise_rate": judged.estimate.noise_rate,
        **judged.facts(),
        **agreement.measure(judged.confusion)._asdict(),
    }
    if problem := agreement.warning(facts):
        warnings.warn(problem, stacklevel=4)
    images, paths = dataset.train.images, prepared.paths
    if not prepared.in_order and isinstance(images, FileImages):
        paths = [os.fsdecode(path) for path in images.paths[dataset.train_indices]]
    network = full_network(experiment)
    return Fitted(
        model=inference.probability_model(network, raw_input(prepared.form, exported=False)),
        classes=prepared.classes,
        form=prepared.form,
        label_quality=quality,
        suggested=suggested,
        noise_rate=judged.estimate.noise_rate,
        steps=experiment.last_step,
        card=_card(experiment, prepared, tested, facts),
        feature_names=prepared.feature_names,
        paths=paths,
    )


def _judged_labels(
    experiment: Experiment,
    prepared: Prepared,
    predict: Callable[..., np.ndarray],
    tested: Mapping[str, Any] | None,
) -> tuple[judgment.Judgment, np.ndarray, np.ndarray]:
    """Judgment of the given labels, and for each example what it says.

    Returns:
      the judgment; the probability [N] that a label is right, nan for an image that cannot be read;
      the suggested label [N]. A folder or a table in the order of its list, others in that of the
      caller.
    """
    dataset = experiment.dataset
    by_folds = experiment.config.evaluation.audit_folds > 0
    everyone = np.arange(prepared.size) if prepared.in_order else dataset.train_indices
    rows = dataset.train_indices if by_folds else everyone
    usable = np.flatnonzero(readable(dataset.train.inputs[rows]))
    if by_folds:
        judged = judgment.by_folds(experiment)
    else:
        logits = predict(dataset.train.inputs[rows[usable]])
        counts = tested["confusion"] if tested else np.zeros([dataset.num_classes] * 2)
        judged = judgment.of_examples(experiment, rows[usable], logits, counts)
    places = rows[usable] if prepared.in_order else usable
    suggested = dataset.given_labels[everyone].copy()
    quality = np.full(len(suggested), np.nan)
    quality[places], suggested[places] = 1 - judged.estimate.score, judged.estimate.suggested
    return judged, quality, suggested


def _card(
    experiment: Experiment,
    prepared: Prepared,
    tested: Mapping[str, Any] | None,
    facts: Mapping[str, Any],
) -> str:
    """The model card of an export."""
    noise = f"The label audit estimates that {facts['noise_rate']:.1%} of the labels are wrong"
    return card.of_run(
        experiment.dataset,
        experiment.config.experiment(),
        step=experiment.last_step,
        averaged=bool(experiment.state.average),
        tested=tested,
        raw=raw_input(prepared.form, exported=True),
        noise=f"{noise}{agreement.doubt(facts)}.",
        backbone=None if experiment.backbone is None else experiment.backbone.card,
    )

"""Training of an experiment as by the command, and its results as a fitted classifier."""

import dataclasses
import os
import signal
import warnings

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
    dataset, state = experiment.dataset, experiment.state
    folds_trained = experiment.config.evaluation.audit_folds > 0
    images, paths = dataset.train.images, prepared.paths
    predict = experiment.predictor(state.evaluated_weights())
    everything = np.arange(prepared.size)
    rows = everything if prepared.in_order and not folds_trained else dataset.train_indices
    usable = np.flatnonzero(readable(dataset.train.inputs[rows]))
    tested = experiment.test(predict) if len(dataset.evaluation.labels) else None
    if folds_trained:
        judged = judgment.by_folds(experiment)
    else:
        logits = predict(dataset.train.inputs[rows[usable]])
        counts = tested["confusion"] if tested else np.zeros([dataset.num_classes] * 2)
        judged = judgment.of_examples(experiment, rows[usable], logits, counts)
    found = judged.estimate
    # A folder or a table in the order of its list, others in that of the caller.
    places = rows[usable] if prepared.in_order else usable
    suggested = dataset.given_labels[everything if prepared.in_order else rows].copy()
    quality = np.full(len(suggested), np.nan)
    quality[places], suggested[places] = 1 - found.score, found.suggested
    reliability = agreement.measure(judged.confusion)._asdict()
    facts = {"noise_rate": found.noise_rate, **judged.facts(), **reliability}
    if problem := agreement.warning(facts):
        warnings.warn(problem, stacklevel=4)
    noise = f"The label audit estimates that {found.noise_rate:.1%} of the labels are wrong"
    exported = raw_input(prepared.form, exported=True)
    text = card.of_run(
        dataset,
        experiment.config.experiment(),
        step=experiment.last_step,
        averaged=bool(state.average),
        tested=tested,
        raw=exported,
        noise=f"{noise}{agreement.doubt(facts)}.",
        backbone=None if experiment.backbone is None else experiment.backbone.card,
    )
    if not prepared.in_order and isinstance(images, FileImages):
        paths = [os.fsdecode(path) for path in images.paths[rows]]
    network = full_network(experiment)
    raw = raw_input(prepared.form, exported=False)
    return Fitted(
        model=inference.probability_model(network, raw),
        classes=prepared.classes,
        form=prepared.form,
        label_quality=quality,
        suggested=suggested,
        noise_rate=found.noise_rate,
        steps=experiment.last_step,
        card=text,
        feature_names=prepared.feature_names,
        paths=paths,
    )

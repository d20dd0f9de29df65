"""`--mode=train`: trains, or goes on where an earlier process stopped."""

import math
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from rich.console import Console
from tensorboard.plugins.hparams import api as hparams

from ieg import construction, finetuning, folds, memory, own_code
from ieg.config import Config
from ieg.errors import InputError, as_flag, spelled
from ieg.evaluation import evaluate
from ieg.experiment import Experiment, build
from ieg.features import progress
from ieg.moved import followed
from ieg.own_code import OnMetrics
from ieg.report import findings, judgment, label_audit, outcome, run_figures, spreadsheet
from ieg.report.announce import announce
from ieg.report.findings import Findings
from ieg.report.finish import audit_again, finish
from ieg.report.judgment import Judgment
from ieg.restoring import checked_result, config_json, refuse_other_settings
from ieg.runs.folder import CONFIG, DAMAGED_IMAGES, DATA, PARAMETERS, SPLIT
from ieg.training.schedules import STRETCHING
from ieg.training.trainer import Interrupted, Trainer
from ieg.training.workers import together

#: Curves are drawn while a run goes on, but not more often than this.
SECONDS_BETWEEN_FIGURES = 60.0
_LONGER = "; a larger --max_iteration goes on"


def run(config: Config, console: Console) -> int:
    """Train to max_iteration and write result.json and figures; returns the exit status.

    With `audit_folds` the folds are trained after that, and the labels audited by them.

    Raises:
      InputError: the settings do not fit together, or the folder belongs to another run.
      TrainingStopped: the loss is not finite.
    """
    return trained(config, console, own_code.on_metrics(config.run.own_code))[1]


def trained(
    config: Config, console: Console, on_metrics: Sequence[OnMetrics] = ()
) -> tuple[Experiment, int]:
    """Do the same, and return the experiment beside the exit status.

    Args:
      config: the resolved configuration.
      console: where to print.
      on_metrics: functions that are told the metrics of each evaluation: of the run itself, not of
        the first stage of a fine-tuning or of folds.
    """
    if config.run.write_xlsx:
        spreadsheet.require()
    config = followed(config, console)
    asked, first_fold, command = folds.of(config), None, config
    config = finetuning.second_stage(command)
    with together(several=config.training.distribution_strategy == "multi_worker_mirrored"):
        if config.training.finetune_epochs:
            first_stage, status = _train_head(command, config, console)
            if status:
                return first_stage, status
        with progress.shown(console) as told:
            experiment = build(config, progress=told)
        if not experiment.workers.is_chief:
            console = Console(quiet=True)
        experiment.workers.from_chief(lambda: checked_result(experiment))
        if asked:  # of which there are none on several workers
            first_fold = folds.build_one(config, asked[0])
            checked_result(first_fold)
        announce(experiment, console)
        _warn_of_short_run(experiment, console)
        status = _train(experiment, command, console, on_metrics)
        if first_fold is not None and not status:
            status = folds.train(
                first_fold, config, console, lambda fold: _train(fold, command, console)
            )
            if not status:
                _audit_by_folds(experiment, console)
    return experiment, status


def _warn_of_short_run(experiment: Experiment, console: Console) -> None:
    """Say that the run ends before the method begins, if it does."""
    note = experiment.method.too_short()
    if note is not None:
        warning = f"warning: {spelled(note, as_flag)}"
        console.print(warning, highlight=False, markup=False, soft_wrap=True)


def _train_head(command: Config, config: Config, console: Console) -> tuple[Experiment, int]:
    """Train the first stage of a fine-tuning, or go on; the experiment and its exit status.

    Args:
      command: as it was given.
      config: of the second stage, which is checked before the first one writes anything.
      console: where to print.
    """
    construction.check(config)
    refuse_other_settings(config)
    with progress.shown(console) as told:
        experiment = build(finetuning.first_stage(command), progress=told)
    if not experiment.workers.is_chief:
        console = Console(quiet=True)
    console.print("first stage: a head on features of the frozen backbone", highlight=False)
    status = _train(experiment, command, console)
    if not status:
        console.print("second stage: backbone and head, from pixels", highlight=False)
    return experiment, status


def _train(
    experiment: Experiment,
    command: Config,
    console: Console,
    on_metrics: Sequence[OnMetrics] = (),
) -> int:
    """Train, or say that there is nothing left to do; returns the exit status.

    One of the workers runs it, of which the chief alone prints and writes.

    Args:
      experiment: to be trained.
      command: configuration of the whole command, of which it may be a part.
      console: where to print.
      on_metrics: functions that are told the metrics of each evaluation.
    """
    result = experiment.workers.from_chief(lambda: checked_result(experiment))
    going_back = experiment.config.run.restore_step > 0
    if result is not None and result["steps"] == experiment.last_step and not going_back:
        longer = "" if command.training.finetune_epochs else _LONGER
        console.print(
            f"finished already: top-1 {result['top1']:.4f} after {result['steps']} steps{longer}",
            highlight=False,
            soft_wrap=True,
        )
        return 0
    return _Run(experiment, command, console, on_metrics).execute()


def _audit_by_folds(experiment: Experiment, console: Console) -> None:
    experiment.folder.open()
    try:
        step = experiment.checkpoints.restore()
        found, judged = findings.gather(experiment), judgment.by_folds(experiment)
        audited = label_audit.report(experiment, judged, step, console, found)
        audit_again(experiment, audited, found, console)
    finally:
        experiment.folder.close()


class _Run:
    """One process' part of a run."""

    def __init__(
        self,
        experiment: Experiment,
        command: Config,
        console: Console,
        on_metrics: Sequence[OnMetrics],
    ) -> None:
        self.experiment = experiment
        self.command = command
        self.on_metrics = on_metrics
        self.workers = experiment.workers
        self.console = console
        self.folder = experiment.folder
        self.averaged = experiment.predictor(experiment.state.evaluated_weights())
        self.raw = experiment.predictor(experiment.state.params)
        size, seed = experiment.config.evaluation.train_eval_size, experiment.config.run.seed
        self.subset = evaluate.train_subset(experiment.dataset, size, seed)
        self.seconds_before = 0.0
        self.findings: Findings | None = None

    def execute(self) -> int:
        """Train and report; returns the exit status."""
        self.workers.from_chief(self.folder.open)
        try:
            # Once more, now that no other process can write here.
            self.workers.from_chief(lambda: checked_result(self.experiment))
            self._restore()
            if self.workers.is_chief:
                self._write_start()
            self.started = self.drawn = time.monotonic()
            trainer = self.experiment.trainer(
                self.experiment.plan(),
                self.console,
                evaluate=self._evaluate,
                saved=self._saved,
            )
            trainer.run()
            self._finish(trainer)
        except Interrupted as stop:
            self.console.print(
                f"stopped at step {stop.step} of {self.experiment.last_step}; all is saved in "
                f"{self.folder.path}\nto go on: {_command(self.command)}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
            return 128 + stop.signal
        finally:
            self._list_damaged()
            self.folder.close()
        return 0

    def _write_start(self) -> None:
        """Write what is known of a run before it trains."""
        self.folder.write_json(CONFIG, config_json(self.experiment))
        self.folder.write_row(PARAMETERS, outcome.parameters(self.experiment))
        self.folder.write_json(DATA, outcome.data_facts(self.experiment))
        if self.experiment.dataset.made_split:
            self.folder.write_table(SPLIT, self.experiment.dataset.made_split)
        outcome.keep_corrections(self.experiment)
        self.events = tf.summary.create_file_writer(str(self.folder.events))
        with self.events.as_default(0):  # for the tab HParams, which compares runs
            settings = self.experiment.config.experiment()
            shown = {k: x for k, x in settings.items() if isinstance(x, bool | int | float | str)}
            hparams.hparams(shown)
        if self.experiment.fold is None:
            self.findings = findings.report(self.experiment, self.console)

    def _restore(self) -> None:
        """Bring state and tables to the same step: the latest checkpoint, or `restore_step`."""
        asked, checkpoints = self.experiment.config.run.restore_step, self.experiment.checkpoints
        step = self.workers.from_chief(lambda: checkpoints.find(asked))
        self.workers.each(lambda: self._restore_step(step))
        if self.workers.is_chief:
            self.folder.forget_result()
            if asked:
                checkpoints.forget_after(step)
            self.folder.metrics.cut(step)
        if self.experiment.dataset.damage is not None:
            found = self.folder.read_damaged().items()
            self.experiment.dataset.damage.add({os.fsencode(path): why for path, why in found})
        if not step:
            return
        self.seconds_before = self.folder.read_seconds()
        self.console.print(f"going on from step {step}", highlight=False)
        before = self.folder.read_config() or {}
        longer = before.get("max_iteration", self.experiment.last_step) < self.experiment.last_step
        for note in _by_length(self.experiment) if longer else []:
            note = spelled(note, as_flag)
            self.console.print(
                f"note: {note}; a run of this length from the start would differ",
                highlight=False,
                soft_wrap=True,
            )

    def _restore_step(self, step: int) -> None:
        """Restore the step that the chief has decided on; 0 leaves all at the start."""
        if not step:
            return
        if step not in self.experiment.checkpoints.steps():
            raise InputError(
                f"no checkpoint of step {step} in {self.folder.path}, where the chief has one; "
                "`checkpoint_path` must be a folder that all workers see"
            )
        self.experiment.checkpoints.restore(step)

    def _saved(self, step: int) -> None:
        damage = self.experiment.dataset.damage
        if damage is not None:
            for found in self.workers.gather(damage.table()):
                damage.add(dict(zip(map(os.fsencode, found["path"]), found["reason"], strict=True)))
        if self.workers.is_chief:
            self.folder.write_progress(step, self._seconds())
        self._list_damaged()

    def _list_damaged(self) -> None:
        """Write which image files could not be decoded up to now."""
        damage = self.experiment.dataset.damage
        if damage is not None and damage.count and self.workers.is_chief:
            self.folder.write_table(DAMAGED_IMAGES, damage.table())

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.started

    def _test(self) -> dict[str, Any]:
        """Measures of the test images for the weights that count, and top1_raw of the others."""
        tested = self.experiment.test(self.averaged)
        raw = tested
        if self.experiment.state.average:
            raw = self.experiment.test(self.raw)
        return {**tested, "top1_raw": raw["top1"]}

    def _evaluate(self, step: int, learning_rate: float, training: Mapping[str, float]) -> None:
        """One row of metrics.csv, the same numbers as TensorBoard events, one printed line."""
        dataset = self.experiment.dataset
        tested = self._test()
        row: dict[str, float | None] = {
            "step": step,
            "epoch": step / self.experiment.pipeline.steps_per_epoch,
            "seconds": self._seconds(),
            "learning_rate": learning_rate,
            **training,
            **outcome.measured(tested),
            **evaluate.on_training_labels(self.averaged, dataset, self.subset),
        }
        if self.workers.is_chief:
            self._report(row)
        if self.on_metrics:  # an error of theirs ends all workers
            self.workers.from_chief(lambda: self._tell(step, row))

    def _tell(self, step: int, row: Mapping[str, float | None]) -> None:
        metrics = {
            name: float(value)
            for name, value in row.items()
            if name != "step" and value is not None and not math.isnan(value)
        }
        for told in self.on_metrics:
            told(step, metrics)

    def _report(self, row: Mapping[str, Any]) -> None:
        step = int(row["step"])
        self.folder.metrics.add(row)
        if self.experiment.config.run.write_xlsx:
            run_figures.write_sheets(self.experiment)
        if time.monotonic() - self.drawn > SECONDS_BETWEEN_FIGURES:
            run_figures.draw_evaluations(self.experiment)
            self.drawn = time.monotonic()
        with self.events.as_default(step):
            for name, value in row.items():
                if value is not None and name != "step":
                    tf.summary.scalar(name, value)
        self.events.flush()
        self.console.print(
            f"step {step}: top-1 {row['top1']:.4f} (raw weights {row['top1_raw']:.4f}), "
            f"loss {row['loss']:.4f}, fit to wrong labels {_share(row['wrong_label_fit'])}, "
            f"recovered {_share(row['recovered'])}",
            highlight=False,
            soft_wrap=True,
        )

    def _finish(self, trainer: Trainer) -> None:
        """Write result.json, the tables, the figures, the label audit and the page."""
        experiment, dataset = self.experiment, self.experiment.dataset
        tested = self._test()
        logits = self.averaged(dataset.train.inputs[dataset.train_indices])
        cost = {
            "steps": experiment.last_step,
            "seconds": self._seconds(),
            "examples_per_second": trainer.examples_per_second(),
            "peak_memory_bytes": memory.peak_bytes(),
        }
        result = outcome.result(experiment, cost, tested, logits)
        confusion = tested["confusion"]
        judged = None
        if experiment.fold is None:
            judged = judgment.of_run(experiment, logits, confusion)
        # The others stay until all is written: without them the chief would be told to stop.
        self.workers.from_chief(lambda: self._write_result(result, confusion, judged))

    def _write_result(
        self, result: dict[str, Any], confusion: list[list[int]], judged: Judgment | None
    ) -> None:
        result = finish(self.experiment, result, confusion, judged, self.findings, self.console)
        self.console.print(
            f"done: top-1 {result['top1']:.4f} (best {result['top1_best']:.4f} at step "
            f"{result['best_step']}) after {result['seconds']:.0f} s; results in "
            f"{self.folder.path}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _by_length(experiment: Experiment) -> list[str]:
    """Sentences on what depends on the length of a run, which a resumed run has made longer."""
    name, schedule = experiment.config.training.lr_schedule, None
    if name in STRETCHING:
        schedule = f"{name} now stretches over more steps, so the learning rate jumps back up"
    return list(filter(None, (schedule, experiment.method.by_length())))


def _command(config: Config) -> str:
    """Command that goes on with the same run: the same flags, from the latest checkpoint."""
    typed = {
        name: value
        for name, value in config.values().items()
        if config.origins[name] == "command line" and value is not None
    }
    typed.pop("restore_step", None)
    flags = [f"--{name}={value}" for name, value in typed.items()]
    return shlex.join(["python", "-m", "ieg.main", *flags])


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"

"""`--mode=evaluation`: restores a checkpoint and measures it."""

import dataclasses
from typing import Any

from rich.console import Console
from rich.table import Table

from ieg import config as configuration
from ieg.commands import representation
from ieg.commands.announce import announce
from ieg.config import Settings
from ieg.errors import InputError
from ieg.experiment import build, folder_of, stored_config


def run(settings: Settings, console: Console) -> int:
    """Prints and saves accuracy of raw and averaged weights; returns the exit status.

    What was not typed comes from the run's own config.json.

    Raises:
      InputError: there is no such run or checkpoint, or what was typed contradicts the run.
    """
    experiment = build(settings_of_the_run(settings))
    if not experiment.checkpoints.steps():
        raise InputError(f"{experiment.folder.path} has no checkpoint yet")
    step = experiment.checkpoints.restore(settings.config.restore_step)
    announce(experiment, console)
    console.print(f"checkpoint of step {step}", highlight=False, markup=False)
    weights = {"raw": experiment.state.params}
    if experiment.state.average:
        weights["ema"] = experiment.state.average
    measured = {name: experiment.test(experiment.predictor(w)) for name, w in weights.items()}
    _print(measured, experiment.dataset.class_names, console)
    for name, centroids in representation.measure(experiment, weights, step, console).items():
        measured[name]["nearest_centroid"] = centroids
    name = f"evaluation_step{step}_{experiment.config.eval_split}.json"
    experiment.folder.write_json(name, {"step": step, **measured})
    console.print(
        f"saved as {experiment.folder.path / name}", highlight=False, markup=False, soft_wrap=True
    )
    return 0


def settings_of_the_run(settings: Settings) -> Settings:
    """The run's own settings under what was typed now.

    Raises:
      InputError: no run in that folder, or a typed value that the run was not trained with.
    """
    folder = folder_of(settings.config)
    stored = stored_config(settings)
    if stored is None:
        raise InputError(
            f"no run in {folder.path}; train one first, or give its --dataset, --method, "
            "--network_name, --seed and --checkpoint_path"
        )
    values = {name: value for name, value in stored["values"].items() if value is not None}
    values.pop("distribution_strategy", None)  # the devices of the run may be far away
    typed = {
        name: settings.values()[name]
        for name, origin in settings.origins.items()
        if origin == "command line"
    }
    defining = settings.experiment()
    for name, value in typed.items():
        before = stored["values"].get(name, value)
        if name in defining and before != value:
            said = "unset" if before is None else before
            raise InputError(f"--{name}={value}: the run in {folder.path} was trained with {said}")
    resolved = configuration.resolve({**values, **typed})
    free = typed.keys() - defining.keys()  # whatever else was typed is as in the run
    origins = {name: "command line" if name in free else "the run" for name in resolved.origins}
    return dataclasses.replace(resolved, origins=origins)


def _print(
    measured: dict[str, dict[str, Any]], class_names: tuple[str, ...], console: Console
) -> None:
    table = Table("", *measured)
    titles = {
        "top1": "top-1",
        "top5": "top-5",
        "balanced_accuracy": "balanced accuracy",
        "ece": "expected calibration error",
        "many_shot": "many-shot classes",
        "medium_shot": "medium-shot classes",
        "few_shot": "few-shot classes",
    }
    for key, title in titles.items():
        table.add_row(title, *(_cell(m[key]) for m in measured.values()))
    for k, name in enumerate(class_names):
        table.add_row(f"class {name}", *(_cell(m["per_class"][k]) for m in measured.values()))
    console.print(table)


def _cell(accuracy: float | None) -> str:
    return "n/a" if accuracy is None else f"{accuracy:.4f}"

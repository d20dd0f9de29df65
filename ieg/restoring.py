"""Restoring of an earlier run at one of its checkpoints, with which all modes but train begin."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from ieg import config as configuration
from ieg import finetuning
from ieg.config import Config
from ieg.data import names
from ieg.data.holdout import Fold
from ieg.errors import InputError
from ieg.experiment import Experiment, build, folder_of
from ieg.features import progress
from ieg.moved import followed
from ieg.runs.folder import RunFolder

#: Origin of a setting that was taken from the config.json of a restored run.
RESTORED = "the run"


def restored(config: Config, console: Console) -> tuple[Experiment, int]:
    """Build a run and restore the checkpoint that was asked for.

    Settings that were not typed come from the run's own config.json.

    Args:
      config: as typed now.
      console: shows the progress of features that have to be computed.
    Returns:
      the experiment, and the step of the checkpoint.
    Raises:
      InputError: there is no such run or checkpoint, a typed setting contradicts the run, or its
        data are not those that it was trained on.
    """
    config = followed(config, console)
    with progress.shown(console) as told:
        experiment = build(_settings_of_the_run(config), progress=told)
    folder = experiment.folder
    refuse_other_data(experiment, folder.read_config() or {})
    if not experiment.checkpoints.steps():
        raise InputError(f"{folder.path} has no checkpoint yet")
    return experiment, experiment.checkpoints.restore(config.run.restore_step)


def checked_result(experiment: Experiment) -> dict[str, Any] | None:
    """The result of a finished run, of a folder that this run may go on with."""
    _refuse_other_run(experiment)
    return _read_folder(experiment)


def config_json(experiment: Experiment) -> dict[str, Any]:
    """Content of config.json."""
    return {
        "values": experiment.config.values(),
        "origins": dict(experiment.config.origins),
        "global_batch_size": experiment.pipeline.batch_size,
        "data_digest": experiment.dataset.digest,
        "file_sizes": experiment.dataset.file_sizes(),
        "fold": None if experiment.fold is None else str(experiment.fold),
        "max_iteration": experiment.last_step,
    }


def _refuse_other_run(experiment: Experiment) -> None:
    """Refuse a folder that was begun with other settings, or has gone further already."""
    folder = experiment.folder
    before = stored_config(experiment.config, experiment.fold)
    reached = max(experiment.checkpoints.steps(), default=0)
    if before is None:
        if reached:
            raise InputError(
                f"{folder.path} has checkpoints but no config.json, so nobody knows the settings "
                "of that run; give another `checkpoint_path`"
            )
        return
    size = {"global_batch_size": before.get("global_batch_size")}
    _refuse_changed(
        folder,
        {**before["values"], **size},
        {**experiment.config.experiment(), "global_batch_size": experiment.pipeline.batch_size},
    )
    refuse_other_data(experiment, before)
    fold = None if experiment.fold is None else str(experiment.fold)
    if before.get("fold") != fold:
        raise InputError(
            f"{folder.path} is audit fold {before.get('fold')}, not {fold}; give as many "
            "`audit_folds` as before, or delete its folders fold1, fold2 and so on"
        )
    if reached > experiment.last_step:
        raise InputError(
            f"{folder.path} has reached step {reached} already, which is more than the "
            f"{experiment.last_step} asked for; give at least as many, or another `checkpoint_path`"
        )


def refuse_other_settings(config: Config) -> None:
    """Refuse a folder that was begun with other settings, before anything is built.

    Raises:
      InputError: it belongs to another run.
    """
    before = stored_config(config)
    if before is not None:
        _refuse_changed(folder_of(config), before["values"], config.experiment())


def _refuse_changed(folder: RunFolder, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    changed = [
        f"`{name}` was {old[name]} and is {value} now"
        for name, value in new.items()
        if name in old and old[name] != value
    ]
    if changed:
        raise InputError(
            f"{folder.path} belongs to a run with other settings: {'; '.join(changed)}; give the "
            "same settings, or another `checkpoint_path`"
        )


def _read_folder(experiment: Experiment) -> dict[str, Any] | None:
    """Read all that a run goes on from, before anything is changed; returns a finished result.

    Raises:
      InputError: a file is damaged, or the checkpoint that was asked for does not exist.
    """
    step = experiment.checkpoints.find(experiment.config.run.restore_step)
    experiment.folder.metrics.check(step)
    experiment.folder.read_damaged()
    experiment.folder.read_seconds()
    return experiment.folder.read_result()


def stored_config(config: Config, fold: Fold | None = None) -> dict[str, Any] | None:
    """Content of config.json of the run with these settings, or None without such a run.

    Raises:
      InputError: the file cannot be read, or does not say all that defines the experiment.
    """
    folder = folder_of(config, fold)
    stored = folder.read_config()
    if stored is None:
        return None
    asked, values = config.experiment(), stored["values"]
    for name, before in config.values_before().items():  # options that are younger
        values.setdefault(name, before)
    if config.dataset.run_name:  # and so are the files, elsewhere
        values["dataset"] = config.data.dataset
    elif "dataset" in values:  # older runs have it as it was typed
        values["dataset"] = names.absolute(str(values["dataset"]))
    missing = asked.keys() - values.keys()
    # Another loss has other options; that it is another one is said where values are compared.
    if missing and values.get("loss", asked.get("loss")) == asked.get("loss"):
        raise InputError(
            f"{folder.path / 'config.json'} lacks {', '.join(sorted(missing))}, which defines the "
            "run; put the file right, or give another `checkpoint_path`"
        )
    return stored


def refuse_other_data(experiment: Experiment, before: Mapping[str, Any]) -> None:
    """Refuse other data: checkpoints and tables of a run know its examples by their numbers only.

    Args:
      experiment: built now.
      before: content of config.json of the run.
    Raises:
      InputError: the examples or their labels are not the same as then.
    """
    if before.get("data_digest") != experiment.dataset.digest:
        raise InputError(
            f"{experiment.folder.path} belongs to a run on other files or labels: images of "
            f"{experiment.dataset.name} have come, gone or been labeled anew since; put them back "
            "as they were, or train under another `checkpoint_path`"
        )


def _settings_of_the_run(config: Config) -> Config:
    """The run's own settings, replaced by those that were typed now.

    Raises:
      InputError: no run in that folder, or a typed value that the run was not trained with.
    """
    config = finetuning.second_stage(config)
    folder = folder_of(config)
    stored = stored_config(config)
    if stored is None:
        others = "`network_name`, `seed` and `checkpoint_path`"
        if config.data.label_corrections is not None:
            others = "`network_name`, `seed`, `checkpoint_path` and `label_corrections`"
        alone = ""
        if config.run.mode == "audit":
            alone = (
                "; an audit without a run takes `method=gaussian` on a frozen `backbone`, and "
                "neither `audit_folds` nor `restore_step`"
            )
        raise InputError(
            f"no run in {folder.path}; train one first, or give its `dataset`, `method`, "
            f"{others}{alone}"
        )
    values = {name: value for name, value in stored["values"].items() if value is not None}
    values.pop("distribution_strategy", None)  # the devices of the run may be far away
    typed = {
        name: config.values()[name]
        for name, origin in config.origins.items()
        if origin == "command line"
    }
    defining = config.experiment()
    for name, value in typed.items():
        before = stored["values"].get(name, value)
        if name in defining and before != value:
            said = "unset" if before is None else before
            raise InputError(
                f"the run in {folder.path} was trained with {said}", option=name, value=value
            )
    resolved = configuration.resolve({**values, **typed})
    named = dataclasses.replace(resolved.dataset, run_name=config.dataset.run_name)
    free = typed.keys() - defining.keys()  # whatever else was typed is as in the run
    origins = {name: "command line" if name in free else RESTORED for name in resolved.origins}
    return dataclasses.replace(resolved, dataset=named, origins=origins)

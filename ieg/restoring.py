"""Restoring of an earlier run at one of its checkpoints, with which all modes but train begin."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from ieg import config as configuration
from ieg.config import Settings
from ieg.errors import InputError
from ieg.experiment import Experiment, build, folder_of, stored_config


def restored(settings: Settings) -> tuple[Experiment, int]:
    """Build a run and restore the checkpoint that was asked for.

    Settings that were not typed come from the run's own config.json.

    Returns:
      the experiment, and the step of the checkpoint.
    Raises:
      InputError: there is no such run or checkpoint, a typed setting contradicts the run, or its
        data are not those that it was trained on.
    """
    experiment = build(_settings_of_the_run(settings))
    folder = experiment.folder
    refuse_other_data(experiment, folder.read_config() or {})
    if not experiment.checkpoints.steps():
        raise InputError(f"{folder.path} has no checkpoint yet")
    return experiment, experiment.checkpoints.restore(settings.config.restore_step)


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


def _settings_of_the_run(settings: Settings) -> Settings:
    """The run's own settings, replaced by those that were typed now.

    Raises:
      InputError: no run in that folder, or a typed value that the run was not trained with.
    """
    folder = folder_of(settings.config)
    stored = stored_config(settings)
    if stored is None:
        others = "`network_name`, `seed` and `checkpoint_path`"
        if settings.config.label_corrections is not None:
            others = "`network_name`, `seed`, `checkpoint_path` and `label_corrections`"
        raise InputError(
            f"no run in {folder.path}; train one first, or give its `dataset`, `method`, {others}"
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
            raise InputError(
                f"the run in {folder.path} was trained with {said}", option=name, value=value
            )
    resolved = configuration.resolve({**values, **typed})
    free = typed.keys() - defining.keys()  # whatever else was typed is as in the run
    origins = {name: "command line" if name in free else "the run" for name in resolved.origins}
    return dataclasses.replace(resolved, origins=origins)

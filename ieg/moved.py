"""Runs on files that have been moved or renamed since: a run knows its data by their digest.

A run folder is named after the path of its data. If there is none for a path, a run of the same
settings goes on with it whose own files are gone, and had the same names, labels and sizes.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from ieg.config import Config
from ieg.data import names
from ieg.data.dataset import Dataset, prepare
from ieg.errors import InputError
from ieg.experiment import folder_of
from ieg.finetuning import HEAD
from ieg.runs.folder import RunFolder

#: Settings of data that say where they are, and not which.
_PLACES = ("dataset", "dataset_dir", "feature_dir", "features", "label_corrections")


def followed(config: Config, console: Console) -> Config:
    """Configuration with the run folder that a run on the same files had before these were moved.

    Args:
      config: as typed.
      console: where a line says so.
    Returns:
      the same configuration if there is no such run.
    Raises:
      InputError: there is a run for this path and mode, but no file any more.
    """
    path = config.dataset.path
    if not path:
        return config
    own, there = _stored(folder_of(config)), os.path.exists(path)
    if own is not None and not there and config.run.mode != "train":
        raise InputError(
            f"{path} is gone, by which the run in {folder_of(config).path} knows its images: if it "
            "was moved or renamed, give its new place",
            option="dataset",
            value=config.data.dataset,
        )
    if own is not None or not there:
        return config
    for folder, stored in _candidates(config):
        if _is_of(config, stored):
            before = names.parse(stored["values"]["dataset"]).path
            console.print(
                f"{before} is now {path}: the same files, so {folder.path} goes on",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
            dataset = dataclasses.replace(config.dataset, run_name=folder.path.parents[2].name)
            return dataclasses.replace(config, dataset=dataset)
    return config


def _stored(folder: RunFolder) -> dict[str, Any] | None:
    """Content of config.json of a run, or of its first stage as long as there is no other."""
    return folder.read_config() or RunFolder(folder.path / HEAD).read_config()


def _candidates(config: Config) -> Iterator[tuple[RunFolder, dict[str, Any]]]:
    """Yield run folders on other paths, with the content of their config.json."""
    run, root = config.run, Path(config.run.checkpoint_path).expanduser()
    corrected = config.dataset.folder(config.data.label_corrections)
    suffix = corrected.removeprefix(config.dataset.folder())
    for place in sorted(root.glob(f"{config.dataset.base}_*")):
        folder = RunFolder.of(
            str(root), place.name, config.network.network_name, run.method, run.seed
        )
        try:
            stored = _stored(folder)
        except InputError:  # which has no say in what concerns others
            continue
        fits = place.name.endswith(suffix) if suffix else "_corrected-" not in place.name
        if stored is not None and fits and "dataset" in stored["values"]:
            yield folder, stored


def _is_of(config: Config, stored: Mapping[str, Any]) -> bool:
    """True if a run was trained on the files that the configuration names."""
    values = stored["values"]
    before = names.parse(values["dataset"])
    if values.get("noise") != config.data.noise:
        return False
    if before.path == config.dataset.path:
        return True
    if os.path.exists(before.path):  # these are others, or a copy
        return False
    dataset = _dataset(config, values)
    sizes = stored.get("file_sizes", dataset.file_sizes())  # which older runs have not
    return stored.get("data_digest") == dataset.digest and sizes == dataset.file_sizes()


def _dataset(config: Config, values: Mapping[str, Any]) -> Dataset:
    """The data that the configuration names, in the split of a run with these values."""
    fields = {field.name for field in dataclasses.fields(config.data)} - set(_PLACES)
    settings = {name: value for name, value in values.items() if name in fields}
    return prepare(
        dataclasses.replace(config.data, **settings),
        seed=config.run.seed,
        probe=config.method.needs.probe,
        own_probe=values.get("backbone", "none") != "none",
        name=config.dataset,
        entry=config.source,
    )

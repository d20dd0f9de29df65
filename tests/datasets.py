"""Data sets by name, as tests ask for them."""

from ieg.data.dataset import Dataset
from ieg.data.dataset import prepare as prepare_settings
from ieg.data.settings import DataSettings


def prepare(name: str, *, seed: int = 1, probe_ratio: float = 0, fold=None, **settings) -> Dataset:
    """A data set by its name and further `DataSettings`; `probe_ratio` 0 is for no probe."""
    ratio = {"probe_dataset_hold_ratio": probe_ratio} if probe_ratio else {}
    return prepare_settings(
        DataSettings(name, **ratio, **settings), seed=seed, probe=probe_ratio > 0, fold=fold
    )

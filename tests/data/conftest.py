"""Small archives of CIFAR, and a stand-in for TensorFlow Datasets."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.data import archives
from tests.data.archives import LAYOUTS, StandIn


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small archives of both data sets."""
    made = tmp_path_factory.mktemp("data")
    for layout in LAYOUTS:
        archives.write(made, layout)
    return made


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., StandIn]:
    """Installs a stand-in for TensorFlow Datasets that keeps its own data in tmp_path/"usual"."""

    def install(cls: type[StandIn] = StandIn, **options: Any) -> StandIn:
        contents = {layout.name: archives.made_up(layout) for layout in LAYOUTS}
        standin = cls(contents, tmp_path / "usual", **options)
        monkeypatch.setitem(sys.modules, "tensorflow_datasets", standin)
        return standin

    return install

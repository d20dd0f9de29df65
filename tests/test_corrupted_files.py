"""Commands on files with changed, cut, swapped and inserted bytes: done, or refused in one line."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ieg.commands import train
from ieg.main import main
from ieg.training.trainer import Trainer
from tests import runs
from tests.corruption import corrupted
from tests.data import trees
from tests.features.tiny import save_network

pytestmark = pytest.mark.slow

TIMES = 25
LINES = 3  # of one corruption, with the notes on files that were left out or made again
GO_ON, MEASURE = "--max_epoch=2", "--mode=evaluation"
PREDICT = "--mode=predict --input=input.csv"
PRETRAINED = "--pretrained_ckpt=RUN --checkpoint_path=others"

#: Kind of run → pattern of a file → commands that read it.
DIGITS = {
    "config.json": [GO_ON, MEASURE, "--mode=export"],
    "data.json": [GO_ON, MEASURE],
    "metrics.csv": [GO_ON, "--mode=visualize"],
    "progress.json": [GO_ON],
    "result.json": [GO_ON],
    "checkpoints/checkpoint": [GO_ON, MEASURE, PRETRAINED],
    "checkpoints/step-*.index": [GO_ON, MEASURE, PRETRAINED],
    "checkpoints/step-*.data*": [GO_ON, MEASURE, PRETRAINED],
}
PHOTOS = {
    "config.json": ["--mode=audit", PREDICT],
    "audit.json": ["--mode=export"],
    "checkpoints/step-*.data*": [PREDICT],
    "../../../../../features/*/*.npz": ["--mode=embed", "--mode=audit", MEASURE],
    "../../../../../features/*/features.json": ["--mode=embed", "--mode=audit"],
    "../../../../../photos/train/ant/03.jpg": ["--mode=embed", GO_ON, PREDICT],
    "../../../../../input.csv": [PREDICT],
    "../../../../../decisions.csv": ["--mode=audit --label_corrections=decisions.csv"],
    "../../../../../tiny.keras": ["--mode=embed"],
}


class Place:
    """A folder with runs and what they read, and a copy from which it is put right again.

    Args:
      root: where both go.
      flags: of every command, which runs in that folder.
    """

    def __init__(self, root: Path, *flags: str) -> None:
        self.folder, self.whole, self.flags = root / "place", root / "whole", flags
        self.folder.mkdir()

    def keep(self) -> None:
        """Train, and copy everything."""
        os.chdir(self.folder)
        self.run = runs.train(self.folder / "runs", *self.flags)
        shutil.copytree(self.folder, self.whole)

    def restore(self) -> None:
        """Put everything back as it was."""
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(self.whole, self.folder, dirs_exist_ok=True)

    def command(self, flags: str) -> int:
        """The exit status of a command."""
        words = flags.replace("RUN", str(self.run)).split()
        return main(["ieg", f"--checkpoint_path={self.folder / 'runs'}", *self.flags, *words])


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    start = Path.cwd()
    place = Place(
        tmp_path_factory.mktemp("digits"),
        *("--dataset=digits_uniform_0.4", "--method=supervised", "--batch_size=700"),
        *("--max_epoch=1", "--eval_freq=1"),
    )
    place.keep()
    yield place
    os.chdir(start)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    start, root = Path.cwd(), tmp_path_factory.mktemp("photos")
    place = Place(
        root,
        *("--dataset=folder:photos", "--backbone=file:tiny.keras", "--feature_dir=features"),
        *("--noise=symmetric_0.2", "--batch_size=6"),
    )
    trees.write_folder(place.folder / "photos", train=6, test=2)
    save_network(place.folder / "tiny.keras")
    trees.write_table(
        place.folder / "input.csv", [f"photos/train/ant/0{k}.jpg,ant" for k in range(4)]
    )
    decisions = ["train/ant/00.jpg,wrong,bee", "train/ant/01.jpg,fine,", "train/bee/02.jpg,,"]
    trees.write_table(place.folder / "decisions.csv", decisions, "path,decision,new_label")
    place.keep()
    yield place
    os.chdir(start)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are read and gone on with, but no step is trained, which would take most of the time."""
    monkeypatch.setattr(Trainer, "run", lambda self: None)
    monkeypatch.setattr(train._Run, "_finish", lambda self, trainer: None)


def read_or_refuse(
    place: Place, pattern: str, commands: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    # The same corruptions whatever the order of the tests.
    draws = np.random.default_rng(list(pattern.encode()))
    for number in range(TIMES):
        place.restore()
        os.chdir(place.folder)
        (file, *_) = sorted(place.run.glob(pattern))
        file.write_bytes(corrupted(file.read_bytes(), draws))
        before = runs.snapshot(place.folder)
        capfd.readouterr()
        flags = commands[number % len(commands)]
        status = place.command(flags)
        said = capfd.readouterr().err
        which = f"corruption {number}, {flags}: {said}"
        assert status in (0, 1, 2), which
        assert not re.search(r"Traceback|\wWarning: ", said), which
        if status:
            assert len(said.splitlines()) <= LINES, which
            assert said.splitlines()[-1].startswith(("error: ", "stopped: ")), which
            after = runs.snapshot(place.folder)
            assert {name: after.get(name) for name in before} == before, which
        elif file.is_relative_to(place.run):
            continue  # what a run that goes on writes
        else:
            assert file.read_bytes() == before[str(file.relative_to(place.folder))][1], which


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("pattern", DIGITS)
def test_a_run_of_digits(digits: Place, pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    read_or_refuse(digits, pattern, DIGITS[pattern], capfd)


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("pattern", PHOTOS)
def test_a_run_on_photos(photos: Place, pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    read_or_refuse(photos, pattern, PHOTOS[pattern], capfd)

"""Data that are moved or renamed: their run goes on, and a run on others does not."""

import json
import shutil
from pathlib import Path

import pytest

from ieg.main import main
from tests import runs
from tests.data import trees

FLAGS = (
    "--method=supervised",
    "--network_name=cnn",
    "--backbone=none",
    "--image_size=8",
    "--batch_size=6",
    "--eval_freq=4",
    "--audit_folds=2",
)


def command(place: Path, photos: Path, *flags: str, steps: int = 4) -> int:
    words = (f"--checkpoint_path={place / 'runs'}", f"--dataset=folder:{photos}")
    return main(["ieg", *words, *FLAGS, f"--max_iteration={steps}", *flags])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `runs/` and the data in `old/` that the run was trained on."""
    place = tmp_path_factory.mktemp("trained")
    trees.write_folder(place / "old", train=4, test=2)
    assert command(place, place / "old") == 0
    return place


@pytest.fixture
def place(trained: Path, tmp_path: Path) -> Path:
    """The same with the data in `new/`; their old place is gone, as on another machine."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    shutil.copytree(trained / "old", tmp_path / "new")
    for config in tmp_path.rglob("config.json"):
        stored = json.loads(config.read_text())
        stored["values"]["dataset"] = f"folder:{tmp_path / 'old'}"
        config.write_text(json.dumps(stored))
    return tmp_path


def run_of(place: Path) -> Path:
    (folder,) = (place / "runs").glob("*/cnn/supervised/seed12345")
    return folder


def test_every_mode_goes_on_with_files_that_were_moved(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = f"{place / 'old'} is now {place / 'new'}: the same files, so {run_of(place)} goes on\n"
    for mode in ("evaluation", "export", "audit"):
        assert command(place, place / "new", f"--mode={mode}") == 0
        assert capsys.readouterr().out.startswith(said)
    images = place / "new" / "test"
    assert command(place, place / "new", "--mode=predict", f"--input={images}") == 0
    assert command(place, place / "new", steps=8) == 0  # the folds too
    assert "going on from step 4" in capsys.readouterr().out
    config = json.loads((run_of(place) / "config.json").read_text())
    assert config["values"]["dataset"] == f"folder:{place / 'new'}"
    (place / "old").mkdir()  # of no interest any more
    assert command(place, place / "new", "--mode=evaluation") == 0
    assert len(list((place / "runs").iterdir())) == 1


@pytest.mark.parametrize(
    "change", ["a copy", "another size", "another name", "other noise", "a damaged run"]
)
def test_other_files_have_a_run_of_their_own(
    place: Path, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image = place / "new" / "train" / "ant" / "00.jpg"
    flags = ["--mode=evaluation"]
    if change == "a copy":
        shutil.copytree(place / "new", place / "old")
    elif change == "another size":
        image.write_bytes(image.read_bytes() + b"\0")
    elif change == "another name":
        image.rename(image.with_name("new.jpg"))
    elif change == "a damaged run":
        (run_of(place) / "config.json").write_text("{")
    else:
        flags.append("--noise=uniform_0.2")
    before = runs.snapshot(place / "runs")
    assert command(place, place / "new", *flags) == 2
    assert capsys.readouterr().err.startswith(f"error: no run in {place / 'runs'}/folder_new-")
    assert runs.snapshot(place / "runs") == before


def test_files_that_are_gone_are_asked_for(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (trained / "old").rename(trained / "away")
    try:
        for mode in ("export", "predict", "evaluation", "audit"):
            flags = (f"--mode={mode}", f"--input={trained / 'away' / 'test'}")
            assert command(trained, trained / "old", *flags) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert line.startswith(f"error: --dataset=folder:{trained / 'old'}: ")
            assert line.endswith("if it was moved or renamed, give its new place")
    finally:
        (trained / "away").rename(trained / "old")

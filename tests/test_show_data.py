"""`--mode=show_data`: one picture, of what training sees, and nothing else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ieg import config, experiment
from ieg.commands import show_data
from ieg.main import main
from tests.runs import snapshot, train

FLAGS = ("--dataset=digits_uniform_0.4", "--batch_size=50", "--seed=3")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was given to the figure, which is drawn all the same."""
    seen: dict[str, Any] = {}
    draw = show_data.contact_sheet

    def spy(views: Any, given: Any, true: Any, names: Any, path: Any, *, title: str) -> Any:
        seen.update(views=views, given=given, true=true, title=title)
        return draw(views, given, true, names, path, title=title)

    monkeypatch.setattr(show_data, "contact_sheet", spy)
    return seen


def show(root: Path, *flags: str) -> int:
    return main(["ieg", "--mode=show_data", f"--checkpoint_path={root}", *FLAGS, *flags])


def test_one_file_is_written_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(tmp_path, "--method=ieg") == 0
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file == tmp_path / "digits_uniform_0.4" / "images_ieg_seed3.png"
    assert file.read_bytes().startswith(b"\x89PNG")
    assert f"saved as {file}" in capsys.readouterr().out


def test_images_are_those_of_the_first_steps(tmp_path: Path, drawn: dict[str, Any]) -> None:
    assert show(tmp_path, "--method=ieg", "--aug_type=randaug") == 0
    settings = {"method": "ieg", "batch_size": 50, "seed": 3, "aug_type": "randaug"}
    pipeline = experiment.build(config.resolve(settings)).pipeline
    assert np.bincount(drawn["given"]).tolist() == [6] * 10
    seen = {tuple(x) for x in _columns(drawn["given"], drawn["true"], *drawn["views"].values())}
    expected = set()
    for step in range(pipeline.steps_per_epoch):
        batch = pipeline.batch(tf.constant(step, tf.int64), 0, 1)
        views = [np.round((x + 1) * 127.5).astype(np.uint8) for x in (batch[1], batch[5])]
        expected |= {
            tuple(x) for x in _columns(batch.label.numpy(), batch.true_label.numpy(), *views)
        }
        if step == 0:
            assert len(seen & expected) == 10  # one of each label
    assert len(seen) == 60 and seen <= expected


def _columns(given: np.ndarray, true: np.ndarray, *views: np.ndarray) -> list[list[Any]]:
    """One row per example, of things that can be compared."""
    assert len(views) == 2
    rows = zip(given, true, *views, strict=True)
    return [[int(g), int(t), *(view.tobytes() for view in seen)] for g, t, *seen in rows]


def test_a_method_without_strong_view_says_how_to_see_one(
    tmp_path: Path, drawn: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(tmp_path, "--method=supervised") == 0
    assert list(drawn["views"]) == ["weak"]
    assert "--method=ieg" in capsys.readouterr().out
    assert "--aug_type" not in drawn["title"]


def test_the_title_says_how_many_labels_are_wrong(tmp_path: Path, drawn: dict[str, Any]) -> None:
    assert show(tmp_path, "--method=supervised") == 0
    settings = config.resolve({"method": "supervised", "batch_size": 50, "seed": 3})
    measured = experiment.build(settings).dataset.noise.measured
    assert f"({measured:.1%} of all)" in drawn["title"] and 0.3 < measured < 0.4


def test_a_training_run_is_not_touched(tmp_path: Path) -> None:
    run = train(tmp_path, "--method=supervised", "--max_iteration=2", *FLAGS)
    before = snapshot(run)
    assert show(tmp_path, "--method=supervised") == 0
    assert snapshot(run) == before


def test_a_class_with_few_examples_shows_those(tmp_path: Path, drawn: dict[str, Any]) -> None:
    flags = ("--method=supervised", "--dataset=digits_imbal_0.01")
    assert show(tmp_path, *flags) == 0
    counts = np.bincount(drawn["given"])
    assert counts[0] == 6 and 0 < counts[9] < 6


def test_many_classes_get_fewer_examples_and_there_is_an_end(
    tmp_path: Path, drawn: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show_data, "MANY_CLASSES", 7)
    monkeypatch.setattr(show_data, "MOST_CLASSES", 8)
    assert show(tmp_path, "--method=supervised") == 0
    assert np.bincount(drawn["given"]).tolist() == [3] * 8
    assert "the first 8 of 10 classes" in drawn["title"]


def test_a_place_that_cannot_be_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    assert show(tmp_path / "file", "--method=supervised") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--checkpoint_path" in error


def test_constant_images_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, box in (("left", (0, 0, 9, 20)), ("right", (11, 0, 20, 20))):
        (tmp_path / "drawings" / name).mkdir(parents=True)
        for number in range(5):
            image = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
            image.paste((255, 255, 255, 255), (*box[:3], 10 + number))
            image.save(tmp_path / "drawings" / name / f"{number}.png")
    flags = (f"--dataset=folder:{tmp_path / 'drawings'}", "--method=supervised", "--batch_size=2")
    assert show(tmp_path / "runs", *flags) == 0
    assert "warning: 8 of 8 images that were looked at are nearly constant" in " ".join(
        capsys.readouterr().out.split()
    )
    assert show(tmp_path / "runs", *flags, "--background=black") == 0
    assert "warning" not in capsys.readouterr().out
    assert show(tmp_path / "runs", *flags, "--background=blak") == 2
    assert "--background=blak: must be a color" in capsys.readouterr().err

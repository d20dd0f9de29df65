"""Whole commands on small trees of image files, in the layouts that users and archives have."""

import contextlib
import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from ieg.main import main
from ieg.runs import finished
from tests import runs
from tests.data import trees

SMALL = (
    "--network_name=cnn",
    "--image_size=8",
    "--batch_size=6",
    "--max_iteration=6",
    "--eval_freq=3",
    "--val_batch_size=20",
)
FSR = ("--method=fsr", "--queue_capacity=6", "--queue_bs=6", "--meta_start_epoch=1")


def command(root: Path, *flags: str, status: int = 0) -> str:
    """What a command printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["ieg", f"--checkpoint_path={root}", *SMALL, *flags]) == status
    return printed.getvalue()


def table(run: Path, name: str) -> list[dict[str, str]]:
    with open(run / name, newline="") as file:
        return list(csv.DictReader(file))


def read_json(run: Path, name: str) -> dict:
    return json.loads((run / name).read_text())


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trees.write_folder(tmp_path_factory.mktemp("data") / "photos")


@pytest.mark.parametrize(
    "method",
    [("--method=supervised", "--backbone=none"), (*FSR, "--backbone=none")],
    ids=lambda flags: flags[0],
)
def test_a_folder_is_trained_on_evaluated_and_shown(
    photos: Path, tmp_path: Path, method: tuple[str, ...]
) -> None:
    dataset = f"--dataset=folder:{photos}"
    printed = command(tmp_path, dataset, *method)
    assert "noise     unknown: nobody has said which labels are right" in printed
    assert "classes   10 ant, 10 bee, 10 cat training images per given label" in printed
    assert "fit to wrong labels -, recovered -" in printed
    run = runs.only_run(tmp_path)
    assert run.parts[-4].startswith("folder_photos-")
    data, result = read_json(run, "data.json"), read_json(run, "result.json")
    assert data["class_names"] == list(trees.CLASSES)
    assert (data["noise_type"], data["noise_rate"], data["transition_matrix"]) == (
        "unknown", None, None,
    )  # fmt: skip
    assert data["true_labels_known"] == 0
    assert result["noise_rate"] is result["wrong_label_fit"] is result["clean_train"] is None
    assert result["damaged_images"] == 0 and not (run / "damaged_images.csv").exists()
    for row in runs.rows(run):
        says = {name for name, cell in row.items() if cell}
        assert not {name for name in says if "clean" in name or "wrong" in name or "purity" in name}
    examples = table(run, "examples.csv")
    assert examples[11]["path"] == "train/bee/01.jpg" and examples[11]["given_class"] == "bee"
    assert {row["true_label"] for row in examples} == {""}
    assert not list((run / "figures").glob("*histogram*"))
    runs.assert_audited(run)
    audited = {row["path"]: row for row in table(run, "label_audit.csv")}
    assert audited["train/bee/01.jpg"]["given_label"] == "bee" and len(audited) == 30
    assert {row["true_label"] for row in audited.values()} == {""}
    assert {row["suggested_label"] for row in audited.values()} <= set(trees.CLASSES)
    facts = read_json(run, "audit.json")
    assert facts["auroc"] is facts["f1"] is None and facts["true_labels_known"] == 0
    read = finished.read_run(run)
    assert read.noise == "unknown" and set(read.examples["true_label"]) == {-1}
    assert "class cat" in command(tmp_path, dataset, *method, "--mode=evaluation")
    assert "saved as" in command(tmp_path, dataset, *method, "--mode=show_data")
    assert "finished already" in command(tmp_path, dataset, *method)


def test_noise_that_was_asked_for_is_known(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = (f"--dataset=folder:{photos}", "--backbone=none", "--noise=symmetric_0.4", *FSR)
    assert "noise     symmetric 0.4 asked, 0.400 of the given" in command(tmp_path, *flags)
    run = runs.only_run(tmp_path)
    assert run.parts[-4].endswith("_symmetric_0.4")
    result = read_json(run, "result.json")
    assert result["dataset"] == "folder:photos, symmetric_0.4"
    assert result["noise_rate"] == pytest.approx(0.4)
    assert all(row["margin_clean"] and row["margin_wrong"] for row in runs.rows(run))
    assert (run / "figures" / "margin_histogram.png").exists()

    # Typed from elsewhere it is the same run, and so it is if its config.json has it as typed.
    monkeypatch.chdir(photos.parent)
    from_there = ("--dataset=folder:photos", *flags[1:])
    assert "finished already" in command(tmp_path, *from_there)
    stored = read_json(run, "config.json")
    assert stored["values"]["dataset"] == f"folder:{photos}"
    stored["values"]["dataset"] = "folder:photos"
    (run / "config.json").write_text(json.dumps(stored))
    assert "finished already" in command(tmp_path, *flags)


def test_a_table_with_clean_rows_is_enough_for_ieg(tmp_path: Path) -> None:
    trees.write_classes(tmp_path / "images", 12)
    names = [f"images/{name}/{k:02d}.jpg" for name in trees.CLASSES for k in range(12)]
    rows = [
        f"{name},{name.split('/')[1]},{'probe' if k % 12 == 0 else ''}"
        for k, name in enumerate(names)
    ]
    path = trees.write_table(tmp_path / "labels.csv", rows, "path,label,split")
    printed = command(tmp_path / "runs", f"--dataset=csv:{path}", "--backbone=none", "--method=ieg")
    assert "27 training images 8x8x3 in 3 classes, 3 clean probe images, 6 test" in printed
    run = runs.only_run(tmp_path / "runs")
    split = table(run, "split.csv")
    assert sum(row["split"] == "test" for row in split) == 6 and len(split) == 33
    assert {row["path"] for row in split} < set(names)
    assert all(row["probe_loss"] for row in runs.rows(run))
    runs.assert_audited(run)
    assert "trust_clean" not in runs.rows(run)[0]


LARGE = [
    ("--dataset=imagenet", *FSR, "--queue_capacity=50"),
    ("--dataset=webvisionmini", *FSR, "--queue_capacity=50"),
    ("--dataset=webvisionmini", "--method=supervised", "--use_imagenet_as_eval"),
]


@pytest.mark.parametrize("flags", LARGE, ids=lambda flags: " ".join((flags[0], flags[-1])))
def test_the_large_data_sets(tmp_path: Path, flags: tuple[str, ...]) -> None:
    trees.write_imagenet(tmp_path, classes=50, train=2, val=1)
    trees.write_webvision(tmp_path)
    flags = (f"--dataset_dir={tmp_path}", "--max_iteration=2", *flags)
    printed = command(tmp_path / "runs", *flags)
    assert "100 training images 8x8x3 in 50 classes, 0 clean probe images, 50 test" in printed
    result = read_json(runs.only_run(tmp_path / "runs"), "result.json")
    assert result["steps"] == 2
    assert (result["noise_rate"] == 0) == ("--dataset=imagenet" in flags)
    if "--use_imagenet_as_eval" in flags:
        assert result["data_note"] == (
            "webvision-like (100 images, 50 to test), tested on ImageNet's validation images"
        )


def test_damaged_images_are_listed_and_a_resumed_run_goes_on_as_one_that_was_not_stopped(
    tmp_path: Path,
) -> None:
    photos = trees.write_folder(tmp_path / "photos")
    (photos / "train" / "bee" / "04.jpg").write_bytes(b"\xff\xd8\xff no JPEG")
    (photos / "test" / "cat" / "01.jpg").write_text("no image either")
    flags = (f"--dataset=folder:{photos}", "--backbone=none", "--damaged_limit=0.1", *FSR)
    command(tmp_path / "parts", *flags, "--max_iteration=3", "--lr_schedule=exponential")
    command(tmp_path / "other", *flags, "--lr_schedule=exponential")
    part = runs.only_run(tmp_path / "parts")
    assert {row["path"] for row in table(part, "damaged_images.csv")} <= {
        "train/bee/04.jpg", "test/cat/01.jpg",
    }  # fmt: skip
    (part / "damaged_images.csv").unlink()  # as if killed before it was written
    command(tmp_path / "parts", *flags, "--lr_schedule=exponential")
    whole = runs.only_run(tmp_path / "other")
    runs.assert_same_checkpoint(part, whole, 6)
    assert runs.rows(part) == runs.rows(whole)
    for run in (part, whole):
        listed = table(run, "damaged_images.csv")
        assert [row["path"] for row in listed] == ["test/cat/01.jpg", "train/bee/04.jpg"]
        assert read_json(run, "result.json")["damaged_images"] == 2
        examples = {row["path"]: row for row in table(run, "examples.csv")}
        assert examples["train/bee/04.jpg"]["visits"] == "0"
        assert len(table(run, "label_audit.csv")) == 29  # of what nobody has seen nothing is said
        assert np.isfinite(float(examples["train/bee/05.jpg"]["loss"]))


def test_too_many_damaged_images_end_the_run_and_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = trees.write_folder(tmp_path / "photos")
    (photos / "train" / "bee" / "04.jpg").write_text("no image")
    main(["ieg", f"--checkpoint_path={tmp_path / 'runs'}", *SMALL, *FSR,
          f"--dataset=folder:{photos}", "--backbone=none", "--damaged_limit=0"])  # fmt: skip
    error = capsys.readouterr().err
    assert error.startswith("stopped: 1 of 39 image files cannot be decoded, and --damaged_limit")
    assert "train/bee/04.jpg" in error
    assert table(runs.only_run(tmp_path / "runs"), "damaged_images.csv")[0]["reason"]


def test_a_folder_that_has_changed_is_another_experiment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = trees.write_folder(tmp_path / "photos")
    flags = (
        f"--dataset=folder:{photos}",
        "--backbone=none",
        "--method=supervised",
        "--max_iteration=1",
    )
    command(tmp_path / "runs", *flags)
    (photos / "train" / "bee" / "04.jpg").unlink()
    command(tmp_path / "runs", *flags, status=2)
    assert "images of folder:" in capsys.readouterr().err

"""Whole runs on the features of a backbone: training, resuming, audit, prediction and export."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import ieg
from ieg import decoding
from ieg.main import main
from tests import runs
from tests.data import trees
from tests.features.tiny import save_network

CLASSES = trees.CLASSES


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos and a backbone of a few random filters."""
    root = tmp_path_factory.mktemp("photos")
    trees.write_folder(root / "photos", train=10, test=4, probe=2)
    save_network(root / "tiny.keras")
    return root


@pytest.fixture
def command(place: Path, tmp_path: Path) -> Callable[..., Path]:
    """Runs the command on these photos, by default below a folder of the test."""

    def run(*flags: str, root: Path = tmp_path / "runs", status: int = 0) -> Path:
        words = [f"--dataset=folder:{place / 'photos'}", f"--backbone=file:{place / 'tiny.keras'}"]
        words += [f"--feature_dir={place / 'features'}", f"--checkpoint_path={root}"]
        assert main(["ieg", *words, "--noise=symmetric_0.2", "--batch_size=6", *flags]) == status
        return root

    return run


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_photos_become_a_model_and_a_list_by_default(
    command: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = runs.only_run(command())
    printed = capsys.readouterr().out
    assert "12 features, weights from" in printed and "a Gaussian head in closed form" in printed
    assert run.parts[-3:] == ("linear", "gaussian", "seed12345")
    # Three colors: the head tells them apart, and finds the labels that were made wrong.
    assert json.loads((run / "result.json").read_text())["top1"] == 1
    audited = rows(run / "label_audit.csv")
    wrong = [row for row in audited if row["given_label"] != row["true_label"]]
    assert len(wrong) == 6 and audited[: len(wrong)] == wrong
    assert all(row["suggested_label"] == row["true_label"] for row in wrong)
    assert "data:image/jpeg" in (run / "report.html").read_text()


def test_a_head_that_is_not_trained_is_found_on_two_replicas(command: Callable[..., Path]) -> None:
    run = runs.only_run(command("--distribution_strategy=mirrored"))
    assert json.loads((run / "result.json").read_text())["top1"] == 1


def test_features_are_computed_once(command: Callable[..., Path], place: Path) -> None:
    command()
    (folder,) = (place / "features").iterdir()
    before = runs.snapshot(folder)
    command("--method=supervised", "--max_epoch=1")
    assert runs.snapshot(folder) == before
    command("--mode=embed")  # leaves a note that all is there
    assert before.items() < runs.snapshot(folder).items()


def test_embedding_in_two_shards_equals_one(
    command: Callable[..., Path], place: Path, tmp_path: Path
) -> None:
    def run(name: str, *flags: str) -> Path:
        command("--mode=embed", f"--feature_dir={tmp_path / name}", *flags)
        return command(f"--feature_dir={tmp_path / name}", root=tmp_path / f"runs_{name}")

    whole = run("whole")
    command("--mode=embed", f"--feature_dir={tmp_path / 'parts'}", "--shard=1/2")
    shared = run("parts", "--shard=2/2")
    one, other = (runs.only_run(root) / "label_audit.csv" for root in (whole, shared))
    assert one.read_bytes() == other.read_bytes()


def test_an_audit_merges_the_shards_of_two_machines(
    command: Callable[..., Path],
    place: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def audit(*flags: str, status: int = 0) -> Path:
        return command("--mode=audit", *flags, root=tmp_path / f"r{len(flags)}", status=status)

    shared, both = tmp_path / "machines", f"--features={tmp_path / 'machines'}"
    damaged = place / "photos" / "train" / trees.CLASSES[0] / "broken.jpg"
    damaged.write_bytes(b"no picture")
    try:
        for number in (1, 2):
            if number == 2:
                audit(both, status=2)
                assert "parts are missing: 2/2; there are" in capsys.readouterr().err
            folder = f"--feature_dir={shared / str(number)}"
            command("--mode=embed", folder, f"--shard={number}/2", "--damaged_limit=0.1")
        before = runs.snapshot(shared)
        merged, alone = audit(both, "--damaged_limit=0.1"), audit("--damaged_limit=0.1")
        assert runs.snapshot(shared) == before
    finally:
        damaged.unlink()
    one, other = (next(root.rglob("label_audit.csv")) for root in (merged, alone))
    assert one.read_bytes() == other.read_bytes()
    capsys.readouterr()
    audit(both, status=2)  # without the damaged image the list is another one
    assert "of other images, or of the same ones in another order" in capsys.readouterr().err
    command("--mode=embed", both, status=2)
    assert "--mode=embed writes to --feature_dir" in capsys.readouterr().err


METHODS = {
    "fsr": ("--queue_capacity=6", "--queue_bs=6", "--meta_start_epoch=1", "--feature_views=2"),
    "l2r": ("--feature_views=2",),
    "ieg": ("--feature_views=1",),
    "dynamic_loss": ("--dynamic_warmup_epochs=1",),
}


@pytest.mark.parametrize("method", METHODS)
def test_methods_train_and_resume_on_views(
    command: Callable[..., Path], tmp_path: Path, method: str
) -> None:
    flags = (f"--method={method}", *METHODS[method], "--eval_freq=4", "--network_name=mlp")
    flags += ("--head_start=random", "--lr_schedule=constant")
    whole = runs.only_run(command(*flags, "--max_iteration=8", root=tmp_path / "whole"))
    part = tmp_path / "part"
    command(*flags, "--max_iteration=4", root=part)
    again = runs.only_run(command(*flags, "--max_iteration=8", root=part))
    runs.assert_same_checkpoint(whole, again, 8)


def test_prediction_export_and_audit(
    command: Callable[..., Path], place: Path, tmp_path: Path
) -> None:
    flags = ("--method=supervised", "--max_epoch=2")
    run = runs.only_run(command(*flags))
    before = (run / "label_audit.csv").read_bytes()
    command(*flags, "--mode=audit")
    assert (run / "label_audit.csv").read_bytes() == before
    command(*flags, "--mode=evaluation")
    command(*flags, "--mode=predict", f"--input={place / 'photos' / 'test'}")
    command(*flags, "--mode=export")
    assert "frozen network `file:" in (run / "export/README.md").read_text()
    model = keras.models.load_model(run / "export/model.keras")
    (table,) = run.glob("predictions_*.csv")
    for row in rows(table):
        image = decoding.pixels((place / "photos/test" / row["path"]).read_bytes())
        p = model(image[tf.newaxis]).numpy()[0]
        np.testing.assert_allclose([float(row[f"p({n})"]) for n in CLASSES], p, atol=1e-5)


def test_images_are_shown_as_training_on_pixels_sees_them(
    command: Callable[..., Path], tmp_path: Path
) -> None:
    command("--mode=show_data")
    assert list((tmp_path / "runs").rglob("images_*.png"))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--backbone=none", "--mode=embed"], "--mode=embed needs a --backbone"),
        (["--backbone=none", "--backbone_weights=x"], "--backbone_weights: goes with a --backbone"),
        (["--backbone=efficient"], "--backbone=efficient: there is none; there are: "),
        (["--shard=3/2", "--mode=embed"], "--shard=3/2: must be i/n with 1 ≤ i ≤ n"),
        (["--network_name=mlp"], "--head_start=gaussian: --network_name=mlp is not linear"),
        (["--network_name=cnn"], "--network_name=cnn: takes images, and the examples"),
        (["--dataset=deeploc_embeddings"], "deeploc"),
    ],
)
def test_bad_input(
    command: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    words: str,
    tmp_path: Path,
) -> None:
    command(*flags, status=2)
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not (tmp_path / "runs").exists()


def test_too_few_images(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trees.write_folder(tmp_path / "few", train=1, test=1)
    words = [f"--dataset=folder:{tmp_path / 'few'}", f"--backbone=file:{place / 'tiny.keras'}"]
    assert main(["ieg", *words, f"--checkpoint_path={tmp_path / 'runs'}"]) == 2
    assert "3 images to train on; 3 classes need at least 6" in capsys.readouterr().err


def test_the_classifier_takes_a_backbone(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "photos", tmp_path / "photos")
    backbone, settings = f"file:{place / 'tiny.keras'}", {"feature_dir": str(tmp_path / "kept")}
    fitted = ieg.RobustClassifier(backbone=backbone, settings=settings).fit(tmp_path / "photos")
    assert fitted.method is None and fitted.noise_rate_ < 0.1
    p = fitted.predict_proba(tmp_path / "photos/test")
    assert (fitted.predict(tmp_path / "photos/test") == np.repeat(CLASSES, 4)).all()
    fitted.save(tmp_path / "saved")
    again = ieg.RobustClassifier.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict_proba(tmp_path / "photos/test"), p)
    fitted.export(tmp_path / "export")
    model = keras.models.load_model(tmp_path / "export/model.keras")
    path = sorted((tmp_path / "photos/test").rglob("*.jpg"))[0]
    image = decoding.pixels(path.read_bytes())
    np.testing.assert_allclose(model(image[tf.newaxis]).numpy()[0], p[0], atol=1e-5)


def test_the_classifier_takes_a_backbone_for_arrays(place: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 3
    pixels = rng.normal(60, 20, (30, 20, 20, 3)) + 120 * np.eye(3)[labels][:, None, None]
    images = np.clip(pixels, 0, 255).astype(np.uint8)
    backbone, settings = f"file:{place / 'tiny.keras'}", {"feature_dir": str(tmp_path / "kept")}
    fitted = ieg.RobustClassifier(backbone=backbone, settings=settings)
    assert fitted.fit(images, labels).score(images, labels) == 1

"""Runs whose backbone is trained: head first and then all, or all from the first step on."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import ieg
from ieg import construction, decoding, finetuning
from ieg.config import Config, resolve
from ieg.data.files import FileImages
from ieg.data.pipeline import Batch
from ieg.experiment import Experiment, build
from ieg.main import main
from ieg.methods.gaussian import Gaussian
from ieg.report import table
from tests import contexts, runs
from tests.data import trees
from tests.features.tiny import SIDE

ROOT = Path(__file__).parents[1]
#: Eight steps of the second stage.
EPOCHS, LAST = ("--finetune_epochs=2", "--finetune_batch_size=8"), 8


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, some of them clean, and a backbone with batch norm."""
    root = tmp_path_factory.mktemp("photos")
    trees.write_folder(root / "photos", train=10, test=4, probe=2)
    inputs = keras.Input((SIDE, SIDE, 3))
    start = keras.initializers.GlorotNormal(3)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(12, 5, strides=3, use_bias=False, kernel_initializer=start)(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)).save(root / "tiny.keras")
    return root


@pytest.fixture(scope="module")
def words(place: Path) -> list[str]:
    """Flags of every run on these photos."""
    return [
        f"--dataset=folder:{place / 'photos'}",
        f"--backbone=file:{place / 'tiny.keras'}",
        f"--feature_dir={place / 'features'}",
        "--noise=symmetric_0.2",
        "--eval_freq=2",
    ]


@pytest.fixture(scope="module")
def tuned(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted."""
    root = tmp_path_factory.mktemp("tuned")
    assert main(["ieg", *words, *EPOCHS, f"--checkpoint_path={root}"]) == 0
    return folder_of(root)


def folder_of(root: Path) -> Path:
    (head,) = root.rglob("head")
    return head.parent


def config_of(words: list[str], root: Path) -> Config:
    given = (word.removeprefix("--").split("=", 1) for word in [*words, *EPOCHS])
    typed = {k: int(v) if v.isdecimal() else v for k, v in given}
    return resolve({**typed, "checkpoint_path": str(root)})


def copy_head(tuned: Path, root: Path) -> None:
    """Leave what a run leaves that is killed between its stages."""
    shutil.copytree(tuned / "head", root / tuned.relative_to(tuned.parents[3]) / "head")


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def assert_same_run(one: Path, other: Path, step: int) -> None:
    runs.assert_same_checkpoint(one, other, step)
    assert runs.rows(one) == runs.rows(other)
    for name in ("examples.csv", "label_audit.csv", "confusion.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_the_first_stage_is_the_run_without_the_second(
    words: list[str], tuned: Path, tmp_path: Path
) -> None:
    plain = runs.train(tmp_path, *words)
    (checkpoint,) = (plain / "checkpoints").glob("*.index")
    assert_same_run(plain, tuned / "head", int(checkpoint.stem.removeprefix("step-")))
    settings = [json.loads((p / "config.json").read_text())["values"] for p in (plain, tuned)]
    assert settings[0]["finetune_epochs"] == 0 and settings[1]["finetune_epochs"] == 2


@pytest.fixture(scope="module")
def stages(
    words: list[str], tuned: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Experiment, Experiment]:
    """The first stage restored, and the second one before its first step."""
    root = tmp_path_factory.mktemp("stages")
    copy_head(tuned, root)
    config = config_of(words, root)
    head = build(finetuning.first_stage(config))
    head.checkpoints.restore()
    return head, build(finetuning.second_stage(config))


def test_the_second_stage_begins_where_the_first_one_ends(
    stages: tuple[Experiment, Experiment],
) -> None:
    head, whole = stages
    expected = head.predictor(head.state.params)(head.dataset.evaluation.inputs)
    images = whole.dataset.evaluation.images
    found = whole.predictor(whole.state.params)(images)
    assert whole.backbone is not None and isinstance(images, FileImages)
    (pixels,) = images.loader().test_batches(np.arange(len(images))[np.newaxis])
    features = whole.backbone.model(pixels).numpy()

    def logits(features: np.ndarray) -> np.ndarray:
        return head.model(head.dataset.train.features.standardization(features)).numpy()

    # Features are kept in 16 bits, which here makes the only difference.
    np.testing.assert_allclose(found, logits(features), rtol=1e-4, atol=1e-4)
    kept = features.astype(np.float16).astype(np.float32)
    np.testing.assert_allclose(expected, logits(kept), rtol=1e-4, atol=1e-4)


def test_the_backbone_is_trained_but_for_batch_norm(
    tuned: Path, stages: tuple[Experiment, Experiment]
) -> None:
    _, whole = stages
    assert whole.last_step == LAST
    after = runs.tensors(tuned, LAST)
    moved = [
        v.name
        for i, v in enumerate(whole.model.variables)
        if not np.array_equal(after[f"network/{i}/.ATTRIBUTES/VARIABLE_VALUE"], v.numpy())
    ]
    still = ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [v.name for v in whole.model.variables] == ["kernel", *still, "kernel", "bias"]
    assert moved == ["kernel", "kernel", "bias"]


def test_clean_images_are_trained_on_by_their_labels(
    stages: tuple[Experiment, Experiment],
) -> None:
    _, whole = stages
    dataset, posterior = whole.dataset, whole.method.context.posterior
    assert posterior is not None and dataset.probe_indices is not None
    clean = dataset.probe_indices.ravel()
    np.testing.assert_array_equal(posterior[clean], np.eye(3)[dataset.given_labels[clean]])
    steps = range(whole.pipeline.steps_per_epoch)
    seen = np.concatenate([whole.pipeline.sampler(tf.constant(s, tf.int64)) for s in steps])
    assert len(clean) == 6 and whole.pipeline.steps_per_epoch == 4
    assert set(seen) <= {*clean, *dataset.train_indices} and len(set(seen)) == 32
    assert set(seen) & set(clean)


def test_the_loss_is_against_the_posterior() -> None:
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(2, kernel_initializer="zeros")])
    posterior = np.array([[0.9, 0.1], [0.3, 0.7]])
    method = Gaussian(None, contexts.context(model, [1, 1], 2, posterior=posterior))
    index, label = tf.constant([1, 0]), tf.constant([1, 1])
    batch = batch_of(index, tf.constant([[1.0, 0.0], [0.0, 1.0]]), label)
    output = method.step(batch, contexts.start(model), None)
    assert float(output.loss) == pytest.approx(np.log(2))
    # ∂L/∂W = 1/B Σ_i x_i (p_i - r_i)ᵀ with p = 1/2: rows of x are the unit vectors.
    kernel, bias = output.gradients
    np.testing.assert_allclose(kernel, [[0.1, -0.1], [-0.2, 0.2]], atol=1e-6)
    np.testing.assert_allclose(bias, [-0.1, 0.1], atol=1e-6)


def batch_of(index: tf.Tensor, image: tf.Tensor, label: tf.Tensor) -> Batch:
    return Batch(index=index, image=image, label=label, true_label=label, probe=None)


def test_killed_between_and_within_stages_it_ends_the_same(
    words: list[str], tuned: Path, tmp_path: Path
) -> None:
    root = tmp_path / "runs"
    copy_head(tuned, root)
    flags = [*words, *EPOCHS, f"--checkpoint_path={root}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ieg.main", *flags],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    try:
        run = folder_of(root)
        while not (run / "checkpoints/step-2.index").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()
    assert not (run / "result.json").exists()
    before = runs.snapshot(run / "head")
    assert main(["ieg", *flags]) == 0
    assert runs.snapshot(run / "head") == before
    assert_same_run(run, tuned, LAST)


def test_the_finished_run_is_evaluated_exported_and_audited(
    place: Path, words: list[str], tuned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tuned.parents[3]
    head, audit = (rows(p / "label_audit.csv") for p in (tuned / "head", tuned))
    assert [(r["path"], r["score"]) for r in head] == [(r["path"], r["score"]) for r in audit]
    place_of_run = [words[0], words[3], f"--checkpoint_path={root}"]
    for more in (["--mode=evaluation"], ["--mode=export"], ["--mode=audit"]):
        assert main(["ieg", *place_of_run, *more]) == 0
    assert [r["score"] for r in rows(tuned / "label_audit.csv")] == [r["score"] for r in audit]
    measured = json.loads((tuned / f"evaluation_step{LAST}_test.json").read_text())
    assert measured["raw"]["top1"] == json.loads((tuned / "result.json").read_text())["top1"]
    images = place / "photos/test"
    assert main(["ieg", *place_of_run, "--mode=predict", f"--input={images}"]) == 0
    assert "fine-tuned network `file:" in (tuned / "export/README.md").read_text()
    model = keras.models.load_model(tuned / "export/model.keras")
    (predictions,) = tuned.glob("predictions_*.csv")
    for row in rows(predictions):
        image = decoding.pixels((images / row["path"]).read_bytes())
        p = model(image[tf.newaxis]).numpy()[0]
        expected = [float(row[f"p({name})"]) for name in trees.CLASSES]
        np.testing.assert_allclose(expected, p, atol=1e-5)
    (result,) = table.read_results(root)
    assert result["steps"] == LAST
    capsys.readouterr()
    assert main(["ieg", *words, *EPOCHS, f"--checkpoint_path={root}"]) == 0
    assert capsys.readouterr().out.count("finished already") == 2


@pytest.mark.slow
def test_other_methods_go_on_as_themselves(words: list[str], tmp_path: Path) -> None:
    flags = ["--method=fsr", "--head_start=random", "--network_name=mlp", "--max_epoch=1"]
    flags += ["--queue_capacity=6", "--meta_start_epoch=0", *EPOCHS]
    assert main(["ieg", *words, *flags, f"--checkpoint_path={tmp_path}"]) == 0
    run = folder_of(tmp_path)
    assert {"queue_loss", "weights_zero_ratio"} <= rows(run / "metrics.csv")[0].keys()
    values = json.loads((run / "config.json").read_text())["values"]
    assert values["queue_bs"] == 8 and values["meta_stepsize"] == values["learning_rate"]


@pytest.mark.parametrize(
    ("flags", "words_of_error"),
    [
        (["--backbone=none", "--finetune_epochs=1"], "--finetune_epochs: needs a --backbone"),
        (["--backbone=none", "--train_backbone"], "--train_backbone: needs a --backbone"),
        (["--finetune_epochs=1", "--train_backbone"], "trains all from the first step on"),
        (["--finetune_epochs=1", "--audit_folds=2"], "leave --audit_folds out"),
        (["--finetune_epochs=1", "--fix_network_features"], "trains the classifier alone"),
        (["--finetune_epochs=1", "--precision=mixed_bfloat16"], "computes in float32"),
        (["--train_backbone", "--head_start=gaussian"], "there is no head on features"),
        (["--finetune_batch_size=8"], "--finetune_batch_size: goes with --finetune_epochs"),
    ],
)
def test_settings_that_contradict(
    words: list[str],
    flags: list[str],
    words_of_error: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["ieg", *words, *flags, f"--checkpoint_path={tmp_path / 'runs'}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words_of_error in line
    assert not (tmp_path / "runs").exists()


def test_a_folder_of_a_run_without_fine_tuning_is_refused_as_it_is(
    words: list[str], tuned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / tuned.relative_to(tuned.parents[3])
    shutil.copytree(tuned / "head", place)
    before = runs.snapshot(place)
    assert main(["ieg", *words, *EPOCHS, f"--checkpoint_path={tmp_path}"]) == 2
    assert "--finetune_epochs was 0 and is 2 now" in capsys.readouterr().err
    assert runs.snapshot(place) == before


def test_the_classifier_fine_tunes_in_a_run_folder(place: Path, tmp_path: Path) -> None:
    settings = {"feature_dir": str(place / "features"), "finetune_epochs": 1}
    backbone, photos = f"file:{place / 'tiny.keras'}", place / "photos"
    with pytest.raises(ieg.InputError, match="finetune_epochs.*needs run_folder"):
        ieg.RobustClassifier(backbone=backbone, settings=settings).fit(photos)
    fitted = ieg.RobustClassifier(backbone=backbone, run_folder=str(tmp_path), settings=settings)
    fitted.fit(photos)
    result = json.loads((folder_of(tmp_path) / "result.json").read_text())
    labels = np.repeat(trees.CLASSES, 4)
    assert fitted.score(photos / "test", labels) == pytest.approx(result["top1"])


def test_isic_begins_with_a_pretrained_network_or_says_so(place: Path, tmp_path: Path) -> None:
    counts = {"MEL": 8, "NV": 12, "BCC": 6, "AK": 6, "BKL": 6, "DF": 4, "VASC": 4, "SCC": 6}
    trees.write_isic(tmp_path, counts)
    words = ["--dataset=isic2019_symmetric_0.4", f"--dataset_dir={tmp_path}", "--max_epoch=1"]
    words.append("--method=supervised")
    backbone = [f"--backbone=file:{place / 'tiny.keras'}", "--train_backbone"]
    assert main(["ieg", *words, *backbone, f"--checkpoint_path={tmp_path / 'runs'}"]) == 0
    run = runs.only_run(tmp_path / "runs")
    result = json.loads((run / "result.json").read_text())
    assert result["data_note"] == "isic2019-like (37 images, 10 to test)"
    # The preset of the data set, and none of features.
    settings = result["settings"]
    assert (settings["lr_schedule"], settings["momentum"]) == ("custom_step", 0)
    # All is trained, and batch norm follows the data.
    start = keras.models.load_model(place / "tiny.keras").variables
    after = runs.tensors(run, result["steps"])
    for i, variable in enumerate(start):
        trained = after[f"network/{i}/.ATTRIBUTES/VARIABLE_VALUE"]
        assert not np.array_equal(trained, variable.numpy()), variable.path
    typed = (word.removeprefix("--").split("=") for word in words[:2])
    data = construction.dataset(resolve(dict(typed)), None, None)
    assert data.note == (
        "isic2019-like (37 images, 10 to test), not comparable with published numbers, which begin "
        "with ImageNet weights"
    )

"""DeepLoc's proteins: headers, letters, unknown labels, features, and whole runs on them."""

import csv
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from ieg.data import fasta
from ieg.data.dataset import Dataset
from ieg.data.sources import deeploc
from ieg.errors import InputError
from ieg.main import main
from ieg.runs.finished import read_run
from tests import runs
from tests.data import trees
from tests.datasets import prepare

FILE = "deeploc_data.fasta"
SMALL = ("--max_iteration=4", "--eval_freq=2", "--batch_size=8", "--train_eval_size=20")


def ready(root: Path, name: str = "deeploc", **options: object) -> Dataset:
    settings = {"seed": 1, "probe_ratio": 0, "dataset_dir": str(root)}
    return prepare(name, **{**settings, **options})


def write(root: Path, *lines: str) -> Path:
    (root / FILE).write_text("\n".join(lines) + "\n")
    return root


#: Enough for both classes in both splits.
REST = (">M9 A-M", "AC", ">S9 A-S", "AC", ">M8 A-M test", "AC", ">S8 A-S test", "AC")


def test_headers_and_letters_by_hand(tmp_path: Path) -> None:
    lines = (">Q1 Cell.membrane-M", "acd", "", "YX", ">Q2 Nucleus-S test", "BUZOJ", *REST)
    data = ready(write(tmp_path, *lines))
    assert data.class_names == ("soluble", "membrane")
    assert data.train.names.tolist() == ["Q1", "M9", "S9"]
    np.testing.assert_array_equal(data.train.labels, [1, 1, 0])
    assert (data.train.images.shape, data.train.images.dtype) == ((3, 434), np.int32)
    np.testing.assert_array_equal(data.train.images[0, :6], [1, 2, 3, 20, 21, 0])
    assert data.evaluation.names.tolist() == ["Q2", "M8", "S8"]
    np.testing.assert_array_equal(data.evaluation.labels, [0, 1, 0])
    np.testing.assert_array_equal(data.evaluation.images[0, :6], [21] * 5 + [0])
    assert (data.weak, data.strong, data.note, data.noise.kind) == (None, None, None, None)


def test_long_sequences_are_cropped_and_not_tested_on(tmp_path: Path) -> None:
    letters = "A" * 434
    lines = (">L A-M", letters + "C", ">T A-M test", letters + "C", ">F A-M test", letters, *REST)
    data = ready(write(tmp_path, *lines))
    np.testing.assert_array_equal(data.train.images[0], [1] * 434)
    assert data.evaluation.names.tolist() == ["F", "M8", "S8"]
    assert data.note == "1 sequences cropped, 1 too long to be tested on"


def test_unknown_labels_are_drawn_by_the_seed(tmp_path: Path) -> None:
    trees.write_proteins(tmp_path, unknown=40)
    assert len(ready(tmp_path).train.labels) == 40  # without the unknown ones
    data = ready(tmp_path, "deeploc_unknown")
    unknown = np.array([name[0] == "U" for name in data.train.names])
    np.testing.assert_array_equal(data.true_labels == -1, unknown)
    assert 8 < data.given_labels[unknown].sum() < 32
    np.testing.assert_array_equal(
        data.given_labels[~unknown], [name[0] == "M" for name in data.train.names[~unknown]]
    )
    assert not any(name[0] == "U" for name in data.evaluation.names)
    assert data.note == "40 unknown labels drawn at random, 1 of unknown kind not tested on"
    assert (data.noise.kind, data.noise.measured) == ("random labels where none is known", 0)
    other = ready(tmp_path, "deeploc_unknown", seed=2)
    assert (other.given_labels != data.given_labels)[unknown].any()
    assert data.digest not in (None, other.digest)
    assert data.digest == ready(tmp_path, "deeploc_unknown").digest
    # Clean probe examples are drawn from those that are known.
    probe = ready(tmp_path, "deeploc_unknown", probe_ratio=0.2).probe_indices
    assert probe.shape == (2, 4) and not unknown[probe].any()
    with pytest.raises(InputError, match="random labels where none is known of its own"):
        ready(tmp_path, "deeploc_unknown_uniform_0.4")
    assert ready(tmp_path, "deeploc_symmetric_0.4").noise.measured == 0.4


def test_sequences_that_cannot_be_read_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = (">E A-M", ">W A-S", "AC-D", ">V A-M", "A1", *REST)
    with caplog.at_level(logging.WARNING):
        data = ready(write(tmp_path, *lines))
    assert data.train.names.tolist() == ["M9", "S9"]
    assert caplog.messages == [
        "sequences left out: 1 empty: E",
        "sequences left out: 2 with letters that stand for no amino acid: W, V",
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("ACD", *REST), "line 1: a sequence needs a header"),
        ((">Q1", "AC", *REST), "line 1: a header must be '>NAME PLACE-M'"),
        ((">Q1 Nucleus-X", *REST), "not '>Q1 Nucleus-X'"),
        ((">M9 A-M", "AC", *REST), "line 3: M9 stands there already"),
        (REST[:4], "no proteins of a membrane .* to test on"),
        (REST[2:], "to train on; those to test on have 'test'"),
    ],
)
def test_files_that_are_not_as_they_should_be(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ready(write(tmp_path, *lines))


def test_without_the_file_it_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read .*deeploc_data.fasta .*data/README.md"):
        ready(tmp_path)


def write_features(root: Path, count: int | None = None, **changes: object) -> None:
    names = np.array([p.name for p in fasta.read(root / FILE)][::-1][:count])
    features = np.array([[name[0] == "M", len(name)] for name in names], np.float64)
    arrays = {"names": names, "features": features} | changes
    np.savez(root / "deeploc_embeddings.npz", **arrays)


def test_features_are_found_by_name(tmp_path: Path) -> None:
    trees.write_proteins(tmp_path)
    write_features(tmp_path)
    data = ready(tmp_path, "deeploc_embeddings")
    assert data.train.images.dtype == np.float32
    np.testing.assert_array_equal(data.train.images[:, 0], data.train.labels)
    np.testing.assert_array_equal(data.evaluation.images[:, 0], data.evaluation.labels)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 50}, "lacks 2 of the proteins: M000, M001"),
        ({"names": np.arange(52)}, "names must be text and features numbers"),
        ({"features": np.full([52, 2], np.nan)}, "a finite row of features"),
        ({"features": np.ones([50, 2])}, "for each of its names"),
        ({"features": np.array([{}] * 52)}, "must be a .npz file of the plain arrays"),
    ],
)
def test_features_that_are_not_as_they_should_be(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    trees.write_proteins(tmp_path)
    write_features(tmp_path, **changes)
    with pytest.raises(InputError, match=message):
        ready(tmp_path, "deeploc_embeddings")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequences no longer than the longest of the stand-ins: a run takes a third of the time."""
    monkeypatch.setattr(deeploc, "LENGTH", 70)


def test_supervised_training_tells_proteins_apart(tmp_path: Path, short: None) -> None:
    trees.write_proteins(tmp_path, unknown=4)
    run = runs.train(
        tmp_path / "runs",
        *("--dataset=deeploc_unknown", f"--dataset_dir={tmp_path}", "--loss=proselflc"),
        *(*SMALL, "--max_iteration=30", "--eval_freq=30", "--classes_per_batch=2"),
    )
    result = json.loads((run / "result.json").read_text())
    assert result["top1"] > 0.9
    assert run.parts[-3:] == ("transformer", "supervised", "seed12345")
    with open(run / "examples.csv", newline="") as file:
        row = next(csv.DictReader(file))
    assert (row["name"], row["given_class"]) == ("M000", "membrane")
    assert read_run(run).examples["name"][0] == "M000"


@pytest.mark.parametrize(
    "words",
    [
        ("--dataset=deeploc", "--method=l2r", "--l2r_warmup_epochs=0"),
        ("--dataset=deeploc_embeddings_symmetric_0.2", "--method=fsr", "--meta_start_epoch=0"),
    ],
)
def test_methods_that_need_only_logits_work_unchanged(
    tmp_path: Path, short: None, words: tuple[str, ...]
) -> None:
    trees.write_proteins(tmp_path)
    write_features(tmp_path)
    common = (f"--dataset_dir={tmp_path}", "--probe_dataset_hold_ratio=0.1", *SMALL)
    run = runs.train(tmp_path / "runs", *words, *common)
    assert np.isfinite(json.loads((run / "result.json").read_text())["test_loss"])
    assert (
        main(
            [
                "ieg",
                f"--checkpoint_path={tmp_path / 'runs'}",
                *words,
                "--mode=evaluation",
                f"--dataset_dir={tmp_path}",
                "--nearest_centroid",
            ]
        )
        == 0
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--method=ieg", "--probe_dataset_hold_ratio=0.1"),
            "--method=ieg needs a strong view; deeploc has none",
        ),
        (("--method=fsr",), "MixUp cannot mix tokens; give --use_mixup=False"),
        (("--mode=show_data",), "the examples of deeploc are no images"),
        (("--weak_rotation=5",), "--weak_rotation=5: deeploc has no images; leave it out"),
        (("--image_size=8",), "--image_size=8: for data sets of image files"),
        (("--network_name=cnn",), "are tokens; networks for those: transformer"),
    ],
)
def test_what_needs_images_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    trees.write_proteins(tmp_path)
    folder = tmp_path / "runs"
    common = ("--dataset=deeploc", f"--dataset_dir={tmp_path}", f"--checkpoint_path={folder}")
    assert main(["ieg", *common, *SMALL, *words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error
    assert not folder.exists()

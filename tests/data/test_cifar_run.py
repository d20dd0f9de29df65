"""A command on CIFAR: what it says about the data, and what it leaves for readers of results."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ieg.data.cifar import CIFAR10, CIFAR100
from ieg.main import main
from tests import runs
from tests.data import archives

FLAGS = ("--method=supervised", "--network_name=cnn", "--batch_size=20", "--max_iteration=2")


def command(root: Path, folder: Path, dataset: str) -> tuple[str, dict, dict]:
    """What a run printed, its data.json and its result.json."""
    printed = io.StringIO()
    flags = (f"--checkpoint_path={root}", f"--dataset_dir={folder}", f"--dataset={dataset}")
    with contextlib.redirect_stdout(printed):
        assert main(["ieg", *FLAGS, *flags]) == 0
    run = runs.only_run(root)
    files = (json.loads((run / name).read_text()) for name in ("data.json", "result.json"))
    return printed.getvalue(), *files


def test_another_number_of_images_is_told_everywhere(tmp_path: Path) -> None:
    archives.write(tmp_path, CIFAR10)
    printed, data, result = command(tmp_path / "runs", tmp_path, "cifar10_asymmetric_0.4")
    assert "data      cifar10_asymmetric_0.4, cifar10-like (120 images): 120 train" in printed
    assert "noise     asymmetric 0.4 asked, " in printed
    assert data["data_note"] == result["data_note"] == "cifar10-like (120 images)"
    assert data["noise_type"] == "asymmetric"
    expected = np.eye(10)
    expected[[9, 2, 4, 3, 5], [9, 2, 4, 3, 5]] = 0.6
    expected[[9, 2, 4, 3, 5], [1, 0, 7, 5, 3]] = 0.4
    np.testing.assert_allclose(data["expected_transition_matrix"], expected)
    assert np.shape(data["transition_matrix"]) == (10, 10)


def test_human_labels_have_no_rate_that_was_asked_for(tmp_path: Path) -> None:
    archives.write(tmp_path, CIFAR10)
    true = archives.made_up(CIFAR10).train.labels
    worse = np.where(np.arange(len(true)) < 30, (true + 1) % 10, true)
    np.savez(tmp_path / "cifar-10n.npz", clean_label=true, worse_label=worse)
    printed, data, result = command(tmp_path / "runs", tmp_path, "cifar10n_worst")
    assert "noise     human labels, 0.250 of the given labels are wrong" in printed
    assert data["noise_type"] == "human labels"
    assert data["expected_transition_matrix"] is None
    for facts in (data, result):
        assert (facts["noise_rate_asked"], facts["noise_rate"]) == (None, 0.25)


def test_without_data_a_command_ends_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    root, folder = tmp_path / "runs", tmp_path / "data"
    flags = (f"--checkpoint_path={root}", f"--dataset_dir={folder}", "--dataset=cifar100")
    assert main(["ieg", *FLAGS, *flags]) in (1, 2)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"error: CIFAR-100 is not in {folder}")
    assert not list(tmp_path.iterdir())


#: `python -m ieg.main --dataset=cifar100_uniform_0.4`, made small by what is appended.
IEG = ("--dataset=cifar100_uniform_0.4", "--probe_dataset_hold_ratio=0.2", "--batch_size=4",
       "--max_iteration=2", "--train_eval_size=10")  # fmt: skip


def assert_trained_by_ieg(printed: str, root: Path, network: str) -> None:
    assert "train with method ieg" in printed
    run = runs.only_run(root)
    assert run.parts[-4:] == ("cifar100_uniform_0.4", network, "ieg", "seed12345")
    (row,) = runs.rows(run)
    losses = ("trust_loss", "weight_loss", "mixed_loss", "consistency_loss", "probe_loss")
    assert all(np.isfinite(float(row[name])) for name in losses)


def test_cifar_is_trained_by_ieg_unless_told_otherwise(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    archives.write(tmp_path, CIFAR100)
    flags = (f"--dataset_dir={tmp_path}", f"--checkpoint_path={tmp_path / 'runs'}")
    assert main(["ieg", *IEG, *flags, "--network_name=cnn", "--aug_type=default"]) == 0
    assert_trained_by_ieg(capfd.readouterr().out, tmp_path / "runs", "cnn")


@pytest.mark.slow
def test_the_documented_command_trains_the_published_network(tmp_path: Path) -> None:
    archives.write(tmp_path, CIFAR100)
    flags = (f"--dataset_dir={tmp_path}", f"--checkpoint_path={tmp_path / 'runs'}")
    done = subprocess.run(
        [sys.executable, "-m", "ieg.main", *IEG, *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert_trained_by_ieg(done.stdout, tmp_path / "runs", "wrn28-10")

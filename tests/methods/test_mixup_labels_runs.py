"""Whole runs of meta-learned labels: what they leave, the clean network, few clean images."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ieg import config, experiment
from ieg.main import main
from tests import runs
from tests.test_replicas import no_batch_norm, train  # noqa: F401, the network is registered there

SMALL = ("--train_eval_size=50", "--batch_size=40", "--max_iteration=8", "--eval_freq=4")
NOISY = ("--dataset=digits_uniform_0.4", "--method=mixup_labels", *SMALL)
VALUE = ".ATTRIBUTES/VARIABLE_VALUE"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a network trained on clean labels."""
    flags = ("--dataset=digits", "--method=supervised", *SMALL, "--seed=7")
    return runs.train(tmp_path_factory.mktemp("clean"), *flags)


def examples(run: Path) -> dict[str, list[str]]:
    with open(run / "examples.csv", newline="") as file:
        table = list(csv.DictReader(file))
    return {name: [row[name] for row in table] for name in ("trust", "weight", "visits")}


def test_a_run_leaves_trust_by_example_and_its_curves(tmp_path: Path) -> None:
    run = runs.train(tmp_path, *NOISY, "--mixup_target=soft")
    settings = json.loads((run / "config.json").read_text())["values"]
    assert settings["clip_norm"] == 0.25
    for row in runs.rows(run):
        assert 0 < float(row["trust_clean"]) < 1 and 0 < float(row["trust_wrong"]) < 1
        assert float(row["gradient_norm"]) > 0.25
        assert float(row["loss"]) > 10  # a sum over the batch
        assert "weight_clean" not in row
    found = examples(run)
    visited = [int(count) > 0 for count in found["visits"]]
    assert [cell != "" for cell in found["trust"]] == visited and any(visited)
    assert set(found["weight"]) == {""}
    assert (run / "figures/mixup_labels.png").stat().st_size > 10_000
    assert (run / "figures/trust_histogram.png").exists()
    assert not (run / "figures/weight_histogram.png").exists()


def test_the_upper_bound_keeps_its_clean_network(tmp_path: Path, clean: Path) -> None:
    flags = (*NOISY, "--mixup_variant=upper_bound", f"--mixup_clean_ckpt={clean}", "--seed=7")
    run = runs.train(tmp_path, *flags)
    before, kept = runs.tensors(clean, 8), runs.tensors(run, 8)
    names = [name for name in kept if name.startswith("method/clean_")]
    assert names
    for name in names:
        place = name.removeprefix("method/clean_").removesuffix(f"/{VALUE}")
        averaged = f"average/{place}/{VALUE}"
        source = averaged if averaged in before else f"network/{place}/{VALUE}"
        np.testing.assert_array_equal(kept[name], before[source])
    row = runs.rows(run)[-1]
    assert 0 <= float(row["target_recovered"]) <= 1
    assert 0 <= float(row["prediction_recovered"]) <= 1
    assert "trust_clean" not in row and float(row["weight_wrong"]) > 0
    # Seeds that take the clean network of their own seed are runs of one experiment.
    result = json.loads((run / "result.json").read_text())
    assert result["settings"]["mixup_clean_ckpt"].endswith("/seed*")
    assert main(["ieg", *NOISY[:2], "--mode=evaluation", "--seed=7",
                 f"--checkpoint_path={tmp_path}"]) == 0  # fmt: skip


def test_another_network_than_the_clean_one_is_refused(
    tmp_path: Path, clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (
        "--mixup_variant=upper_bound",
        f"--mixup_clean_ckpt={clean}",
        "--network_name=resnet20",
    )
    assert main(["ieg", *NOISY, *flags, f"--checkpoint_path={tmp_path / 'runs'}"]) == 2
    error = capsys.readouterr().err
    assert f"--mixup_clean_ckpt={clean}: weights of another network than 'resnet20'" in error
    assert error.count("\n") == 1 and not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_upper_bound_on_two_replicas(tmp_path: Path) -> None:
    network = ("--network_name=test_no_batch_norm",)
    flags = ("--dataset=digits", "--method=supervised", *SMALL, *network)
    typed = {
        "method": "mixup_labels",
        "mixup_variant": "upper_bound",
        "mixup_target": "soft",
        "mixup_clean_ckpt": str(runs.train(tmp_path / "clean", *flags)),
    }
    one, one_scalars = train("none", 40, tmp_path, **typed)
    two, two_scalars = train("mirrored", 20, tmp_path, **typed)
    for a, b in zip(one.state.params, two.state.params, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), atol=1e-5)
    for a, b in zip(one_scalars, two_scalars, strict=True):
        assert a == pytest.approx(b, rel=1e-5, abs=2e-4)


@pytest.mark.parametrize(("ratio", "images"), [(0.007, 10), (0.084, 120)])
def test_clean_images_come_ten_by_ten(ratio: float, images: int, tmp_path: Path) -> None:
    typed = {
        "dataset": "digits_uniform_0.4",
        "method": "l2r",
        "weight_mode": "sigmoid",
        "clip_norm": 0.25,
        "probe_dataset_hold_ratio": ratio,
        "probe_batch_size": 10,
        "checkpoint_path": str(tmp_path),
    }
    built = experiment.build(config.resolve(typed))
    assert built.dataset.probe_size == images
    for batch in built.pipeline.batches(built.strategy, 0, 3):
        assert batch.image.shape[0] == 100
        np.testing.assert_array_equal(tf.sort(batch.probe.label), np.arange(10))

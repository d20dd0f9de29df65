"""Whole runs of DRO-LT's second stage: on two replicas, and what its evaluation leaves."""

import json
from pathlib import Path

import numpy as np
import pytest

from ieg.data.sources import Request, digits
from ieg.evaluation import metrics
from ieg.evaluation import nearest_centroid as ncm
from ieg.main import main
from tests import runs
from tests.test_replicas import no_batch_norm  # noqa: F401, the network is registered there

DATA = ("--dataset=digits_imbal_0.02", "--train_eval_size=50")
NETWORK = "--network_name=test_no_batch_norm"  # batch statistics differ between replicas

#: 5 steps of 240 images are an epoch; the third one trains the classifier.
SECOND = (
    *DATA,
    NETWORK,
    "--method=dro_lt",
    "--max_epoch=3",
    "--eval_freq=5",
    "--learning_rate=0.02",
    "--balanced_clf_nepochs=1",
    "--dro_selection=best",
)


@pytest.fixture(scope="module")
def first_stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("first")
    flags = ("--method=supervised", "--batch_size=80", "--max_iteration=20", "--learning_rate=0.02")
    return runs.train(root, *DATA, NETWORK, *flags)


def second_stage(root: Path, first: Path, *flags: str) -> Path:
    return runs.train(root, *SECOND, f"--pretrained_ckpt={first}", *flags)


@pytest.fixture(scope="module")
def one_replica(tmp_path_factory: pytest.TempPathFactory, first_stage: Path) -> Path:
    flags = ("--distribution_strategy=none", "--batch_size=240")
    return second_stage(tmp_path_factory.mktemp("one"), first_stage, *flags)


def test_two_replicas_train_like_one(tmp_path: Path, first_stage: Path, one_replica: Path) -> None:
    # eval_freq is divided by the replicas.
    flags = ("--distribution_strategy=mirrored", "--batch_size=120", "--eval_freq=10")
    two = second_stage(tmp_path, first_stage, *flags)
    first, second = runs.tensors(one_replica, 15), runs.tensors(two, 15)
    assert first.keys() == second.keys()
    margins = first["method/margin/.ATTRIBUTES/VARIABLE_VALUE"]
    assert margins.std() > 1e-4 and margins.max() < 0.99
    compared = [name for name in first if name.split("/")[0] in ("network", "method", "buffers")]
    assert len(compared) > 15
    for name in compared:
        np.testing.assert_allclose(second[name], first[name], atol=2e-4, err_msg=name)


def test_phases_leave_what_is_frozen_as_it_was(one_replica: Path, first_stage: Path) -> None:
    start = runs.tensors(first_stage, 20)
    after = {step: runs.tensors(one_replica, step) for step in (5, 10, 15)}

    def weights(values: dict[str, np.ndarray], place: int) -> np.ndarray:
        return values[f"network/{place}/.ATTRIBUTES/VARIABLE_VALUE"]

    averaged = {place: start[f"average/{place}/.ATTRIBUTES/VARIABLE_VALUE"] for place in range(4)}
    for place, value in averaged.items():
        head = place >= 2  # convolution with bias, then the classifier with its own
        same = np.array_equal(weights(after[10], place), value)
        assert same == head, "the features move first"
        best = after[15][f"method/best_{place}/.ATTRIBUTES/VARIABLE_VALUE"]
        assert np.array_equal(weights(after[15], place), best) != head, "the classifier then"
    scores = [row["ncm_accuracy"] for row in runs.rows(one_replica)]
    assert scores[0] == "" and all(0.1 < float(score) <= 1 for score in scores[1:])


def test_evaluation_tells_nearest_centroids_and_writes_features(
    one_replica: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (*SECOND[:4], f"--checkpoint_path={one_replica.parents[3]}", "--save_features")
    assert main(["ieg", "--mode=evaluation", *flags]) == 0
    printed = capsys.readouterr().out
    splits = {
        name: dict(np.load(one_replica / f"features_step15_{name}.npz", allow_pickle=False))
        for name in ("train", "test")
    }
    assert [len(arrays["labels"]) for arrays in splits.values()] == [382, 360]
    test = splits["test"]
    np.testing.assert_array_equal(test["labels"], digits.load(Request()).test.labels)
    kernel, bias = (
        runs.tensors(one_replica, 15)[f"network/{place}/.ATTRIBUTES/VARIABLE_VALUE"]
        for place in (2, 3)
    )
    logits = test["features"] @ kernel + bias
    assert (logits.argmax(axis=1) == test["predictions"]).mean() > 0.99  # but for rounding
    centroids = ncm.class_means(splits["train"]["features"], splits["train"]["labels"], 10)
    expected = metrics.balanced_accuracy(
        ncm.predict(test["features"], centroids), test["labels"], 10
    )
    stored = json.loads((one_replica / "evaluation_step15_test.json").read_text())["raw"]
    assert stored["nearest_centroid"]["balanced_accuracy"] == pytest.approx(expected)
    assert stored["top1"] == pytest.approx((test["predictions"] == test["labels"]).mean())
    assert "nearest centroid" in printed and f"{expected:.4f}" in printed

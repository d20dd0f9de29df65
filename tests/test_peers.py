"""The benchmark of peers: what they are trained and tested on, with and without cleanlab."""

import importlib.util
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.svm import SVC

from benchmarks import peers
from ieg.data.dataset import Dataset
from tests.datasets import prepare
from tests.markdown import cells


class Remembers:
    """A classifier that keeps what it was trained on, and always says class 3."""

    def fit(self, images: np.ndarray, labels: np.ndarray) -> "Remembers":
        self.images, self.labels = images, labels
        return self

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.full(len(images), 3)


class StandIn(Remembers):
    """What `cleanlab.classification.CleanLearning` offers, as far as it is used."""

    def __init__(self, classifier: Any, seed: int) -> None:
        self.wrapped, self.seed = classifier, seed


@pytest.fixture
def noisy() -> Dataset:
    return prepare("digits_uniform_0.4", seed=2, probe_ratio=0)


def test_peers_train_on_all_noisy_labels_and_are_tested_on_true_ones(noisy: Dataset) -> None:
    classifier = Remembers()
    assert peers.accuracy(classifier, noisy) == 36 / 360  # of each digit 36 are in the test set
    assert classifier.images.shape == (1437, 64)
    assert (classifier.images.min(), classifier.images.max()) == (0, 1)
    np.testing.assert_array_equal(classifier.labels, noisy.given_labels)
    assert 0.3 < np.mean(classifier.labels != noisy.train.labels) < 0.42
    with_probe = prepare("digits_uniform_0.4", seed=2, probe_ratio=0.035)
    kept = with_probe.train_indices
    np.testing.assert_array_equal(classifier.labels[kept], with_probe.given_labels[kept])


def test_the_svm_with_probabilities_predicts_as_the_svm_does(noisy: Dataset) -> None:
    images, labels = noisy.train.images[:300].reshape(300, -1) / 255, noisy.given_labels[:300]
    machine = peers.ProbabilisticSVM().fit(images, labels)
    np.testing.assert_array_equal(
        machine.predict(images), SVC().fit(images, labels).predict(images)
    )
    probabilities = machine.predict_proba(images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities.shape == (300, 10)
    assert np.mean(machine.classes_[probabilities.argmax(axis=1)] != labels) < 0.5


def test_without_cleanlab_a_line_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    arguments = ["--seeds", "1", "--dataset=digits_uniform_0.8"]
    assert peers.main(arguments) == 0
    said, titles, _, row, end = capsys.readouterr().out.splitlines()
    assert said == "nothing of cleanlab, which is not installed: pip install -e '.[benchmarks]'"
    assert cells(titles) == ["data", "RBF SVM", "MLP"]
    name, svm, mlp = cells(row)
    assert name == "digits_uniform_0.8"
    assert 0.80 < float(svm) < 0.87
    assert 0.70 < float(mlp) < 0.82
    assert end.startswith("test accuracy, mean ± standard deviation over seeds 1; trained on all")


def test_cleanlab_goes_around_both(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = ModuleType("cleanlab.classification")
    module.CleanLearning = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cleanlab", ModuleType("cleanlab"))
    monkeypatch.setitem(sys.modules, "cleanlab.classification", module)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: module)
    svm, mlp = (peers.PEERS[f"cleanlab, {name}"](7) for name in ("RBF SVM", "MLP"))
    assert isinstance(svm.wrapped, peers.ProbabilisticSVM)
    assert (mlp.wrapped.hidden_layer_sizes, mlp.wrapped.early_stopping) == ((128,), False)
    assert (svm.seed, mlp.seed, mlp.wrapped.random_state) == (7, 7, 7)
    assert peers.main(["--seeds", "1", "2", "--dataset=digits_uniform_0.2"]) == 0
    assert capsys.readouterr().out.count("0.100 ± 0.000") == 2


def test_real_cleanlab_finds_wrong_labels(noisy: Dataset) -> None:
    pytest.importorskip("cleanlab")
    alone = peers.accuracy(peers.PEERS["MLP"](1), noisy)
    assert peers.accuracy(peers.PEERS["cleanlab, MLP"](1), noisy) > alone - 0.03
    assert peers.accuracy(peers.PEERS["cleanlab, RBF SVM"](1), noisy) > 0.96


def test_an_unknown_data_set_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert peers.main(["--dataset=digit"]) == 2
    assert capsys.readouterr().err.startswith("error: --dataset=digit: unknown data set")

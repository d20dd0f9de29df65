"""The benchmark of the label audit: the same examples for all, cleanlab's turn, going on."""

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks.audit import labels as benchmark
from ieg.data.dataset import Dataset
from ieg.folds import SCORES
from tests.data import trees
from tests.datasets import prepare
from tests.markdown import cells

NAME = "digits_uniform_0.4"
HEADER = "index,path,given_label,suggested_label,score"


@pytest.fixture(scope="module")
def noisy() -> Dataset:
    return prepare(NAME, seed=2, probe_ratio=0)


@pytest.fixture
def pretends(noisy: Dataset, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What `ieg.main` was asked for; the scores that it leaves are right, but of supervised runs.

    Methods with a probe set leave out the first 50 examples.
    """
    asked: list[list[str]] = []
    wrong = noisy.given_labels != noisy.true_labels

    def run(flags: list[str]) -> None:
        asked.append(flags)
        values = dict(flag.removeprefix("--").split("=", 1) for flag in flags)
        folder = Path(values["checkpoint_path"], NAME, "cnn", values["method"], "seed2")
        first = 50 if values["method"] in ("l2r", "ieg") else 0
        careful = values.get("audit_folds") == "5"
        good = values["method"] != "supervised" or careful
        scores = np.where(wrong, 0.9, 0.1) if good else np.linspace(0, 1, len(wrong))
        rows = [f"{i},,1,2,{scores[i]}" for i in range(first, len(wrong))]
        trees.write_table(folder / "label_audit.csv", rows, HEADER)
        for k, index in enumerate(np.array_split(np.arange(len(wrong)), 5) if careful else []):
            (folder / f"fold{k + 1}").mkdir(exist_ok=True)
            logits = 5.0 * np.eye(10)[noisy.true_labels[index]]
            np.savez(folder / f"fold{k + 1}" / SCORES, index=index, logits=logits)

    monkeypatch.setattr(benchmark, "_ieg", run)
    return asked


def test_all_are_measured_on_the_same_examples_and_kept(
    pretends: list[list[str]], noisy: Dataset, tmp_path: Path
) -> None:
    found = benchmark.measured(NAME, 2, tmp_path, [], False)
    assert list(found) == ["supervised", "supervised, 5 folds", "l2r", "ieg", "fsr"]
    best = {"auroc": 1.0, "average_precision": 1.0, "f1": 1.0}
    assert found["ieg"] == found["fsr"] == found["supervised, 5 folds"] == best
    wrong = (noisy.given_labels != noisy.true_labels)[50:]
    late = np.linspace(0, 1, len(wrong) + 50)[50:]
    overlap = 2 * np.sum(wrong & (late > 0.5)) / (wrong.sum() + np.sum(late > 0.5))
    assert found["supervised"]["f1"] == pytest.approx(overlap)
    assert len(pretends) == 5  # supervised is audited twice
    assert benchmark.measured(NAME, 2, tmp_path, [], False) == found and len(pretends) == 5


def test_other_flags_are_other_runs(
    pretends: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--seeds", "2", f"--dataset={NAME}", f"--runs={tmp_path}", "--"]
    assert benchmark.main([*arguments, "--batch_size=20"]) == 0
    assert all("--batch_size=20" in flags for flags in pretends if "--mode=audit" not in flags)
    assert benchmark.main([*arguments, "--batch_size=30"]) == 2
    assert "was made with the flags ['--batch_size=20']" in capsys.readouterr().err


def test_cleanlab_is_asked_for_quality_and_issues(
    noisy: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    filtered, ranked = ModuleType("cleanlab.filter"), ModuleType("cleanlab.rank")
    count, called = len(noisy.train_indices), []

    def says(value: Callable[[], np.ndarray]) -> Callable[..., np.ndarray]:
        def function(labels: np.ndarray, probabilities: np.ndarray, **_: int) -> np.ndarray:
            np.testing.assert_array_equal(labels, noisy.given_labels)
            assert probabilities.shape == (count, 10)
            called.append(value)
            return value()

        return function

    filtered.find_label_issues = says(lambda: np.arange(count) < 3)  # type: ignore[attr-defined]
    ranked.get_label_quality_scores = says(lambda: np.linspace(0, 1, count))  # type: ignore[attr-defined]
    for module in (ModuleType("cleanlab"), filtered, ranked):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    found = benchmark.cleanlab(np.full([count, 10], 0.1), noisy)
    assert found[0] == (1, True) and found[count - 1] == (0, False) and len(called) == 2
    assert found[3] == (pytest.approx(1 - 3 / (count - 1)), False)


def test_without_cleanlab_a_line_says_how_to_get_it(
    pretends: list[list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    flags = ["--seeds", "2", f"--dataset={NAME}", f"--runs={tmp_path}"]
    assert benchmark.main(flags) == 0
    said, titles, _, *rows, end = capsys.readouterr().out.splitlines()
    assert said == "nothing of cleanlab, which is not installed: pip install -e '.[benchmarks]'"
    assert "cleanlab" not in titles and end == "mean ± standard deviation over seeds 2"
    assert [cells(row)[1] for row in rows] == list(benchmark.MEASURES.values())
    assert rows[0].count("1.0000") == 4


def test_probabilities_come_from_the_fold_that_left_an_example_out(
    pretends: list[list[str]], noisy: Dataset, tmp_path: Path
) -> None:
    benchmark.measured(NAME, 2, tmp_path, [], False)
    run = tmp_path / NAME / "cnn" / "supervised" / "seed2"
    probabilities = benchmark.out_of_fold(run, noisy)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), noisy.true_labels)


@pytest.mark.slow
def test_the_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("cleanlab")
    short = ["--max_iteration=40", "--eval_freq=40"]
    flags = ["--seeds", "2", f"--dataset={NAME}", f"--runs={tmp_path}", "--", *short]
    assert benchmark.main(flags) == 0
    (row,) = re.findall(r"\| .* AUROC .*", capsys.readouterr().out)
    scores = [float(cell) for cell in cells(row)[2:]]
    assert len(scores) == 7 and min(scores[-2:]) > 0.85 and max(scores) < 1

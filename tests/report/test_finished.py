import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ieg.errors import InputError
from ieg.runs import read_run

WriteRun = Callable[..., Path]
NAN = float("nan")
LABELS = {"index": [0, 1, 2], "given_label": [0, 1, 1], "true_label": [0, 0, ""]}


def expect_one_line(folder: Path, *parts: str) -> None:
    with pytest.raises(InputError) as caught:
        read_run(folder)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


class TestReadRun:
    def test_identity_and_result(self, write_run: WriteRun) -> None:
        folder = write_run(seed=3, recovered=None)
        run = read_run(str(folder))
        assert run.path == folder
        found = (run.method, run.dataset, run.network, run.seed)
        assert found == ("l2r", "digits_uniform_0.4", "cnn", 3)
        assert run.result["best_step"] == 1200
        assert run.result["recovered"] is None

    def test_metrics_are_float_and_empty_is_nan(self, write_run: WriteRun) -> None:
        metrics = read_run(write_run()).metrics
        np.testing.assert_array_equal(metrics["step"], [100, 200, 300])
        np.testing.assert_array_equal(metrics["clean_train"], [0.6, NAN, 0.95])
        assert {column.dtype for column in metrics.values()} == {np.dtype(np.float64)}

    def test_examples_and_unknown_true_labels(self, write_run: WriteRun) -> None:
        examples = read_run(write_run()).examples
        np.testing.assert_array_equal(examples["true_label"], [3, 1, 5, -1])
        np.testing.assert_array_equal(examples["given_label"], [3, 1, 4, 1])
        np.testing.assert_array_equal(examples["loss"], [0.1, 0.2, 3.0, NAN])
        for name in ("index", "given_label", "true_label", "visits"):
            assert examples[name].dtype == np.int64, name

    def test_a_header_without_rows_gives_empty_columns(self, write_run: WriteRun) -> None:
        run = read_run(write_run(examples={name: [] for name in LABELS}))
        assert {name: values.shape for name, values in run.examples.items()} == dict.fromkeys(
            LABELS, (0,)
        )

    def test_not_a_run_folder(self, tmp_path: Path) -> None:
        expect_one_line(tmp_path / "nowhere", "nowhere is not a run folder", "config.json")

    def test_not_finished(self, write_run: WriteRun) -> None:
        folder = write_run()
        (folder / "result.json").unlink()
        expect_one_line(folder, str(folder), "has not finished", "result.json")

    @pytest.mark.parametrize("name", ["metrics.csv", "examples.csv"])
    def test_missing_table(self, write_run: WriteRun, name: str) -> None:
        folder = write_run()
        (folder / name).unlink()
        expect_one_line(folder, str(folder), f"{name} is missing")

    @pytest.mark.parametrize(
        ("text", "part"),
        [
            ("{half", "cannot read"),
            ("[1]", "does not hold a JSON object"),
            (json.dumps({"method": "l2r", "dataset": "digits"}), "'network' is missing"),
        ],
    )
    def test_bad_result(self, write_run: WriteRun, text: str, part: str) -> None:
        folder = write_run()
        (folder / "result.json").write_text(text)
        expect_one_line(folder, "result.json", part)

    @pytest.mark.parametrize(
        ("name", "text", "part"),
        [
            ("metrics.csv", "", "must have the columns step, got []"),
            ("metrics.csv", "step,loss\n1,0.5\n", "must have the column top1"),
            ("metrics.csv", "step,top1\n1,0.5\n2\n", "line 3 has 1 cells, expected 2"),
            (
                "metrics.csv",
                "step,top1\n1,high\n",
                "line 2, column top1: expected a number, got 'high'",
            ),
            ("examples.csv", "index,true_label\n0,1\n", "must have the columns given_label"),
            (
                "examples.csv",
                "index,given_label,true_label\n0,,1\n",
                "line 2, column given_label: expected a whole number, got ''",
            ),
        ],
    )
    def test_bad_table(self, write_run: WriteRun, name: str, text: str, part: str) -> None:
        folder = write_run()
        (folder / name).write_text(text)
        expect_one_line(folder, name, part)

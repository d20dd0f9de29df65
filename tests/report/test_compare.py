import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ieg.report import compare
from ieg.runs import read_run

WriteRun = Callable[..., Path]


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


def cells(output: str, method: str) -> list[str]:
    (row,) = [line for line in output.splitlines() if line.split()[:1] == [method]]
    return row.split()


def test_table_and_figure(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    unknown = dict.fromkeys(["top1_best", "best_step", "wrong_label_fit", "recovered"])
    runs = [write_run("a"), write_run("b", method="supervised", seconds=59.6, **unknown)]
    compare.main([*map(str, runs), "--figure=out/noise.png"])
    output = capsys.readouterr().out
    expected = ["l2r", "0.900", "0.912", "(1,200)", "0.031", "0.875", "1,235"]
    assert cells(output, "l2r") == expected
    assert cells(output, "supervised") == ["supervised", "0.900", "-", "-", "-", "60"]
    assert "digits_uniform_0.4, noise rate 0.398, network cnn" in output
    assert output.splitlines()[-1] == "figure: out/noise.png"
    assert Path("out/noise.png").read_bytes().startswith(b"\x89PNG")


def test_default_figure(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    compare.main([str(write_run())])
    assert capsys.readouterr().out.endswith("figure: comparison.png\n")
    assert Path("comparison.png").is_file()


def test_fits_80_columns_with_long_names(
    write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["cifar100_imbal_0.02_asymmetric_0.4", "cifar10_imbal_0.02_uniform_0.4"]
    large = {"best_step": 100_000, "seconds": 1_234_567.0}
    compare.main([str(write_run(name, dataset=name, **large)) for name in data])
    output = capsys.readouterr().out
    assert max(len(line) for line in output.splitlines()) <= 80
    assert output.count("0.912 (100,000)") == 2
    assert output.count("1,234,567") == 2


def test_square_brackets_are_shown_as_they_are(
    write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    compare.main([str(write_run(dataset="folder:a[bold]", method="m[red]"))])
    output = capsys.readouterr().out
    assert "folder:a[bold]" in output
    assert "m[red]" in output


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "the following arguments are required: RUN_DIR"),
        (["nowhere"], "nowhere is not a run folder"),
        (["run", "--figure=a.txt"], "a figure must end in one of"),
        (["run", "--figure=run/config.json/a.png"], "config.json"),
        (["run", "--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    write_run: WriteRun, capsys: pytest.CaptureFixture[str], arguments: list[str], part: str
) -> None:
    write_run("run")
    before = sorted(Path().rglob("*"))
    with pytest.raises(SystemExit) as caught:
        compare.main(arguments)
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert part in message
    assert sorted(Path().rglob("*")) == before


def test_as_a_module(write_run: WriteRun) -> None:
    root = Path(compare.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "ieg.report.compare", str(write_run())],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert cells(done.stdout, "l2r")[1] == "0.900"


class TestNamesAndSetting:
    def test_the_method_is_enough_when_methods_differ(self, write_run: WriteRun) -> None:
        runs = [read_run(write_run(m, method=m, seed=i)) for i, m in enumerate(["l2r", "ieg"])]
        assert compare.names_of(runs) == ["l2r", "ieg"]

    def test_what_differs_is_added(self, write_run: WriteRun) -> None:
        # Measured rates differ a little between seeds; only the rate asked for is a setting.
        seeds = [read_run(write_run(f"s{i}", seed=i, noise_rate=0.4 + i / 100)) for i in (1, 2)]
        assert compare.names_of(seeds) == ["l2r, seed 1", "l2r, seed 2"]
        rates = [read_run(write_run(f"r{r}", noise_rate_asked=r)) for r in (0.2, 0.4)]
        assert compare.names_of(rates) == ["l2r, noise 0.2", "l2r, noise 0.4"]

    def test_the_folder_when_nothing_differs(self, write_run: WriteRun) -> None:
        folders = [write_run("a"), write_run("b"), write_run("c", method="ieg")]
        names = compare.names_of([read_run(folder) for folder in folders])
        assert names == [f"l2r, {folders[0]}", f"l2r, {folders[1]}", "ieg"]

    def test_setting_names_each_value_once(self, write_run: WriteRun) -> None:
        results: list[dict[str, Any]] = [
            {},
            {"network": "resnet29"},
            {"noise_rate": None, "noise_rate_asked": 0.4},
        ]
        runs = [read_run(write_run(str(i), **result)) for i, result in enumerate(results)]
        expected = "digits_uniform_0.4, noise rate 0.398 / 0.400, network cnn / resnet29"
        assert compare.setting_of(runs) == expected

    def test_unknown_noise(self, write_run: WriteRun) -> None:
        run = read_run(write_run(noise_rate=None, noise_rate_asked=None))
        assert compare.setting_of([run]) == "digits_uniform_0.4, noise rate unknown, network cnn"


class TestWeights:
    LABELS = {"index": [0, 1, 2], "given_label": [0, 1, 1], "true_label": [0, 0, ""]}  # noqa: RUF012

    def test_only_known_true_labels_and_finite_weights(self, write_run: WriteRun) -> None:
        examples = {
            "index": [0, 1, 2, 3],
            "given_label": [0, 1, 1, 1],
            "true_label": [0, 0, "", 1],
            "weight": [0.5, 0.1, 0.7, ""],
        }
        found = compare.weights_of(read_run(write_run(examples=examples)))
        assert found is not None
        np.testing.assert_array_equal(found[0], [0.5, 0.1])
        np.testing.assert_array_equal(found[1], [False, True])

    @pytest.mark.parametrize("weight", [None, ["", "", 0.5]])
    def test_none_without_a_usable_weight(
        self, write_run: WriteRun, weight: list[object] | None
    ) -> None:
        examples = self.LABELS if weight is None else self.LABELS | {"weight": weight}
        assert compare.weights_of(read_run(write_run(examples=examples))) is None

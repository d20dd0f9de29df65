import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ieg.report import compare

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

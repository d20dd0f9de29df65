"""The run folder: whole files or none, rows that are cut and made again, one process at a time."""

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ieg.errors import InputError
from ieg.runs import RunFolder

HOLDS_THE_LOCK = """
import sys, time
from pathlib import Path
from ieg.runs.folder import RunFolder
folder = RunFolder(Path(sys.argv[1]))
folder.open()
print("open", flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.path.mkdir()
    return made


def names(folder: RunFolder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir())


def test_a_folder_is_named_by_what_tells_runs_apart(tmp_path: Path) -> None:
    folder = RunFolder.of(str(tmp_path), "digits_imbal_0.1_0.2", "cnn", "l2r", 7)
    assert folder.path == tmp_path / "digits_imbal_0.1_0.2" / "cnn" / "l2r" / "seed7"
    assert {folder.checkpoints.parent, folder.events.parent, folder.figures.parent} == {folder.path}


def test_the_home_folder_may_be_written_as_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert RunFolder.of("~/runs", "digits", "cnn", "l2r", 0).path.is_relative_to(tmp_path / "runs")


def test_nothing_is_written_before_it_is_opened(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "a" / "b")
    assert folder.read_config() is None
    assert folder.read_result() is None
    assert folder.metrics.rows() == []
    assert folder.read_seconds() == 0
    folder.metrics.cut(5)
    folder.forget_result()
    assert not list(tmp_path.iterdir())
    folder.open()
    assert folder.figures.is_dir()
    folder.close()


def test_opening_leaves_what_is_there(folder: RunFolder) -> None:
    folder.open()
    folder.write_json("config.json", {"values": {"seed": 3}})
    folder.close()
    folder.open()
    assert folder.read_config() == {"values": {"seed": 3}}
    folder.close()


def test_json_comes_back_as_it_was_written(folder: RunFolder) -> None:
    content = {"steps": 6, "top1": 0.1 + 0.2, "recovered": None, "per_class": [0.5, None]}
    folder.write_json("result.json", content)
    assert folder.read_result() == content
    assert (folder.path / "result.json").read_text().endswith("}\n")


def test_a_write_that_fails_leaves_the_old_file(folder: RunFolder) -> None:
    folder.write_json("config.json", {"values": {}})
    with pytest.raises(TypeError):
        folder.write_json("config.json", {"values": {1: {1, 2}}})
    assert folder.read_config() == {"values": {}}
    folder.write_table("examples.csv", {"index": [1, 2]})
    with pytest.raises(ValueError, match="zip"):
        folder.write_table("examples.csv", {"index": [3, 4], "loss": [0.5]})
    assert (folder.path / "examples.csv").read_text().split() == ["index", "1", "2"]


def test_a_file_is_complete_under_its_name_or_not_there(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write_json("result.json", {"steps": 1, "top1": 0.5})

    def replaced(source: Path, target: Path) -> None:
        assert json.loads(Path(source).read_text()) == {"steps": 2, "top1": 0.75}
        assert json.loads(Path(target).read_text()) == {"steps": 1, "top1": 0.5}
        raise KeyboardInterrupt

    monkeypatch.setattr("ieg.atomic.os.replace", replaced)
    with pytest.raises(KeyboardInterrupt):
        folder.write_json("result.json", {"steps": 2, "top1": 0.75})
    assert folder.read_result() == {"steps": 1, "top1": 0.5}


def test_no_temporary_file_stays(folder: RunFolder) -> None:
    folder.write_json("config.json", {})
    folder.metrics.add({"step": 1})
    folder.write_progress(1, 2.5)
    folder.write_table("examples.csv", {"index": [1]})
    assert names(folder) == ["config.json", "examples.csv", "metrics.csv", "progress.json"]


def test_a_result_can_be_forgotten(folder: RunFolder) -> None:
    folder.write_json("result.json", {"steps": 1, "top1": 0.5})
    folder.forget_result()
    assert folder.read_result() is None


def test_the_seconds_of_all_processes_are_kept(folder: RunFolder) -> None:
    folder.write_progress(20, 12.25)
    assert folder.read_seconds() == 12.25
    assert json.loads((folder.path / "progress.json").read_text())["step"] == 20


def test_metrics_keep_every_bit_and_every_gap(folder: RunFolder) -> None:
    first = {"step": 20, "top1": 0.1 + 0.2, "loss": 1e-300, "recovered": None}
    second = {"step": 40, "top1": float(np.float32(0.7)), "loss": math.inf, "recovered": 1.0}
    folder.metrics.add(first)
    folder.metrics.add(second)
    assert folder.metrics.rows() == [first, second]
    assert (folder.path / "metrics.csv").read_text().splitlines()[0] == "step,top1,loss,recovered"
    assert (folder.path / "metrics.csv").read_text().splitlines()[1].startswith("20,0.3000")


def test_nan_in_metrics_is_unknown(folder: RunFolder) -> None:
    folder.metrics.add({"step": 20, "loss": math.nan, "ece": np.float32("nan")})
    assert folder.metrics.rows() == [{"step": 20, "loss": None, "ece": None}]


def test_a_value_that_comes_later_gets_a_column(folder: RunFolder) -> None:
    folder.metrics.add({"step": 20})
    folder.metrics.add({"step": 40, "probe_loss": 0.5})
    assert folder.metrics.rows() == [
        {"step": 20, "probe_loss": None},
        {"step": 40, "probe_loss": 0.5},
    ]


@pytest.mark.parametrize(
    ("step", "kept"), [(0, []), (19, []), (20, [20]), (45, [20, 40]), (60, [20, 40, 60])]
)
def test_rows_past_a_step_are_cut(folder: RunFolder, step: int, kept: list[int]) -> None:
    for row in (20, 40, 60):
        folder.metrics.add({"step": row, "top1": row / 100})
    folder.metrics.cut(step)
    assert folder.metrics.rows() == [{"step": row, "top1": row / 100} for row in kept]
    folder.metrics.add({"step": 80, "top1": 0.8})
    assert [row["step"] for row in folder.metrics.rows()] == [*kept, 80]


def test_cutting_nothing_writes_nothing(folder: RunFolder) -> None:
    folder.metrics.add({"step": 20})
    before = (folder.path / "metrics.csv").stat().st_ino
    folder.metrics.cut(20)
    assert (folder.path / "metrics.csv").stat().st_ino == before


def test_an_evaluation_is_appended(folder: RunFolder) -> None:
    folder.metrics.add({"step": 20, "top1": 0.5})
    before = (folder.path / "metrics.csv").read_bytes()
    (folder.path / "metrics.csv").write_bytes(before.replace(b"0.5", b"0.7"))  # and not read again
    folder.metrics.add({"step": 40})
    assert (folder.path / "metrics.csv").read_bytes() == b"step,top1\r\n20,0.7\r\n40,\r\n"


@pytest.mark.parametrize("rest", ["6", "60,", "60,0.25", "60,0.25\r"])
@pytest.mark.parametrize("row", [{"step": 60, "top1": 0.75}, {"step": 60, "loss": 2.0}])
def test_a_line_that_was_cut_off_is_dropped(
    folder: RunFolder, rest: str, row: dict[str, float]
) -> None:
    whole = "step,top1\r\n20,0.5\r\n40,0.625\r\n"
    (folder.path / "metrics.csv").write_text(whole + rest, newline="")
    folder.metrics.check(40)
    folder.metrics.cut(40)
    assert (folder.path / "metrics.csv").read_bytes().decode() == whole
    folder.metrics.add(row)
    again = RunFolder(folder.path).metrics.rows()
    assert [r["step"] for r in again] == [20, 40, 60] and row.items() <= again[-1].items()


def test_a_line_of_a_step_that_has_a_checkpoint_must_be_whole(folder: RunFolder) -> None:
    (folder.path / "metrics.csv").write_text("step,top1\r\n20,0.5\r\n40,0.6", newline="")
    folder.metrics.check(39)
    with pytest.raises(InputError, match="metrics.csv is damaged: the line of step 40"):
        folder.metrics.check(40)


def test_a_table_is_csv_with_empty_cells_for_what_is_unknown(folder: RunFolder) -> None:
    folder.write_table(
        "examples.csv",
        {
            "index": np.array([3, 5, 8]),
            "loss": np.array([0.25, np.nan, 2.0], np.float32),
            "weight": [None, math.nan, 1 / 3],
        },
    )
    with open(folder.path / "examples.csv", newline="") as file:
        table = list(csv.reader(file))
    assert table == [
        ["index", "loss", "weight"],
        ["3", "0.25", ""],
        ["5", "", ""],
        ["8", "2", repr(1 / 3)],
    ]


def test_two_cannot_train_in_one_folder_at_a_time(folder: RunFolder) -> None:
    folder.open()
    second = RunFolder(folder.path)
    with pytest.raises(InputError, match=f"another process is training in {folder.path}"):
        second.open()
    folder.close()
    second.open()
    second.close()


def test_a_killed_process_gives_the_folder_free(folder: RunFolder) -> None:
    command = [sys.executable, "-c", HOLDS_THE_LOCK, str(folder.path)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            with pytest.raises(InputError, match="another process is training"):
                folder.open()
        finally:
            process.kill()
    folder.open()
    folder.close()


def test_a_folder_below_a_file_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    folder = RunFolder(tmp_path / "file" / "run")
    with pytest.raises(InputError, match="cannot write to .*Not a directory.*`checkpoint_path`"):
        folder.open()
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", "{", "cannot read .*config.json"),
        ("config.json", "3", "config.json is damaged: it does not hold a JSON object"),
        ("config.json", '{"values": []}', "'values' is missing or of the wrong type"),
        ("result.json", '{"steps": 3}', "'top1' is missing"),
        ("progress.json", '{"seconds": null}', "'seconds' is missing or of the wrong type"),
        (
            "metrics.csv",
            "step,top1\n20,high\n",
            "line 2, column top1: expected a number, got 'high'",
        ),
        ("metrics.csv", "step,top1\n20\n", "metrics.csv is damaged"),
        ("metrics.csv", "top1\n0.5\n", "must have the columns step"),
        ("metrics.csv", "step,top1\n,0.5\n", "must say the step of each row"),
        ("metrics.csv", "\ufeff", "metrics.csv is damaged"),
    ],
)
def test_a_damaged_file_is_named(folder: RunFolder, name: str, content: str, message: str) -> None:
    (folder.path / name).write_text(content)
    reader = {
        "config.json": folder.read_config,
        "result.json": folder.read_result,
        "progress.json": folder.read_seconds,
        "metrics.csv": folder.metrics.rows,
    }[name]
    with pytest.raises(InputError, match=message):
        reader()

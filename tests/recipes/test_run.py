"""The mark of a finished run, and what does not count as one."""

import subprocess
from pathlib import Path

import pytest

from ieg.recipes.run import MARK, Place, Run, cksum


def a_run(root: Path, *further: str, network: str = "*") -> Run:
    place = Place(str(root), "digits", network, "l2r", 1)
    return Run("l2r", place, {"dataset": "digits", "checkpoint_path": str(root)}, further)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "digits/cnn/l2r/seed1"
    found.mkdir(parents=True)
    (found / "result.json").write_text('{"top1": 0.5}')
    return found


@pytest.mark.parametrize("data", [b"", b"a", bytes(range(256)) * 3, b"0.1\n" * 70_000])
def test_the_checksum_is_that_of_the_program(data: bytes) -> None:
    done = subprocess.run(["cksum"], input=data, capture_output=True, check=True)
    assert cksum(data) == done.stdout.decode().strip()


def test_a_marked_run_is_done_until_something_differs(tmp_path: Path, folder: Path) -> None:
    assert not a_run(tmp_path).is_done()
    a_run(tmp_path).mark()
    assert a_run(tmp_path).is_done()
    assert not a_run(tmp_path, "--momentum=0.5").is_done()
    (folder / "result.json").write_text("made by another command since")
    assert not a_run(tmp_path).is_done()
    (folder / "result.json").unlink()
    assert not a_run(tmp_path).is_done()
    a_run(tmp_path).mark()  # without a result there is nothing to say
    assert not a_run(tmp_path).is_done()


@pytest.mark.parametrize("damaged", [b"", b"one line", b"'unclosed\n1 2\n", b"\xff\n1 2\n"])
def test_a_damaged_mark_says_nothing(tmp_path: Path, folder: Path, damaged: bytes) -> None:
    (folder / MARK).write_bytes(damaged)
    assert not a_run(tmp_path).is_done()


def test_a_mark_is_read_with_the_quotes_of_bash(tmp_path: Path, folder: Path) -> None:
    """Earlier versions wrote marks with `printf %q`, which escapes commas."""
    command = f"python -m ieg.main --dataset=digits --checkpoint_path={tmp_path} --decay=1\\,2"
    checksum = cksum((folder / "result.json").read_bytes())
    (folder / MARK).write_text(f"{command}\n{checksum}\n")
    assert a_run(tmp_path, "--decay=1,2").is_done()


def test_the_network_tells_folders_apart(tmp_path: Path, folder: Path) -> None:
    other = tmp_path / "digits/mlp/l2r/seed1"
    other.mkdir(parents=True)
    (other / "result.json").write_text("{}")
    a_run(tmp_path).mark()
    assert not a_run(tmp_path).is_done()  # nobody knows which of the folders it was
    a_run(tmp_path, network="cnn").mark()
    assert a_run(tmp_path, network="cnn").is_done()
    assert not a_run(tmp_path, network="mlp").is_done()


@pytest.mark.parametrize("flag", ["--mode=evaluation", "-restore_step=2", "--flagfile=f"])
def test_what_may_do_something_else_next_time_is_never_done(
    tmp_path: Path, folder: Path, flag: str
) -> None:
    a_run(tmp_path, flag).mark()
    assert not a_run(tmp_path, flag).is_done()


def test_the_folder_of_an_earlier_run_is_looked_up_when_it_is_there(tmp_path: Path) -> None:
    place = Place(str(tmp_path), "digits", "*", "supervised", 1)
    run = Run("dro_lt", place, {"pretrained_ckpt": place, "use_ema": False, "rate": 1e-3})
    assert run.words()[0] == f"--pretrained_ckpt={tmp_path}/digits/*/supervised/seed1"
    (tmp_path / "digits/cnn/supervised/seed1").mkdir(parents=True)
    assert run.words() == [
        f"--pretrained_ckpt={tmp_path}/digits/cnn/supervised/seed1",
        "--use_ema=false",
        "--rate=0.001",
    ]

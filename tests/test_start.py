"""Starts of the command that end before TensorFlow has been imported: one line, or the help."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import ieg

ROOT = Path(__file__).parent.parent
MISSING = f"error: {sys.executable} has no module {{}}: use the Python that ieg is"
CASES = {
    "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n": (
        128 + signal.SIGINT,
        "stopped: interrupted",
    ),
    "import no_such_part\n": (2, MISSING.format("no_such_part")),
}
ANSWERS = {
    "--help": (0, "usage: python -m ieg.main"),
    "--version": (0, f"ieg {ieg.__version__} (Python 3."),
    "--help=fsr": (0, "for --method=fsr:\n"),
    "--no_such_flag=1": (2, "error: Unknown command line flag 'no_such_flag'"),
    "--method=fs": (2, "error: unknown method 'fs' (did you mean 'fsr'?)"),
    "--network_name=resnet": (2, "error: unknown network 'resnet'"),
    "--dataset=digit": (2, "error: --dataset=digit: unknown data set"),
    "--learning_rate=-1": (2, "error: --learning_rate=-1.0: must be above 0"),
    "--gce_q=0.5": (2, "error: --gce_q: no option of --method=ieg"),
}


def start(folder: Path, *words: str) -> tuple[int, str, str]:
    """Status and both outputs of a Python whose packages begin with a folder."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def test_one_line_without_packages(tmp_path: Path) -> None:
    status, out, err = start(tmp_path, "-S", "-m", "ieg.main", "--dataset=digits")
    assert (status, out) == (2, "")
    assert err.startswith(MISSING.format("tensorflow")) and err.count("\n") == 1


@pytest.mark.parametrize("tensorflow", CASES, ids=["interrupted", "incomplete"])
def test_one_line_when_the_import_of_tensorflow_ends(tmp_path: Path, tensorflow: str) -> None:
    (tmp_path / "tensorflow.py").write_text(tensorflow)
    status, out, err = start(tmp_path, "-m", "ieg.main", "--dataset=digits")
    assert (status, out) == (CASES[tensorflow][0], "")
    assert err.startswith(CASES[tensorflow][1]) and err.count("\n") == 1


@pytest.mark.parametrize("word", ANSWERS)
def test_flags_are_answered_without_tensorflow(tmp_path: Path, word: str) -> None:
    for name in ("tensorflow", "keras"):
        (tmp_path / f"{name}.py").write_text(f"raise AssertionError('{name} was imported')\n")
    status, out, err = start(tmp_path, "-m", "ieg.main", word)
    assert status == ANSWERS[word][0], err
    assert (out or err).startswith(ANSWERS[word][1])

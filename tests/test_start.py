"""Starts of the command that end before TensorFlow has been imported: one line each."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CASES = {
    "": (2, f"error: {sys.executable} has no module tensorflow: use the Python that ieg is"),
    "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n": (
        128 + signal.SIGINT,
        "stopped: interrupted",
    ),
}


@pytest.mark.parametrize("tensorflow", CASES, ids=["missing", "interrupted"])
def test_one_line_for_a_start_without_tensorflow(tmp_path: Path, tensorflow: str) -> None:
    if tensorflow:
        (tmp_path / "tensorflow.py").write_text(tensorflow)
    paths = os.pathsep.join([str(ROOT), str(tmp_path)])
    done = subprocess.run(
        [sys.executable, "-S", "-m", "ieg.main", "--dataset=digits"],  # -S: without packages
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    status, line = CASES[tensorflow]
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(line) and done.stderr.count("\n") == 1

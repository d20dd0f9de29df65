"""Workers that Ray Train starts equal two replicas, also when one of them is killed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.distribute.pairs import ROOT, SECONDS
from tests.distribute.test_two_workers import METHODS, SMALL, assert_same_end

pytest.importorskip("ray.train", reason="ray is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

#: A module that every worker imports: notes its process.
NOTES_ITSELF = """
import json, os

index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
with open({pids!r}, "a") as file:
    print(index, os.getpid(), file=file)
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the script, whose run goes to `tmp_path / "workers"`, and ends what is left of it."""
    processes: list[subprocess.Popen[str]] = []
    # The names of Ray's sockets may not be long.
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as short:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "RAY_TMPDIR": short,
            "RAY_USAGE_STATS_ENABLED": "0",
        }

        def start(*flags: str) -> subprocess.Popen[str]:
            script = str(ROOT / "scripts/cluster/ray_train.py")
            process = subprocess.Popen(
                [sys.executable, script, "workers", "--workers=2", *flags],
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            processes.append(process)
            return process

        yield start
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def test_two_workers_under_ray_equal_two_replicas(tmp_path: Path, start: Start) -> None:
    flags = (*SMALL, "--method=l2r", *METHODS["l2r"])
    process = start(*flags)
    printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, printed
    assert "2 CPU replicas on 2 workers" in printed
    assert_same_end(tmp_path, *flags)


def test_a_killed_worker_is_started_again_and_the_run_ends_the_same(
    tmp_path: Path, start: Start
) -> None:
    flags = (*SMALL, "--method=l2r", "--max_iteration=150", *METHODS["l2r"])
    noted, own_code = tmp_path / "pids", tmp_path / "notes_itself.py"
    own_code.write_text(NOTES_ITSELF.format(pids=str(noted)))
    process = start(*flags, f"--own_code={own_code}")
    until = time.monotonic() + SECONDS
    while not list(tmp_path.glob("workers/*/*/*/*/checkpoints/step-20.index")):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.01)
    workers = dict(line.split() for line in noted.read_text().splitlines())
    os.kill(int(workers["1"]), signal.SIGKILL)
    printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, printed
    assert len(noted.read_text().splitlines()) == 4  # both of them anew
    assert "going on from step " in printed
    assert_same_end(tmp_path, *flags)


def test_bad_input_is_not_tried_again(start: Start) -> None:
    process = start("--method=l2r", "--max_iteration=0")
    printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 2, printed
    assert "error: --max_iteration" in printed
    assert printed.count("Started training worker group") == 1

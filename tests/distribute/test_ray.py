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

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the script, whose run goes to `tmp_path / "workers"`, and ends what is left of it."""
    processes: list[subprocess.Popen[bytes]] = []
    # The names of Ray's sockets may not be long.
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as short:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "RAY_TMPDIR": short,
            "RAY_USAGE_STATS_ENABLED": "0",
        }

        def start(*flags: str) -> subprocess.Popen[bytes]:
            script = str(ROOT / "scripts/cluster/ray_train.py")
            with open(tmp_path / "log", "w") as log:
                process = subprocess.Popen(
                    [sys.executable, script, "workers", "--workers=2", *flags],
                    cwd=tmp_path,
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            processes.append(process)
            return process

        yield start
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_two_workers_under_ray_equal_two_replicas(tmp_path: Path, start: Start) -> None:
    flags = (*SMALL, "--method=l2r", *METHODS["l2r"])
    status, printed = start(*flags).wait(SECONDS), (tmp_path / "log").read_text()
    assert status == 0 and "2 CPU replicas on 2 workers" in printed, printed
    assert_same_end(tmp_path, *flags)


def test_killed_workers_are_started_again_and_the_run_ends_the_same(
    tmp_path: Path, start: Start
) -> None:
    flags = (*SMALL, "--method=l2r", "--max_iteration=150", *METHODS["l2r"])
    noted, own_code = tmp_path / "pids", tmp_path / "notes_itself.py"
    own_code.write_text(NOTES_ITSELF.format(pids=str(noted)))
    process = start(*flags, f"--own_code={own_code}")
    for killed, step in (("1", 20), ("0", 60)):
        until = time.monotonic() + SECONDS
        while not list(tmp_path.glob(f"workers/*/*/*/*/checkpoints/step-{step}.index")):
            assert time.monotonic() < until and process.poll() is None, step
            time.sleep(0.01)
        running = dict(line.split() for line in noted.read_text().splitlines())  # the last of each
        os.kill(int(running[killed]), signal.SIGKILL)
    status, printed = process.wait(SECONDS), (tmp_path / "log").read_text()
    assert status == 0 and "going on from step " in printed, printed
    assert len(noted.read_text().splitlines()) == 6  # both of them, three times
    assert_same_end(tmp_path, *flags)


def test_bad_input_is_not_tried_again(tmp_path: Path, start: Start) -> None:
    status = start("--method=l2r", "--max_iteration=0").wait(SECONDS)
    printed = (tmp_path / "log").read_text()
    assert status == 2 and "error: --max_iteration" in printed, printed
    assert printed.count("Started training worker group") == 1

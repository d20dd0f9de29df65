"""Calls of TensorFlow that would never return: lost workers, and TPUs that do not answer."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ieg.main import main
from tests.distribute.pairs import ROOT, free_ports, tf_config

#: The command, with five seconds for TensorFlow to start.
_COMMAND = """
import os, sys
import ieg.quiet
import tensorflow as tf
from ieg.main import main
from ieg.training import devices
devices.START = 5.0
if os.environ.get("DIES"):
    tf.distribute.MultiWorkerMirroredStrategy = lambda: os._exit(3)
sys.exit(main(["ieg", "--dataset=digits", "--checkpoint_path=nowhere", *sys.argv[1:]]))
"""
_SECONDS = 120  # of a busy machine


def start(place: Path, strategy: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, f"--distribution_strategy={strategy}"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("lost", [0, 1])
def test_a_worker_that_is_lost_after_the_meeting_ends_the_other(tmp_path: Path, lost: int) -> None:
    ports = free_ports(2)
    workers = [
        start(
            tmp_path,
            "multi_worker_mirrored",
            TF_CONFIG=tf_config(ports, place),
            DIES="yes" if place == lost else "",
        )
        for place in (0, 1)
    ]
    try:
        assert workers[lost].wait(_SECONDS) == 3
        _, said = workers[1 - lost].communicate(timeout=_SECONDS)
    finally:
        for worker in workers:
            worker.kill()
    assert workers[1 - lost].returncode == -signal.SIGKILL
    assert said.splitlines()[-1] == (
        f"stopped: worker {1 - lost} has waited 5 s for TensorFlow to start on all workers "
        f"(127.0.0.1:{ports[0]}, 127.0.0.1:{ports[1]}), of which one was lost after they had met; "
        "start all of them again with the same command"
    )
    assert not list(tmp_path.iterdir())


def test_a_tpu_that_accepts_and_says_nothing_ends_the_run(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        name = f"grpc://127.0.0.1:{silent.getsockname()[1]}"
        process = start(tmp_path, "tpu", TPU_NAME=name)
        try:
            _, said = process.communicate(timeout=_SECONDS)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    last = said.splitlines()[-1]
    assert last == f"stopped: the TPU {name!r} has not answered within 5 s; see TPU_NAME"


def test_a_tpu_address_where_nobody_answers_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("TPU_NAME", f"grpc://127.0.0.1:{port}")
    begin = time.monotonic()
    flags = ("--distribution_strategy=tpu", f"--checkpoint_path={tmp_path}")
    assert main(["ieg", "--dataset=digits", *flags]) == 2
    assert time.monotonic() - begin < 10
    said = capsys.readouterr().err
    assert f"there is no TPU 'grpc://127.0.0.1:{port}' here (nobody answers at grpc://" in said
    monkeypatch.setenv("TPU_NAME", "grpc://tpu")
    assert main(["ieg", "--dataset=digits", *flags]) == 2
    assert "'tpu' is not of the form HOST:PORT" in capsys.readouterr().err

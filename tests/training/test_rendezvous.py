"""Workers that meet, that never come, that come twice, and others who call."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from ieg.errors import InputError, TrainingStopped
from ieg.training import rendezvous
from ieg.training.cluster import Cluster
from tests.distribute.pairs import ROOT, free_ports, tf_config


def addresses(count: int) -> tuple[str, ...]:
    return tuple(f"127.0.0.1:{port}" for port in free_ports(count))


def meet(everyone: Sequence[str], places: Sequence[int], patience: float = 30) -> list[Future]:
    """Each of these workers in a thread of its own, until all have ended."""
    with ThreadPoolExecutor() as threads:
        return [
            threads.submit(rendezvous.meet, Cluster(tuple(everyone), place, ""), patience)
            for place in places
        ]


def call(address: str, said: bytes) -> bytes:
    """What is answered to somebody who says this at an address, once somebody listens there."""
    host, port = address.split(":")
    for _ in range(200):
        try:
            with socket.create_connection((host, int(port)), 5) as connection:
                connection.sendall(said)
                connection.shutdown(socket.SHUT_WR)
                return connection.recv(1000)
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise AssertionError(f"nobody listens at {address}")


def test_all_go_when_all_are_there_and_leave_their_ports() -> None:
    everyone = addresses(3)
    for worker in meet(everyone, (2, 0, 1)):
        assert worker.result() is None
    for address in everyone:
        socket.create_server(("", int(address.split(":")[1]))).close()
    (alone,) = meet(everyone[:1], (0,))
    assert alone.result() is None


@pytest.mark.parametrize(
    ("places", "missing"),
    [
        ((0,), "worker 1 at {1}, worker 2 at {2}"),
        ((1,), "worker 0 at {0}"),
        ((0, 1), "worker 2 at {2}|worker 0 at {0}(, which waits for others)?"),
    ],
)
def test_it_gives_up_and_says_who_is_missing(places: tuple[int, ...], missing: str) -> None:
    everyone = addresses(3)
    for worker in meet(everyone, places, patience=1.5):
        with pytest.raises(TrainingStopped, match=f"({missing.format(*everyone)});"):
            worker.result()


def test_a_line_says_whom_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rendezvous, "_FIRST_LINE", 0.1)
    everyone = addresses(2)
    with caplog.at_level(logging.WARNING, "ieg"):
        meet(everyone, (1,), patience=1.2)
    (line,) = caplog.messages  # the next one comes much later
    assert line.startswith("worker 1 has waited ") and line.endswith(f"worker 0 at {everyone[0]}")


def test_all_must_have_the_same_addresses() -> None:
    everyone = addresses(3)
    with ThreadPoolExecutor() as threads:
        chief = threads.submit(rendezvous.meet, Cluster(everyone[:2], 0, ""), 30)
        other = threads.submit(rendezvous.meet, Cluster((everyone[0], everyone[2]), 1, ""), 30)
    for worker in (chief, other):
        with pytest.raises(InputError) as refused:
            worker.result()
        assert str(refused.value) == (
            f"worker 1 was given the addresses {everyone[0]}, {everyone[2]} and worker 0 "
            f"{everyone[0]}, {everyone[1]}; give all workers the same cluster"
        )


def test_a_worker_that_was_lost_while_others_were_awaited_must_come_again() -> None:
    everyone = addresses(3)
    greeting = json.dumps({"place": 1, "addresses": everyone}).encode() + b"\n"
    with ThreadPoolExecutor() as threads:
        host, port = everyone[1].split(":")
        with socket.create_server((host, int(port))):  # it can be called back, and goes
            chief = threads.submit(rendezvous.meet, Cluster(everyone, 0, ""), 30)
            assert call(everyone[0], greeting) == b""
        second = threads.submit(rendezvous.meet, Cluster(everyone, 2, ""), 30)
        time.sleep(2)
        assert not chief.done() and not second.done()
        again = threads.submit(rendezvous.meet, Cluster(everyone, 1, ""), 30)
    assert [worker.result() for worker in (chief, second, again)] == [None] * 3


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"[]\n",
        b'{"place": 1}\n',
        b'{"place": "me", "addresses": []}\n',
        b"",
    ],
)
def test_others_who_call_are_no_workers(said: bytes) -> None:
    everyone = addresses(2)
    with ThreadPoolExecutor() as threads:
        chief = threads.submit(rendezvous.meet, Cluster(everyone, 0, ""), 30)
        assert call(everyone[0], said) == b""
        assert not chief.done()
        other = threads.submit(rendezvous.meet, Cluster(everyone, 1, ""), 30)
    assert chief.result() is other.result() is None


@pytest.mark.parametrize("said", [b"HTTP/2 settings", b"\x00\x00\n", b"{}\n", b""])
def test_who_answers_otherwise_is_no_chief(said: bytes) -> None:
    everyone = addresses(2)
    host, port = everyone[0].split(":")

    def impostor(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.sendall(said)
        connection.close()
        listener.close()

    listener = socket.create_server((host, int(port)))
    with ThreadPoolExecutor() as threads:
        threads.submit(impostor, listener)
        other = threads.submit(rendezvous.meet, Cluster(everyone, 1, ""), 30)
        for _ in range(500):
            if listener.fileno() < 0:
                break
            time.sleep(0.01)
        chief = threads.submit(rendezvous.meet, Cluster(everyone, 0, ""), 30)
    assert chief.result() is other.result() is None


def test_a_worker_that_nobody_can_reach_does_not_count() -> None:
    everyone = addresses(2)
    greeting = json.dumps({"place": 1, "addresses": everyone}).encode() + b"\n"
    with ThreadPoolExecutor() as threads:
        chief = threads.submit(rendezvous.meet, Cluster(everyone, 0, ""), 2)
        assert call(everyone[0], greeting) == b""
    with pytest.raises(TrainingStopped, match=f"worker 1 at {everyone[1]}"):
        chief.result()


def test_signals_end_a_worker_that_waits(tmp_path: Path) -> None:
    ended: dict[int, int] = {}

    def wait_and_stop(place: int, number: int) -> None:
        ports = free_ports(2)
        flags = ("--distribution_strategy=multi_worker_mirrored", f"--checkpoint_path={tmp_path}")
        process = subprocess.Popen(
            [sys.executable, "-m", "ieg.main", *flags, "--dataset=digits"],
            cwd=ROOT,
            env={**os.environ, "TF_CONFIG": tf_config(ports, place)},
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda: listens(ports[place]))
            process.send_signal(number)
            ended[number] = process.wait(20)
        finally:
            process.kill()

    workers = [
        threading.Thread(target=wait_and_stop, args=(0, signal.SIGTERM)),
        threading.Thread(target=wait_and_stop, args=(1, signal.SIGINT)),
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert ended == {signal.SIGTERM: -signal.SIGTERM, signal.SIGINT: 128 + signal.SIGINT}
    assert not list(tmp_path.iterdir())


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def until(happened: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)

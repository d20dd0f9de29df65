"""Two worker processes on this machine, over loopback."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 300  # of a busy machine; what hangs for longer has failed


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def tf_config(ports: Sequence[int], index: int) -> str:
    """TF_CONFIG of one of the workers at these ports."""
    addresses = [f"127.0.0.1:{port}" for port in ports]
    return json.dumps(
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    )


class Pair:
    """Two workers; the first is the chief.

    Args:
      folder: where what they print is kept.
      flags: of both.
      own: further flags of each.
    """

    def __init__(
        self, folder: Path, flags: Sequence[str], own: Sequence[Sequence[str]] = ((), ())
    ) -> None:
        ports = free_ports(2)
        self.processes, self._logs = [], []
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        common = ["-m", "ieg.main", "--distribution_strategy=multi_worker_mirrored", *flags]
        for index in range(2):
            self._logs.append(folder / f"worker{index}-{ports[0]}.log")
            environment = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join(paths),
                "TF_CONFIG": tf_config(ports, index),
            }
            with open(self._logs[-1], "w") as log:
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, *common, *own[index]],
                        cwd=folder,
                        env=environment,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                )

    def wait(self) -> list[int]:
        """Exit status of both."""
        return [process.wait(SECONDS) for process in self.processes]

    def printed(self) -> list[str]:
        """What each has printed so far."""
        return [log.read_text() for log in self._logs]

    def finish(self) -> None:
        assert self.wait() == [0, 0], self.printed()

    def end(self) -> None:
        """Leaves no process behind, whatever a test has found."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

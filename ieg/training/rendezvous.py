"""Meeting of the workers before TensorFlow starts, which would wait silently and ignore signals.

The chief listens at its address until each other worker has connected, with the same list of
addresses, and can be reached at its own. Then it releases all of them, and TensorFlow's servers
take over the addresses.
"""

import contextlib
import json
import logging
import socket
import time

from ieg.errors import InputError, TrainingStopped
from ieg.training.cluster import Cluster, host_and_port

#: Seconds until a worker gives up, long enough for a scheduler to find machines; until the first
#: message about missing workers; between further ones; for one answer; between two attempts.
PATIENCE, _FIRST_LINE, _NEXT_LINE, _ANSWER, _PAUSE = 1800.0, 30.0, 120.0, 5.0, 0.5

_GO = b"go\n"
_MOST = 2**16  # bytes of a greeting; a longer one does not come from a worker


def meet(cluster: Cluster, patience: float = PATIENCE) -> None:
    """Wait until all workers are there; each of them calls it.

    Args:
      cluster: the workers, this process among them.
      patience: seconds until it gives up.
    Raises:
      InputError: the port of this worker cannot be used, or the workers have different addresses.
      TrainingStopped: a worker is still missing after that time.
    """
    with _listen(cluster) as listener:
        waiting = _Waiting(cluster, patience)
        if cluster.place == 0:
            _gather(cluster, listener, waiting)
        else:
            _join(cluster, waiting)


class _Waiting:
    """Messages about missing workers, and an error when patience is at its end."""

    def __init__(self, cluster: Cluster, patience: float) -> None:
        self._cluster, self._patience = cluster, patience
        self._begin = time.monotonic()
        self._next_line = _FIRST_LINE

    def for_workers(self, places: list[int]) -> None:
        named = ", ".join(f"worker {p} at {self._cluster.addresses[p]}" for p in places)
        self._waits(named)

    def for_the_chief(self) -> None:
        self._waits(f"worker 0 at {self._cluster.addresses[0]}, which waits for others")

    def _waits(self, whom: str) -> None:
        waited = time.monotonic() - self._begin
        me = f"worker {self._cluster.place}"
        if waited > self._patience:
            raise TrainingStopped(
                f"{me} has waited {waited:.0f} s for {whom}; start all workers with the same "
                "addresses, which each of them must be able to reach"
            )
        if waited > self._next_line:
            self._next_line += _NEXT_LINE
            logging.getLogger("ieg").warning("%s has waited %.0f s for %s", me, waited, whom)


def _listen(cluster: Cluster) -> socket.socket:
    address = cluster.addresses[cluster.place]
    _, port = host_and_port(address)
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        return socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise InputError(
            f"worker {cluster.place} cannot listen at {address}: {error.strerror}; give a free "
            "port in TF_CONFIG, the same for all workers"
        ) from None


def _gather(cluster: Cluster, listener: socket.socket, waiting: _Waiting) -> None:
    """Wait for the other workers, as the chief."""
    listener.settimeout(_PAUSE)
    others = range(1, len(cluster.addresses))
    here: dict[int, socket.socket] = {}
    with contextlib.ExitStack() as connections:
        while missing := [place for place in others if place not in here]:
            waiting.for_workers(missing)
            with contextlib.suppress(TimeoutError):
                connection = connections.enter_context(listener.accept()[0])
                place = _greeted(cluster, connection)
                if place is not None and _answers(cluster, place):
                    here[place] = connection  # replaces that of a worker that was started again
                else:
                    connection.close()
            # A worker that is lost meanwhile has to connect again.
            for place in [place for place, found in here.items() if _is_closed(found)]:
                here.pop(place).close()
        for connection in here.values():
            with contextlib.suppress(OSError):
                connection.sendall(_GO)


def _greeted(cluster: Cluster, connection: socket.socket) -> int | None:
    """Place of the worker at the other end; None if it is no worker.

    Raises:
      InputError: it has other addresses than the chief.
    """
    connection.settimeout(_ANSWER)
    try:
        greeting = json.loads(connection.makefile("rb").readline(_MOST))
        place, addresses = int(greeting["place"]), tuple(greeting["addresses"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if not 0 < place < len(addresses):
        return None
    if addresses != cluster.addresses:
        problem = (
            f"worker {place} was given the addresses {', '.join(map(str, addresses))} and worker 0 "
            f"{', '.join(cluster.addresses)}; give all workers the same cluster"
        )
        with contextlib.suppress(OSError):
            connection.sendall(json.dumps(problem).encode() + b"\n")
        raise InputError(problem)
    return place


def _answers(cluster: Cluster, place: int) -> bool:
    try:
        socket.create_connection(host_and_port(cluster.addresses[place]), _ANSWER).close()
    except OSError:
        return False
    return True


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(_ANSWER)


def _join(cluster: Cluster, waiting: _Waiting) -> None:
    """Connect to the chief and wait, as any other worker."""
    greeting = {"place": cluster.place, "addresses": cluster.addresses}
    chief = host_and_port(cluster.addresses[0])
    while True:
        waiting.for_workers([0])
        # An earlier run that is still ending may answer, or the host name may not be known yet.
        with (
            contextlib.suppress(OSError),
            socket.create_connection(chief, _ANSWER) as connection,
        ):
            connection.sendall(json.dumps(greeting).encode() + b"\n")
            if _is_let_go(connection, waiting):
                return
        time.sleep(_PAUSE)


def _is_let_go(connection: socket.socket, waiting: _Waiting) -> bool:
    """True once the chief releases this worker; False if it is gone or not a chief.

    Raises:
      InputError: the chief refuses this worker.
    """
    connection.settimeout(_PAUSE)
    answer = b""
    while not answer.endswith(b"\n"):
        try:
            part = connection.recv(_MOST)
        except TimeoutError:
            waiting.for_the_chief()
            continue
        if not part or len(answer) > _MOST:
            return False
        answer += part
    if answer == _GO:
        return True
    try:
        problem = json.loads(answer)
    except ValueError:
        return False
    if isinstance(problem, str):
        raise InputError(problem)
    return False

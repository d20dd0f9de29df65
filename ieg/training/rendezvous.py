"""Workers meet before TensorFlow starts, which waits for the others in silence and deaf to signals.

The chief listens at its address until every other worker has come, has been given the same
addresses, and answers at its own when the chief calls back. Then it lets all go, and TensorFlow's
servers take over the addresses.
"""

import contextlib
import json
import logging
import socket
import time

from ieg.errors import InputError, TrainingStopped
from ieg.training.cluster import Cluster, host_and_port

#: Seconds: to wait for the others at all, as long as a scheduler may take to find machines; until
#: a first line says for whom; until the next; for one answer; between two calls.
PATIENCE, _FIRST_LINE, _NEXT_LINE, _ANSWER, _PAUSE = 1800.0, 30.0, 120.0, 5.0, 0.5

_GO = b"go\n"
_MOST = 2**16  # bytes of a greeting; whoever sends more is no worker


def meet(cluster: Cluster, patience: float = PATIENCE) -> None:
    """Returns when all workers are there; each of them calls it.

    Args:
      cluster: the workers, of which this process is one.
      patience: seconds after which it gives up.
    Raises:
      InputError: the port of this worker is taken, or not to be had; or the workers were given
        different addresses.
      TrainingStopped: somebody is missing after that time.
    """
    with _listen(cluster) as listener:
        waiting = _Waiting(cluster, patience)
        if cluster.place == 0:
            _gather(cluster, listener, waiting)
        else:
            _join(cluster, waiting)


class _Waiting:
    """Says from time to time who is missing, and gives up at last."""

    def __init__(self, cluster: Cluster, patience: float) -> None:
        self._cluster, self._patience = cluster, patience
        self._begin = time.monotonic()
        self._next_line = _FIRST_LINE

    def for_workers(self, places: list[int]) -> None:
        named = ", ".join(f"worker {p} at {self._cluster.addresses[p]}" for p in places)
        self._waits(named)

    def for_the_chief(self) -> None:
        self._waits(f"the word of worker 0 at {self._cluster.addresses[0]}, who waits for others")

    def _waits(self, whom: str) -> None:
        waited = time.monotonic() - self._begin
        me = f"worker {self._cluster.place}"
        if waited > self._patience:
            raise TrainingStopped(
                f"{me} has waited {waited:.0f} s for {whom}; start all of them with the same "
                "addresses, which each must be able to reach"
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
            f"worker {cluster.place} cannot listen at {address}: {error.strerror}; name a free "
            "port in TF_CONFIG, the same for all workers"
        ) from None


def _gather(cluster: Cluster, listener: socket.socket, waiting: _Waiting) -> None:
    """The chief's part."""
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
                    here[place] = connection  # of one that was started again the new one counts
                else:
                    connection.close()
            # Who is gone while others are waited for has to come again.
            for place in [place for place, found in here.items() if _is_closed(found)]:
                here.pop(place).close()
        for connection in here.values():
            with contextlib.suppress(OSError):
                connection.sendall(_GO)


def _greeted(cluster: Cluster, connection: socket.socket) -> int | None:
    """The place of the worker that has called; None for whoever is none.

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
            f"{', '.join(cluster.addresses)}; give all of them the same cluster"
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
    """The part of every other worker."""
    greeting = {"place": cluster.place, "addresses": cluster.addresses}
    chief = host_and_port(cluster.addresses[0])
    while True:
        waiting.for_workers([0])
        # An earlier run that is still ending may answer there, or a name not be known yet.
        with (
            contextlib.suppress(OSError),
            socket.create_connection(chief, _ANSWER) as connection,
        ):
            connection.sendall(json.dumps(greeting).encode() + b"\n")
            if _is_let_go(connection, waiting):
                return
        time.sleep(_PAUSE)


def _is_let_go(connection: socket.socket, waiting: _Waiting) -> bool:
    """Whether the chief says so; False when it is gone or is no chief.

    Raises:
      InputError: the chief's refusal.
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

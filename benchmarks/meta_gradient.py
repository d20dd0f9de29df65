"""Cost of an exact meta-gradient, as a ratio to a plain training step in the same run.

    python -m benchmarks.meta_gradient --network=cnn --network=resnet32 --batch=64

Six steps of the same network, batch and probe batch: plain training, and L2R with forward mode,
with nested tapes, with forward mode in separate passes (--meta_low_memory), and with a look-ahead
of the last stage or of the classifier alone. Times are medians over interleaved rounds, so that a
slow spell of the machine affects all alike. Peak memory is that of a process of its own for each,
minus the memory of the same process before its first step; beside it stands the memory of tensors,
as TensorFlow counts it. The rest is the program: the graph, its optimized form, and gaps.

Counted in convolutions per layer a plain step is 3 (forward 1, backward 2) and an exact forward
step 8 (probe 3, forward 1, tangent 2, backward 2), so 8/3 = 2.67 is the arithmetic; kept apart,
tangents and training loss have a forward pass each: 9/3. Where a share s of the network looks ahead
it is probe 1 + 2 s, tangents 2 s and 3: 16/9 = 1.78 for one of three stages of equal cost.

`--peer=torch` then times L2R in PyTorch on the same networks, beside PyTorch's own plain step, with
`higher` and by hand: `pip install -e '.[peer]'`.
"""

import argparse
import importlib.util
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import ieg.quiet  # noqa: F401

import tensorflow as tf

from benchmarks.steps import NETWORKS, alone, interleaved, make_step, peak_bytes
from benchmarks.tables import print_table
from ieg.errors import InputError, as_flag, spelled
from ieg.training import devices

#: Row of a table → (network, batch size) → a step of it, to be timed.
Rows = Mapping[str, Callable[[str, int], Callable[[], None]]]

#: The first is the plain step.
ROWS: Rows = {
    "plain": partial(make_step, "supervised", {}),
    "forward": partial(make_step, "l2r", {"meta_gradient": "forward"}),
    "nested": partial(make_step, "l2r", {"meta_gradient": "nested"}),
    "low memory": partial(make_step, "l2r", {"meta_gradient": "forward", "meta_low_memory": True}),
    "last stage": partial(make_step, "l2r", {"meta_gradient": "forward", "meta_partial_level": 1}),
    "classifier only": partial(
        make_step, "l2r", {"meta_gradient": "forward", "meta_partial_level": 0}
    ),
}


def main(argv: Sequence[str]) -> int:
    """Print one table per network, and one of its peer; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", action="append", choices=NETWORKS)
    parser.add_argument("--batch", type=int, default=64, help="training and probe batch")
    parser.add_argument("--rounds", type=int, default=15, help="rounds that are timed")
    parser.add_argument("--deterministic", action="store_true", help="as training on CPUs is")
    parser.add_argument("--peer", choices=["torch"], help="L2R in another library, beside it")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    names = arguments.network or ["cnn", "resnet32"]
    try:
        peer = _peer(names) if arguments.peer else {}
    except InputError as error:
        print(f"error: {spelled(str(error), as_flag)}", file=sys.stderr)
        return 2
    devices.make_deterministic(arguments.deterministic)
    tf.get_logger().setLevel("ERROR")  # functions of one name look like needless retracing
    if arguments.memory_of is not None:
        step = (peer or ROWS)[arguments.memory_of](names[0], arguments.batch)
        needed, tensors = peak_bytes(step)
        print(json.dumps([needed, None if peer else tensors]))
        return 0
    exact = "deterministic" if arguments.deterministic else "not deterministic"
    flags = ["--deterministic"] if arguments.deterministic else []
    for name in names:
        size = f"{name}, batch {arguments.batch} + probe {arguments.batch}"
        _measure(f"{size}, {exact}", ROWS, name, arguments, flags)
        if peer:
            _measure(f"{size}, {arguments.peer}", peer, name, arguments, ["--peer=torch"])
    return 0


def _peer(names: Sequence[str]) -> Rows:
    """Rows in PyTorch.

    Raises:
      InputError: a package is not installed, or a network has no counterpart in PyTorch.
    """
    missing = [name for name in ("torch", "higher") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"--peer=torch needs {' and '.join(missing)}, not installed: pip install -e '.[peer]'"
        )
    from benchmarks import torch_networks, torch_peer

    for name in names:
        torch_networks.require(name)
    return torch_peer.ROWS


def _measure(
    title: str, rows: Rows, network: str, arguments: argparse.Namespace, flags: list[str]
) -> None:
    steps = [row(network, arguments.batch) for row in rows.values()]
    seconds = interleaved(steps, arguments.rounds)
    flags = [f"--network={network}", f"--batch={arguments.batch}", *flags]
    peaks = [alone("benchmarks.meta_gradient", *flags, f"--memory-of={row}") for row in rows]
    lines = [
        [row, f"{1000 * taken:.1f}", f"{taken / seconds[0]:.2f}", *map(_megabytes, peak)]
        for row, taken, peak in zip(rows, seconds, peaks, strict=True)
    ]
    titles = ["step", "ms", "ratio to plain", "peak memory MB", "of tensors MB"]
    print_table(titles, lines, title)


def _megabytes(count: int | None) -> str:
    return "" if count is None else f"{count / 2**20:.0f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What an exact meta-gradient costs, as a ratio to a plain training step in the same run.

    python -m benchmarks.meta_gradient --network=cnn --network=resnet32 --batch=64

Five steps of the same network, batch and probe batch: plain training, L2R with the look-ahead
differentiated forward, with nested tapes, forward in passes that are kept apart
(--meta_low_memory), and with the classifier alone taking the look-ahead.
Their times are medians over interleaved rounds, so that a slow spell of the machine hits all alike.
Peak memory is that of a process of its own for each, minus the same process before its first step.

Counted in convolutions per layer a plain step is 3 (forward 1, backward 2) and an exact forward
step 8 (probe 3, forward 1, tangent 2, backward 2), so 8/3 = 2.67 is the arithmetic; kept apart,
tangents and training loss have a forward pass each: 9/3.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ieg.quiet  # noqa: F401

import tensorflow as tf

from benchmarks.steps import NETWORKS, interleaved, make_step, peak_bytes
from benchmarks.tables import print_table
from ieg.training import devices


@dataclass(frozen=True)
class Variant:
    """One row of the table: a method with its options."""

    title: str
    method: str
    options: dict[str, Any]

    def step(self, network: str, batch_size: int) -> Callable[[], None]:
        """One step of it, to be timed."""
        return make_step(self.method, self.options, network, batch_size)


VARIANTS = (
    Variant("plain", "supervised", {}),
    Variant("forward", "l2r", {"meta_gradient": "forward"}),
    Variant("nested", "l2r", {"meta_gradient": "nested"}),
    Variant("low memory", "l2r", {"meta_gradient": "forward", "meta_low_memory": True}),
    Variant("classifier only", "l2r", {"meta_gradient": "forward", "meta_partial_level": 0}),
)


def main(argv: Sequence[str]) -> int:
    """Prints one table per network; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", action="append", choices=NETWORKS)
    parser.add_argument("--batch", type=int, default=64, help="training and probe batch")
    parser.add_argument("--rounds", type=int, default=15, help="rounds that are timed")
    parser.add_argument("--deterministic", action="store_true", help="as training on CPUs is")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    devices.make_deterministic(arguments.deterministic)
    tf.get_logger().setLevel("ERROR")  # functions of one name look like needless retracing
    names = arguments.network or ["cnn", "resnet32"]
    if arguments.memory_of is not None:
        step = VARIANTS[arguments.memory_of].step(names[0], arguments.batch)
        print(json.dumps(peak_bytes(step)))
        return 0
    for name in names:
        steps = [variant.step(name, arguments.batch) for variant in VARIANTS]
        seconds = interleaved(steps, arguments.rounds)
        peaks = [_memory_of(i, name, arguments) for i in range(len(VARIANTS))]
        _print(name, arguments, seconds, peaks)
    return 0


def _memory_of(index: int, name: str, arguments: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "benchmarks.meta_gradient", f"--network={name}"]
    command += [f"--batch={arguments.batch}", f"--memory-of={index}"]
    command += ["--deterministic"] if arguments.deterministic else []
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(json.loads(printed))


def _print(
    name: str, arguments: argparse.Namespace, seconds: list[float], peaks: list[int]
) -> None:
    exact = "deterministic" if arguments.deterministic else "not deterministic"
    rows = [
        [variant.title, f"{1000 * t:.1f}", f"{t / seconds[0]:.2f}", f"{peak / 2**20:.0f}"]
        for variant, t, peak in zip(VARIANTS, seconds, peaks, strict=True)
    ]
    caption = f"{name}, batch {arguments.batch} + probe {arguments.batch}, {exact}"
    print_table(["step", "ms", "ratio to plain", "peak memory MB"], rows, caption)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

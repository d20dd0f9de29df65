"""What an exact meta-gradient costs, as a ratio to a plain training step in the same run.

    python -m benchmarks.meta_gradient --network=cnn --network=resnet32 --batch=64

Four steps of the same network, batch and probe batch: plain training, L2R with the look-ahead
differentiated forward, with nested tapes, and with the classifier alone taking the look-ahead.
Their times are medians over interleaved rounds, so that a slow spell of the machine hits all alike.
Peak memory is that of a process of its own for each, minus the same process before its first step.

Counted in convolutions per layer a plain step is 3 (forward 1, backward 2) and an exact forward
step 8 (probe 3, forward 1, tangent 2, backward 2), so 8/3 = 2.67 is the arithmetic.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ieg.quiet  # noqa: F401

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from ieg import memory, networks
from ieg.data.pipeline import Batch, Probe
from ieg.methods import REGISTRY as METHODS
from ieg.methods import Context, StepState
from ieg.networks import parts
from ieg.training import devices


@dataclass(frozen=True)
class Variant:
    """One row of the table: a method with its options."""

    title: str
    method: str
    options: dict[str, Any]


VARIANTS = (
    Variant("plain", "supervised", {}),
    Variant("forward", "l2r", {"meta_gradient": "forward"}),
    Variant("nested", "l2r", {"meta_gradient": "nested"}),
    Variant("classifier only", "l2r", {"meta_gradient": "forward", "meta_partial_level": 0}),
)
_SHAPES = {"cnn": (8, 8, 1)}
_CLASSES = 10


def main(argv: Sequence[str]) -> int:
    """Prints one table per network; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", action="append", choices=networks.REGISTRY.names())
    parser.add_argument("--batch", type=int, default=64, help="training and probe batch")
    parser.add_argument("--rounds", type=int, default=15, help="rounds that are timed")
    parser.add_argument("--deterministic", action="store_true", help="as training on CPUs is")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    devices.make_deterministic(arguments.deterministic)
    tf.get_logger().setLevel("ERROR")  # four functions of one name look like needless retracing
    names = arguments.network or ["cnn", "resnet32"]
    if arguments.memory_of is not None:
        variant = VARIANTS[arguments.memory_of]
        print(json.dumps(_peak_bytes(make_step(variant, names[0], arguments.batch))))
        return 0
    for name in names:
        steps = [make_step(variant, name, arguments.batch) for variant in VARIANTS]
        seconds = _interleaved(steps, arguments.rounds)
        peaks = [_memory_of(i, name, arguments) for i in range(len(VARIANTS))]
        _print(name, arguments, seconds, peaks)
    return 0


def make_step(variant: Variant, name: str, batch_size: int) -> Callable[[], None]:
    """A compiled step that ends with the gradients, without update: that is the same for all."""
    shape = _SHAPES.get(name, (32, 32, 3))
    model = networks.create(name, shape, _CLASSES)
    method_class = METHODS.get(variant.method)
    entry = networks.REGISTRY.get(name)
    context = Context(
        model=model,
        num_classes=_CLASSES,
        num_examples=batch_size,
        steps_per_epoch=1,
        decay=entry.train_decay(model, entry.weight_decay),
        probe_decay=parts.weight_decay(model, entry.weight_decay),
        label_smoothing=0.0,
        seed=0,
    )
    method = method_class(method_class.Options(**variant.options), context)
    batch = _batch(shape, batch_size)
    params = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]

    @tf.function
    def step(batch: Batch) -> Any:
        values = [tf.convert_to_tensor(v) for v in params]
        state = StepState(
            step=tf.constant(0, tf.int64),
            learning_rate=tf.constant(0.1),
            params=values,
            network_state=[tf.convert_to_tensor(v) for v in others],
            buffers=[tf.zeros_like(v) for v in values],
            variables={},
        )
        output = method.step(batch, state, method.variant(0))
        return output.gradients, output.network_state, output.loss

    def run() -> None:
        step(batch)[2].numpy()

    return run


def _batch(shape: tuple[int, int, int], size: int) -> Batch:
    rng = np.random.default_rng(0)

    def images() -> tf.Tensor:
        return tf.constant(rng.uniform(-1, 1, (size, *shape)), tf.float32)

    def labels() -> tf.Tensor:
        return tf.constant(rng.integers(0, _CLASSES, size), tf.int32)

    return Batch(
        index=tf.range(size),
        image=images(),
        label=labels(),
        true_label=labels(),
        probe=Probe(images(), labels()),
    )


def _interleaved(steps: list[Callable[[], None]], rounds: int) -> list[float]:
    """Median seconds of each step; two rounds before them warm up."""
    seconds: list[list[float]] = [[] for _ in steps]
    for turn in range(rounds + 2):
        for step, times in zip(steps, seconds, strict=True):
            start = time.perf_counter()
            step()
            if turn >= 2:
                times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in seconds]


def _peak_bytes(step: Callable[[], None]) -> int:
    before = memory.peak_bytes()
    for _ in range(3):
        step()
    return memory.peak_bytes() - before


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
    table = Table(
        "step",
        "ms",
        "ratio to plain",
        "peak memory MB",
        title=f"{name}, batch {arguments.batch} + probe {arguments.batch}, {exact}",
    )
    for variant, time_taken, peak in zip(VARIANTS, seconds, peaks, strict=True):
        table.add_row(
            variant.title,
            f"{1000 * time_taken:.1f}",
            f"{time_taken / seconds[0]:.2f}",
            f"{peak / 2**20:.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

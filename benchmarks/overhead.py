"""Overhead of the training loop, and its waiting for data.

    python -m benchmarks.overhead --network=resnet29 --method=supervised

Trains on an archive of random images in CIFAR-10's layout and size as `python -m ieg.main` does,
with default logging, batches and --steps_per_execution but without evaluations and checkpoints. It
takes turns with a bare loop that calls one compiled step again and again on one batch, and reads
the loss at the end. The additional time of the trainer's loop is its overhead, which includes
batches that the same two cores prepare. Waiting is the share of the trainer's time before the next
batches are ready.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import ieg.quiet  # noqa: F401

import tensorflow as tf
from rich.console import Console

from benchmarks.startup import write_archive
from benchmarks.steps import whole_step
from benchmarks.tables import print_table
from ieg import config, experiment
from ieg.data.pipeline import Pipeline
from ieg.methods import REGISTRY as METHODS
from ieg.training.trainer import Plan

_RATE = 0.01


def main(argv: Sequence[str]) -> int:
    """Print overhead and waiting for each method; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", default="resnet29")
    parser.add_argument("--method", action="append", choices=METHODS.names(), help="default: two")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20, help="of each turn")
    parser.add_argument("--turns", type=int, default=25, help="that are timed")
    arguments = parser.parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_archive(Path(folder))
        for method in arguments.method or ["supervised", "l2r"]:
            rows.append([method, *_measure(folder, method, arguments)])
    titles = ["method", "ms in the bare loop", "ms in the trainer's loop", "overhead", "waiting"]
    print_table(titles, rows, f"a step of {arguments.network}, batch {arguments.batch}")
    return 0


def _measure(folder: str, method: str, arguments: argparse.Namespace) -> list[str]:
    typed: dict[str, Any] = {
        "dataset": "cifar10_uniform_0.4",
        "dataset_dir": folder,
        "method": method,
        "network_name": arguments.network,
        "batch_size": arguments.batch,
        "learning_rate": _RATE,
        "checkpoint_path": f"{folder}/runs",
    }
    if method == "l2r":
        typed["l2r_warmup_epochs"] = 0
    built = experiment.build(config.resolve(typed))
    pipeline = _Watched(built.pipeline)
    turns = _Turns(built, pipeline, arguments.steps)
    # The first turn warms up: the step is traced, and buffers are filled.
    ends = [arguments.steps * (k + 1) for k in range(arguments.turns + 1)]
    trainer = replace(built, pipeline=cast(Any, pipeline)).trainer(
        Plan(last_step=ends[-1], evaluate_after=frozenset(ends)),
        Console(quiet=True),
        evaluate=turns.stop,
        saved=turns.bare,
    )
    trainer.run()
    return turns.summary()


class _Watched:
    """Pipeline that measures the waiting for its batches."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.waited = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def batches(self, *args: Any, **options: Any) -> Iterator[Any]:
        blocks = iter(self._pipeline.batches(*args, **options))
        while True:
            start = time.perf_counter()
            block = next(blocks, None)
            self.waited += time.perf_counter() - start
            if block is None:
                return
            yield block


class _Turns:
    """Callbacks of the trainer that stop its clock and run a turn of the bare loop."""

    def __init__(self, built: experiment.Experiment, pipeline: _Watched, steps: int) -> None:
        (block,) = pipeline.batches(built.strategy, 0, 1, block=1)
        batch = tf.nest.map_structure(lambda x: None if x is None else x[0], block)
        self._step = whole_step(built, batch, number=0, rate=_RATE)
        self._step().numpy()
        self._pipeline, self._steps = pipeline, steps
        self._trainer, self._bare, self._waited = list[float](), list[float](), list[float]()
        self._start = time.perf_counter()

    def stop(self, *_: Any) -> None:
        self._trainer.append(time.perf_counter() - self._start)
        self._waited.append(self._pipeline.waited)

    def bare(self, _: int) -> None:
        start = time.perf_counter()
        for _ in range(self._steps):
            loss = self._step()
        loss.numpy()
        self._start = time.perf_counter()
        self._bare.append(self._start - start)
        self._pipeline.waited = 0.0

    def summary(self) -> list[str]:
        """Medians over all turns but the first; overhead compares two successive turns."""
        bare, trainer, waited = self._bare[1:], self._trainer[1:], self._waited[1:]
        milliseconds = [1000 * statistics.median(times) / self._steps for times in (bare, trainer)]
        overhead = statistics.median(t / b for t, b in zip(trainer, bare, strict=True)) - 1
        waiting = sum(waited) / sum(trainer)
        return [*(f"{t:.1f}" for t in milliseconds), f"{overhead:+.1%}", f"{waiting:.1%}"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Where the time of a training step goes, on one core.

    python -m benchmarks.profile --network=cnn4 --network=resnet20 --method=l2r

Builds each step as `python -m ieg.main` does for CIFAR-10, on an archive of random images, with the
update, the average of the weights and the records per example, and as many clean as training
images, in a process of its own that may use one core: with several, operations wait for each other.
TensorFlow's profiler adds up the time of each kind of operation. Beside the step stand the time to
prepare its batch, and what the step takes without determinism.
"""

import argparse
import collections
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ieg.quiet  # noqa: F401

import tensorflow as tf

from benchmarks.startup import write_archive
from benchmarks.steps import LATE, alone, interleaved, whole_step
from benchmarks.tables import print_table
from ieg import config, experiment
from ieg.methods import REGISTRY as METHODS
from ieg.networks import precision

_PROFILED = 5
#: Kind of operation → parts of the names of TensorFlow's kernels.
_KINDS = {
    "convolutions": ("Conv2D",),
    "batch norm": ("FusedBatchNorm",),
}


def main(argv: Sequence[str]) -> int:
    """Print a table per network; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", action="append", help="default: cnn4, resnet20")
    parser.add_argument("--method", action="append", choices=METHODS.names(), help="default: four")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=9, help="steps that are timed")
    parser.add_argument("--precision", default="float32", choices=precision.NAMES)
    parser.add_argument("--data", help=argparse.SUPPRESS)
    parser.add_argument("--nodeterministic", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.data:
        print(json.dumps(_measure(arguments)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        write_archive(Path(folder))
        for network in arguments.network or ["cnn4", "resnet20"]:
            _table(network, folder, arguments)
    return 0


def _table(network: str, folder: str, arguments: argparse.Namespace) -> None:
    titles = ["step", "ms", *_KINDS, "rest", "step / convolutions", "ms of its batch"]
    lines = []
    for method in arguments.method or ["supervised", "l2r", "ieg", "fsr"]:
        words = [f"--data={folder}", f"--network={network}", f"--method={method}"]
        words += [f"--batch={arguments.batch}", f"--rounds={arguments.rounds}"]
        words += [f"--precision={arguments.precision}"]
        found = alone("benchmarks.profile", *words)
        free = alone("benchmarks.profile", *words, "--nodeterministic")
        spent = [found["spent"][kind] for kind in _KINDS]
        rest = found["step"] - sum(spent)
        ratio = found["step"] / found["spent"]["convolutions"]
        milliseconds = [f"{1000 * t:.1f}" for t in (found["step"], *spent, rest)]
        cost = found["step"] / free["step"] - 1
        lines.append(
            [method, *milliseconds, f"{ratio:.2f}", f"{1000 * found['batch']:.1f}", f"{cost:+.1%}"]
        )
    caption = f"{network}, {arguments.precision}, batch {arguments.batch}, one core"
    print_table([*titles, "determinism"], lines, caption)


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds of a step, of its kinds of operations, and of the preparation of a batch."""
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    (network,), (method,) = arguments.network, arguments.method
    typed = {
        "dataset": "cifar10_uniform_0.4",
        "dataset_dir": arguments.data,
        "checkpoint_path": f"{arguments.data}/runs",
        "method": method,
        "network_name": network,
        "batch_size": arguments.batch,
        "precision": arguments.precision,
        "deterministic": not arguments.nodeterministic,
    }
    if METHODS.get(method).needs.probe:
        typed["probe_batch_size"] = arguments.batch
    built = experiment.build(config.resolve(typed))
    plan = built.method.plan(0, built.state.method_variables)
    blocks = iter(built.pipeline.batches(built.strategy, 0, arguments.rounds + 30, plan, block=1))
    taken = []
    for _ in range(arguments.rounds + 20):  # more than are prepared ahead
        start = time.perf_counter()
        block = next(blocks)
        taken.append(time.perf_counter() - start)
    batch = tf.nest.map_structure(lambda x: None if x is None else x[0], block)
    started = whole_step(built, batch, number=LATE, rate=0.0)

    def step() -> None:
        started().numpy()

    return {
        "step": interleaved([step], arguments.rounds)[0],
        "batch": statistics.mean(taken[20:]),
        "spent": spent(step),
    }


def spent(step: Callable[[], None]) -> dict[str, float]:
    """Seconds that the kinds of operations take in one step."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(_PROFILED):
                step()
        (file,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
    seconds: collections.Counter[str] = collections.Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            _, _, kernel = plane.event_metadata[event.metadata_id].name.rpartition(":")
            for kind, names in _KINDS.items():
                if any(name in kernel for name in names):
                    seconds[kind] += event.duration_ps / 1e12 / _PROFILED
    return {kind: seconds[kind] for kind in _KINDS}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Growth of cost with the batch size, and with the number of training examples.

    python -m benchmarks.scaling --network=resnet29

The first table has one step of supervised training, L2R and FSR with growing batches, each in a
process of its own: milliseconds, milliseconds per image, and peak memory minus that before the
first step. The second has the tables that a run keeps for 10^4 to 10^6 examples (the ledger, and a
method's values per example), without images. A step touches only the rows of its batch, so its time
must not grow; memory and checkpoint grow with the examples.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ieg.quiet  # noqa: F401

import numpy as np
import tensorflow as tf

from benchmarks.steps import NETWORKS, alone, interleaved, make_method, make_step, peak_bytes
from benchmarks.tables import print_table
from ieg.training.ledger import Ledger
from ieg.training.step import COMMON_COLUMNS

_METHODS: dict[str, dict[str, Any]] = {
    "supervised": {},
    "l2r": {},
    "l2r, --meta_low_memory": {"meta_low_memory": True},
    "fsr": {},
}
_EXAMPLES = (10**4, 10**5, 10**6)
_ROWS_OF_A_STEP = 100


def main(argv: Sequence[str]) -> int:
    """Print both tables; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", default="resnet29", choices=NETWORKS)
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 64, 128, 256])
    parser.add_argument("--rounds", type=int, default=5, help="rounds that are timed")
    parser.add_argument("--row", choices=_METHODS, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    tf.get_logger().setLevel("ERROR")  # functions of one name look like needless retracing
    if arguments.row:
        step = _step(arguments.row, arguments.network, arguments.batch[0])
        needed, _ = peak_bytes(step)
        print(json.dumps([needed, *interleaved([step], arguments.rounds)]))
        return 0
    _by_batch(arguments)
    _by_examples()
    return 0


def _step(row: str, network: str, batch: int) -> Any:
    method, options = row.split(",")[0], _METHODS[row]
    # As published, FSR's dictionary gives twice the batch.
    dictionary = {"queue_bs": 2 * batch, "queue_capacity": batch} if method == "fsr" else {}
    return make_step(method, options | dictionary, network, batch)


def _by_batch(arguments: argparse.Namespace) -> None:
    lines = []
    shared = [f"--network={arguments.network}", f"--rounds={arguments.rounds}"]
    for row in _METHODS:
        for batch in arguments.batch:
            flags = [*shared, f"--row={row}", f"--batch={batch}"]
            peak, seconds = alone("benchmarks.scaling", *flags)
            times = [f"{1000 * seconds:,.0f}", f"{1000 * seconds / batch:.2f}"]
            lines.append([row, str(batch), *times, f"{peak / 2**20:,.0f}"])
    titles = ["step", "batch", "ms", "ms per image", "peak memory MB"]
    print_table(titles, lines, f"{arguments.network}")


def _by_examples() -> None:
    lines = []
    for count in _EXAMPLES:
        # An interval makes it remember weights too.
        options = {"meta_interval": 2}
        method = make_method("fsr", options, "cnn", _ROWS_OF_A_STEP, count)
        ledger = Ledger(count, COMMON_COLUMNS + method.per_example)
        checkpoint = tf.train.Checkpoint(ledger=ledger, method=method.init_state())
        step = make_step("fsr", options, "cnn", _ROWS_OF_A_STEP, count)
        seconds = interleaved([_recording(ledger, count), step], rounds=200)
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            path = checkpoint.write(f"{folder}/kept")
            saving = time.perf_counter() - start
            size = sum(file.stat().st_size for file in Path(path).parent.iterdir())
        start = time.perf_counter()
        ledger.read()
        reading = time.perf_counter() - start
        times = [f"{1000 * t:.2f}" for t in seconds]
        sizes = [f"{size / count:.0f}", f"{size / 1e6:.1f}"]
        waits = [f"{1000 * t:.0f}" for t in (saving, reading)]
        lines.append([f"{count:,}", *times, *sizes, *waits])
    titles = ["examples", "ms to record a step", "ms for the step", "bytes per example"]
    titles += ["MB in all", "ms to save", "ms to read for the audit"]
    caption = f"what is kept of each example with FSR: steps of {_ROWS_OF_A_STEP} with cnn"
    print_table(titles, lines, caption)


def _recording(ledger: Ledger, count: int) -> Callable[[], None]:
    rows = np.random.default_rng(0).choice(count, _ROWS_OF_A_STEP, replace=False)
    index = tf.constant(rows, tf.int32)
    values = {column: tf.ones([_ROWS_OF_A_STEP]) for column in ledger.columns}
    record = tf.function(ledger.record)
    return lambda: record(index, values)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Start-up time and memory of a list of 100,000 image files, and their growth over epochs.

    python -m benchmarks.image_list [--table] [--images=1000000] [--epochs=0]

Writes 40 JPEGs of 64x48 pixels to a temporary folder, and 100,000 different paths to them (hard
links in 50 class folders), with a table of these for --table. Measures in one process the data set
and the pipeline up to its first batch; then passes over the index alone, to see the cost of the
order of an epoch; then passes over a part of the steps with files decoded, for which the pipeline
begins anew each time, as it does for a method that works between epochs.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import ieg.quiet  # noqa: F401

import numpy as np
import tensorflow as tf

from ieg import memory
from ieg.data.dataset import prepare
from ieg.data.pipeline import Pipeline
from ieg.data.settings import DataSettings

_CLASSES, _DISTINCT, _BATCH, _SIDE = 50, 40, 100, 32


def main(argv: Sequence[str]) -> int:
    """Print seconds and megabytes; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--table", action="store_true", help="read a table, not the folder")
    parser.add_argument("--folder", type=Path, help="to keep the files in; for another run too")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50, help="with files decoded, per epoch")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.folder or Path(temporary)
        if not (root / "labels.csv").exists():
            write_tree(root, arguments.images)
        name = f"csv:{root / 'labels.csv'}" if arguments.table else f"folder:{root}"
        _measure(name, arguments.epochs, arguments.steps)
    return 0


def write_tree(root: Path, count: int) -> None:
    """Write `root/train/<class>/<number>.jpg`, a few test images and labels.csv, as hard links."""
    rng = np.random.default_rng(0)
    root.mkdir(parents=True, exist_ok=True)
    for number in range(_DISTINCT):
        pixels = tf.image.resize(rng.uniform(0, 255, (6, 8, 3)), [48, 64], "bicubic")
        encoded = tf.io.encode_jpeg(tf.cast(tf.clip_by_value(pixels, 0, 255), tf.uint8))
        (root / f"source{number}.jpg").write_bytes(encoded.numpy())
    lines = ["path,label,split"]
    for split, size in (("train", count), ("test", 10 * _CLASSES)):
        for label in range(_CLASSES):
            (root / split / f"class{label:02d}").mkdir(parents=True)
        for number in range(size):
            label_name = f"class{number % _CLASSES:02d}"
            name = f"{split}/{label_name}/{number:07d}.jpg"
            os.link(root / f"source{number % _DISTINCT}.jpg", root / name)
            lines.append(f"{name},{label_name},{split}")
    (root / "labels.csv").write_text("\n".join(lines))


def _measure(name: str, epochs: int, steps: int) -> None:
    print(f"before: {_resident():.0f} MB")
    start = time.perf_counter()
    dataset = prepare(DataSettings(name, image_size=_SIDE), seed=1)
    print(
        f"{len(dataset.train.labels):,} files listed in {time.perf_counter() - start:.1f} s: "
        f"{_resident():.0f} MB"
    )
    start = time.perf_counter()
    pipeline = Pipeline(dataset, batch_size=_BATCH, seed=1)
    strategy = tf.distribute.get_strategy()
    next(pipeline.batches(strategy, 0, 1))
    peak = (memory.peak_bytes() or 0) / 2**20
    print(
        f"first batch after {time.perf_counter() - start:.1f} s: {_resident():.0f} MB, so far at "
        f"most {peak:.0f} MB"
    )
    indices = tf.function(pipeline.sampler)
    for epoch in range(epochs):
        start = time.perf_counter()
        first = epoch * pipeline.steps_per_epoch
        for step in range(first, first + pipeline.steps_per_epoch):
            indices(tf.constant(step, tf.int64))
        seconds = time.perf_counter() - start
        print(f"indices of epoch {epoch}: {seconds:.1f} s, {_resident():.0f} MB")
    for epoch in range(epochs):
        start = time.perf_counter()
        first = epoch * pipeline.steps_per_epoch
        for _ in pipeline.batches(strategy, first, first + steps):
            pass
        rate = steps * _BATCH / (time.perf_counter() - start)
        print(f"{steps} steps of epoch {epoch}: {rate:,.0f} images/s, {_resident():.0f} MB")


def _resident() -> float:
    """Resident memory of this process in megabytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

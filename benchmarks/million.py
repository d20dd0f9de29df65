"""Time and memory of embedding in shards, merging, audit and head, from 10^4 to 10^6 images.

    python -m benchmarks.million [--rows 10000 100000 1000000] [--folder=runs/million]

Features are made up, float16 around one center for each of ten classes, and a fifth of the labels
is wrong. Each stage is a process of its own: two that write half of the shards each, as
`--mode=embed --shard=i/2` does behind a backbone; one that merges them and audits the labels; one
that merges them and trains a linear head for an epoch. What is finished is not repeated. A million
images take 13 GB of disk, of which 8 GB only while a stage runs.

Memory is that of the process itself, without pages of mapped files, which the system takes back
when it needs room.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ieg.quiet  # noqa: F401

import keras
import numpy as np
from rich.console import Console

from benchmarks.tables import print_table
from ieg import audit, config
from ieg.backbones import Backbone, Card
from ieg.classifier.training import train
from ieg.data.sources import Source, SourceEntry, Split
from ieg.experiment import Experiment, build
from ieg.features import CachedImages, FeatureStore, Views, shards
from ieg.features.parts import Note, complete
from ieg.features.preset import SETTINGS
from ieg.features.shards import Shard
from ieg.features.standardization import Standardization
from ieg.features.store import SHARD_IMAGES
from ieg.report import judgment

_DIM, _CLASSES, _WRONG = 1280, 10, 0.2
_DISTANCE = 6.0  # between two centers, in standard deviations
_TESTED = 20  # one image of so many
_PARTS = 2
_VIEWS = Views()


class Numbered:
    """Images that are known by their numbers alone."""

    def __init__(self, count: int) -> None:
        self.keys = [hashlib.sha256(str(i).encode()).digest() for i in range(count)]

    def __len__(self) -> int:
        return len(self.keys)

    def damaged(self) -> None:
        """None: there are no files."""

    def digest(self) -> str:
        """Digest of their keys in order."""
        return hashlib.sha256(b"".join(self.keys)).hexdigest()


def main(argv: Sequence[str]) -> int:
    """Run what is not finished, print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10**4, 10**5, 10**6])
    parser.add_argument("--folder", type=Path, default=Path("runs/million"))
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.stage:
        (count,) = arguments.rows
        measured(STAGES[arguments.stage], arguments.folder, count, arguments.stage)
        return 0
    for count in arguments.rows:
        folder = arguments.folder / str(count)
        folder.mkdir(parents=True, exist_ok=True)
        for stage in STAGES:
            if not (folder / f"{stage}.json").exists():
                flags = [f"--rows={count}", f"--folder={folder}", f"--stage={stage}"]
                subprocess.run([sys.executable, "-m", "benchmarks.million", *flags], check=True)
    _print(arguments.folder, arguments.rows)
    return 0


def _print(folder: Path, sizes: Sequence[int]) -> None:
    rows = []
    for count in sizes:
        for stage in STAGES:
            found = json.loads((folder / str(count) / f"{stage}.json").read_text())
            more = [f"{name} {value:,.4g}" for name, value in found["result"].items()]
            peak = f"{found['peak'] / 2**20:,.0f}"
            times = [f"{found[name]:.1f}" for name in ("seconds", "cpu")]
            rows.append([f"{count:,}", stage, *times, peak, ", ".join(more)])
    print_table(["images", "stage", "seconds", "CPU seconds", "peak MB", ""], rows)


def measured(
    stage: Callable[[Path, int], dict[str, float]], folder: Path, count: int, name: str
) -> None:
    """Run a stage; write its seconds, its seconds of CPU, peak memory and result as JSON."""
    peak, ended = [0], threading.Event()

    def watch() -> None:
        over = False
        while not over:
            over = ended.wait(0.05)
            status = Path("/proc/self/status").read_text()
            own = next(x for x in status.splitlines() if x.startswith("RssAnon:"))
            peak[0] = max(peak[0], 1024 * int(own.split()[1]))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    start = time.perf_counter()
    result = stage(folder, count)
    seconds, used = time.perf_counter() - start, time.process_time()
    ended.set()
    watcher.join()
    found = {"seconds": seconds, "cpu": used, "peak": peak[0], "result": result}
    (folder / f"{name}.json").write_text(json.dumps(found))


def make(folder: Path, count: int) -> dict[str, float]:
    """Write features.npy [n, D] float16, and labels.npy [2, n]: true and given ones."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=[_CLASSES, _DIM]) * _DISTANCE / np.sqrt(2 * _DIM)
    true = rng.integers(_CLASSES, size=count)
    wrong = rng.random(count) < _WRONG
    given = np.where(wrong, (true + rng.integers(1, _CLASSES, count)) % _CLASSES, true)
    shape = (count, _DIM)
    table = np.lib.format.open_memmap(folder / "features.npy", "w+", np.float16, shape)
    for first in range(0, count, 4096):
        some = true[first : first + 4096]
        noise = rng.standard_normal([len(some), _DIM], np.float32)
        table[first : first + 4096] = centers[some] + noise
    np.save(folder / "labels.npy", np.stack([true, given]))
    return {}


def embed(number: int) -> Callable[[Path, int], dict[str, float]]:
    """Stage that writes the shards of one part into a folder of its own."""

    def stage(folder: Path, count: int) -> dict[str, float]:
        table = np.load(folder / "features.npy", mmap_mode="r")
        images = Numbered(count)
        kept = FeatureStore.open(folder / "store" / str(number), _backbone(), _VIEWS)
        begin, end = (count * i // _PARTS for i in (number - 1, number))
        for first in range(begin, end, SHARD_IMAGES):
            some = slice(first, min(first + SHARD_IMAGES, end))
            keys = images.keys[some]
            stacked = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1)
            path = kept.folder / shards.name(keys, kept.definitions)
            shards.write(path, Shard(stacked, kept.definitions, table[some, np.newaxis]))
        Note(number, _PARTS, images.digest(), kept.definitions).write(kept.folder)
        return {}

    return stage


def merged(folder: Path, count: int) -> CachedImages:
    """The features of all parts."""
    images = Numbered(count)
    kept = FeatureStore.merged(folder / "store", _backbone(), _VIEWS)
    complete(kept.folders, images.digest(), kept.definitions)
    return kept.images(images)  # type: ignore[arg-type]


def audit_labels(folder: Path, count: int) -> dict[str, float]:
    """Merge, fit the closed-form head, judge the labels, and find outliers."""
    start = time.perf_counter()
    experiment = build(_config(folder, count, closed_form=True))
    built = time.perf_counter() - start
    dataset = experiment.dataset
    predict = experiment.predictor(experiment.state.evaluated_weights())
    tested = experiment.test(predict)
    logits = predict(dataset.train.inputs[dataset.train_indices])
    judged = judgment.of_run(experiment, logits, tested["confusion"])
    assert isinstance(experiment.features, CachedImages)
    found = audit.find_outliers(experiment.features.table[:, 0], _labels(folder)[1])
    score, wrong = judged.estimate.score, dataset.given_labels != dataset.true_labels
    quality = audit.measure(score, wrong[dataset.train_indices])
    return {
        "merge and head": built,
        "top-1": tested["top1"],
        "AUROC": quality["auroc"] or 0.0,
        "outliers": int(found.outlier.sum()),
    }


def train_head(folder: Path, count: int) -> dict[str, float]:
    """Merge, and train a linear head from random weights for an epoch."""
    start = time.perf_counter()
    settings = _config(folder, count, closed_form=False)
    experiment: Experiment = train(settings, Console(quiet=True), keep=False)
    tested = experiment.test(experiment.predictor(experiment.state.evaluated_weights()))
    rate = experiment.last_step * settings.training.batch_size / (time.perf_counter() - start)
    return {"top-1": tested["top1"], "examples/s": rate}


#: In their order.
STAGES: dict[str, Callable[[Path, int], dict[str, float]]] = {
    "make up": make,
    "embed 1 of 2": embed(1),
    "embed 2 of 2": embed(2),
    "audit": audit_labels,
    "head": train_head,
}


def _config(folder: Path, count: int, *, closed_form: bool) -> config.Config:
    """Settings of a run on the merged features, with or without a head in closed form."""
    images = merged(folder, count)
    true, given = _labels(folder)
    trained, tested = np.split(np.arange(count), [count - count // _TESTED])
    seen = images.standardized(Standardization.of(images.table[:, 0], trained))
    features = [seen[rows] if closed_form else None for rows in (trained, tested)]
    source = Source(
        Split(seen[trained], given[trained], true_labels=true[trained], features=features[0]),
        Split(seen[tested], true[tested], features=features[1]),
        class_names=tuple(f"class {k}" for k in range(_CLASSES)),
        confusion=None,
        weak=None,
    )
    settings: dict[str, Any] = dict(SETTINGS) | {"dataset": "made_up", "batch_size": 500}
    settings |= {"max_epoch": 1, "val_batch_size": 1000}
    if not closed_form:
        settings |= {"method": "supervised", "head_start": "random", "learning_rate": 0.01}
    for option in ("meta_start_epoch", "queue_bs", "l2r_warmup_epochs"):
        del settings[option]
    return config.resolve(settings, source=SourceEntry(lambda request: source))


def _labels(folder: Path) -> np.ndarray:
    """[2, n] true and given labels."""
    found: np.ndarray = np.load(folder / "labels.npy")
    return found


def _backbone() -> Backbone:
    """Stands for the network whose features these would be."""
    model = keras.Sequential([keras.Input([_DIM]), keras.layers.Identity()])
    return Backbone(model, Card("made-up", 1, "", _DIM, "", ""), "0" * 16)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Time, memory and recall of the search for neighbors.

    python -m benchmarks.audit neighbors --rows 10000 100000 1000000
    python -m benchmarks.audit neighbors --features table.npy

Made-up rows of 1,280 features lie around cluster centers of 50 rows on average, all in a curved
surface of 64 dimensions plus noise, as float16 in a temporary file that is memory-mapped.
`--features` takes real ones instead, [n, D]. Recall is measured against all pairs on 500 queries.
Each size is measured in a process of its own. Memory is the peak of what the process itself holds
(pages of the mapped file are not counted), sampled 20 times a second, beyond what it held before
the search; the peak with those pages, by getrusage, stands beside it.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.tables import print_table
from ieg.audit import neighbors

_WIDTH, _LATENT, _PER_CLUSTER = 1280, 64, 50
_SPREAD, _NOISE = 0.5, 0.1  # of rows around centers, and off the surface; centers have 1
_BLOCK = 10_000
_QUERIES = 500
_K = 10
_TIE = 1e-5  # of cosines


def main(argv: Sequence[str]) -> int:
    """Print one line for each number of rows; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 20_000, 100_000])
    parser.add_argument("--features", type=Path, help="real features, .npy; --rows is ignored")
    parser.add_argument("--exact_pairs", type=int, default=neighbors.EXACT_PAIRS)
    arguments = parser.parse_args(argv)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for count in [0] if arguments.features else arguments.rows:
            path = arguments.features or make(count, Path(folder) / f"{count}.npy")
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                lines.append(pool.apply(measure, (path, arguments.exact_pairs)))
    titles = [
        "rows",
        "seconds",
        "of CPU",
        "MB held",
        "MB with the file",
        "recall of 1st",
        f"of {_K}",
    ]
    print_table(titles, lines)
    return 0


def make(count: int, path: Path) -> Path:
    """Write made-up rows [count, 1280] float16 to a .npy file."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=[max(1, count // _PER_CLUSTER), _LATENT]).astype(np.float32)
    out = rng.normal(size=[_LATENT, _WIDTH]).astype(np.float32) / np.sqrt(_LATENT)
    table = np.lib.format.open_memmap(path, "w+", np.float16, (count, _WIDTH))
    for first in range(0, count, _BLOCK):
        size = min(_BLOCK, count - first)
        around = centers[rng.integers(len(centers), size=size)]
        latent = around + _SPREAD * rng.normal(size=around.shape)
        surface = np.maximum(latent.astype(np.float32) @ out, 0)
        noise = rng.standard_normal(surface.shape, np.float32)
        table[first : first + size] = surface + _NOISE * noise
    table.flush()
    return path


def measure(path: Path, exact_pairs: int) -> list[str]:
    """One line of the table."""
    features = np.load(path, mmap_mode="r")
    with _Memory() as memory:
        start, busy = time.perf_counter(), time.process_time()
        found = neighbors.nearest(features, _K, exact_pairs=exact_pairs)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    first, all_ = recall(features, found)
    return [
        f"{len(features):,}",
        f"{seconds:.1f}",
        f"{busy:.1f}",
        f"{memory.peak:,.0f}",
        f"{peak:,.0f}",
        f"{first:.3f}",
        f"{all_:.3f}",
    ]


def recall(features: np.ndarray, found: neighbors.Neighbors) -> tuple[float, float]:
    """Recall of the nearest row, and of all, on some queries; an equally near row is as good."""
    some = np.sort(
        np.random.default_rng(1).choice(len(features), min(_QUERIES, len(features)), replace=False)
    )
    exact = neighbors.nearest(
        features, _K + 1, queries=features[some], exact_pairs=len(features) * len(some)
    )
    cosine = exact.cosine.copy()
    cosine[exact.rows == some[:, np.newaxis]] = -np.inf
    truth = -np.sort(-cosine, axis=1)[:, :_K]
    got = found.cosine[some]
    first, all_ = got[:, 0] >= truth[:, 0] - _TIE, got >= truth[:, -1:] - _TIE
    return float(first.mean()), float(all_.mean())


class _Memory:
    """Peak of the memory that this process holds beyond what it held at the start, in MB."""

    def __enter__(self) -> "_Memory":
        self.peak, self._before, self._over = 0.0, _held(), threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self.peak = max(self.peak, _held() - self._before)


def _held() -> float:
    """Anonymous memory of this process in MB, from Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1e3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

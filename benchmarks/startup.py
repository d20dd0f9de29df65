"""Seconds from the start of a command to its first training step, and peak memory.

    python -m benchmarks.startup

Writes an archive of random images in CIFAR-10's layout and size (50,000 and 10,000) to a temporary
folder, and starts a process that does what `python -m ieg.main` does up to the end of its first
step: imports, reading, noise, probe data, network, batches, tracing.
"""

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ieg.data.cifar import CIFAR10

_IMAGES_PER_FILE = 10_000
_RECORD_BYTES = 1 + 32 * 32 * 3


def main(argv: Sequence[str]) -> int:
    """Print seconds and peak memory per method; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", default="resnet32")
    parser.add_argument("--method", action="append", help="default: supervised, l2r, ieg")
    parser.add_argument("--first-step-in", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    methods = arguments.method or ["supervised", "l2r", "ieg"]
    if arguments.first_step_in:
        _first_step(arguments.first_step_in, methods[0], arguments.network)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        write_archive(Path(folder))
        for method in methods:
            command = [sys.executable, "-m", "benchmarks.startup", f"--first-step-in={folder}"]
            command += [f"--method={method}", f"--network={arguments.network}"]
            start = time.perf_counter()
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            seconds = time.perf_counter() - start
            print(f"{method} with {arguments.network}: {seconds:.1f} s, {done.stdout.strip()}")
    return 0


def write_archive(folder: Path) -> None:
    """Write an archive of random images and labels in CIFAR-10's layout and size."""
    rng = np.random.default_rng(0)
    files = {CIFAR10.names_file: "\n".join(f"class {k}" for k in range(10)).encode()}
    for name in (*CIFAR10.train_files, *CIFAR10.test_files):
        records = rng.integers(0, 256, (_IMAGES_PER_FILE, _RECORD_BYTES), dtype=np.uint8)
        records[:, 0] %= 10
        files[name] = records.tobytes()
    with tarfile.open(folder / CIFAR10.archive, "w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{CIFAR10.folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _first_step(dataset_dir: str, method: str, network: str) -> None:
    """Train like the command until the end of the first step; prints peak memory."""
    import ieg.quiet  # noqa: F401

    from ieg import config, experiment, memory

    typed = {
        "dataset": "cifar10_uniform_0.4",
        "dataset_dir": dataset_dir,
        "method": method,
        "network_name": network,
    }
    built = experiment.build(config.resolve(typed))
    plan = built.method.plan(0, built.state.method_variables)
    (block,) = built.pipeline.batches(built.strategy, 0, 1, plan, block=1)
    built.steps()(block, 0, 0, [0.1]).values.numpy()
    print(f"peak memory {(memory.peak_bytes() or 0) / 2**20:,.0f} MB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

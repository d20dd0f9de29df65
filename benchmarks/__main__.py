"""All benchmarks, one after the other; `make benchmark` is this.

    python -m benchmarks [NAME ...] [--folder=runs/benchmarks]

Prints what each prints, and saves it as NAME.md in the folder, under the machine, the versions and
the date. Ratios and seconds want a machine that does nothing else. Three train networks for hours
(methods, approximations, audit) and go on where they stopped.
"""

import argparse
import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import ieg

#: Name → flags beside those that are its defaults, in the order in which they run.
BENCHMARKS = {
    "meta_gradient": ("--network=cnn", "--network=resnet29", "--network=wrn28-2"),
    "step": (),
    "profile": (),
    "overhead": (),
    "scaling": (),
    "augmentation": (),
    "startup": (),
    "image_list": (),
    "million": ("--rows", "10000", "100000"),
    "decoding": (),
    "page": (),
    "peers": (),
    "methods": (),
    "approximations": (),
    "audit": ("labels",),
    "corrections": (),
}
_SHOWN = ("tensorflow", "keras", "numpy")


def main(argv: Sequence[str]) -> int:
    """Run them; return the exit status, 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmarks"))
    arguments = parser.parse_args(argv)
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown:
        print(f"error: no benchmark {unknown[0]}; {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    arguments.folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in arguments.names or BENCHMARKS:
        if not _run(name, arguments.folder / f"{name}.md"):
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def conditions() -> list[str]:
    """Machine, versions and date of a measurement, as lines."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _SHOWN]
    python = f"Python {platform.python_version()}"
    return [
        f"- {datetime.date.today()}, ieg {ieg.__version__}{_commit()}",
        f"- {_processor()}, {os.cpu_count()} CPUs, {_memory() / 2**30:.0f} GB, "
        f"{platform.system()} {platform.machine()}",
        f"- {', '.join([python, *versions])}",
    ]


def _run(name: str, path: Path) -> bool:
    """Print and save the output of a benchmark; True if it came to its end."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *BENCHMARKS[name]]
    title = " ".join(["python", *command[1:]])
    with open(path, "w", encoding="utf-8") as file:
        for line in (f"# `{title}`", "", *conditions(), ""):
            print(line, flush=True)
            print(line, file=file, flush=True)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            file.write(line)
            file.flush()
        status = process.wait()
        if status:
            print(f"failed with status {status}", file=file)
    return not status


def _commit() -> str:
    """The commit of this checkout, and whether files differ from it; nothing outside of git."""
    here = Path(__file__).parent
    found = subprocess.run(
        ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=10"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f" at {found.stdout.strip()}" if not found.returncode else ""


def _memory() -> int:
    """Bytes of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    if file.exists():
        for line in file.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown processor"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Size of the page of a run, and seconds until a browser has opened it.

    python -m benchmarks.page --rows=50000

Makes a page with an audit of that many rows and the largest number of thumbnails, of random pixels,
which no format compresses; opens it in headless Chromium and prints megabytes and seconds. Needs
selenium, chromium and chromedriver.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import ieg.quiet  # noqa: F401

import numpy as np
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from ieg.report import thumbnails
from ieg.report.page.document import Audit, Page, render

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def main(argv: Sequence[str]) -> int:
    """Print size and seconds of a few openings; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--side", type=int, default=32, help="of the images, in pixels")
    parser.add_argument("--openings", type=int, default=3)
    arguments = parser.parse_args(argv)
    if reason := missing():
        print(reason, file=sys.stderr)
        return 1
    started = time.perf_counter()
    text = render(random_page(arguments.rows, arguments.side))
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        file.write_text(text, encoding="utf-8")
        size = file.stat().st_size / 1e6
        print(f"{arguments.rows:,} rows: {size:.1f} MB, written in {seconds:.1f} s")
        for opening in range(arguments.openings):
            with browser(Path(folder) / f"user{opening}") as chromium:
                chromium.get(file.as_uri())
                print(f"opened in {opening_seconds(chromium):.2f} s")
    return 0


def missing() -> str | None:
    """Name of what is missing to start a browser, or None."""
    lacking = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"not installed: {', '.join(lacking)}" if lacking else None


@contextmanager
def browser(user: Path, *flags: str) -> Iterator[webdriver.Chrome]:
    """Headless Chromium from the PATH.

    Args:
      user: a new folder for its profile and downloads.
      flags: further flags of its command line.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*_FLAGS, f"--user-data-dir={user}", *flags):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(user)})
    chromium = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield chromium
    finally:
        chromium.quit()


def opening_seconds(chromium: webdriver.Chrome) -> float:
    """Seconds from the start of navigation to the end of loading, with the first images shown."""
    timing = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
    return float(chromium.execute_script(timing)) / 1000


def random_page(rows: int, side: int) -> Page:
    """Random page like that of a folder of images."""
    rng = np.random.default_rng(0)
    names = [f"class {k}" for k in range(100)]
    given, suggested = rng.integers(0, len(names), (2, rows))
    shape = (min(rows, thumbnails.MOST), side, side, 3)
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    audit = Audit(
        index=rng.permutation(rows),
        path=[f"train/{names[k]}/photo {i:08d}.jpeg" for i, k in enumerate(given)],
        given=given,
        suggested=suggested,
        true=np.full(rows, -1),
        score=np.sort(rng.random(rows))[::-1],
        evidence={name: rng.random(rows) for name in ("loss", "agreement", "weight", "trust")},
        thumbnails=thumbnails.data_uris(pixels),
        pixelated=thumbnails.is_small(pixels),
    )
    return Page(title=f"a run on {rows:,} images", key=f"{rows}", class_names=names, audit=audit)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

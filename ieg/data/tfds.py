"""TensorFlow Datasets: the package, and data sets that it prepares, with errors of one line.

The package retries a download for minutes. So the host of a data set is asked first, for seconds.
Importing it takes seconds, so nothing does before its data are asked for.
"""

import importlib
import os
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ieg.errors import InputError

#: Time for the answer of a host in seconds.
PATIENCE = 5.0


def package() -> Any:
    """Import `tensorflow_datasets`.

    Raises:
      InputError: it is not installed.
    """
    try:
        return importlib.import_module("tensorflow_datasets")
    except ImportError:
        raise InputError(
            "TensorFlow Datasets is not installed: pip install tensorflow-datasets "
            "importlib_resources"
        ) from None


def prepared(tfds: Any, name: str, folder: Path) -> Any:
    """Builder of a data set whose data are prepared: in the usual place, else in the folder.

    Args:
      tfds: the module `tensorflow_datasets`.
      name: name of the data set there.
      folder: where to download and prepare it if need be.
    Raises:
      InputError: it cannot be downloaded or prepared.
      Exception: there is no such data set; which one depends on the version.
    """
    usual = tfds.builder(name)
    if os.path.isdir(usual.data_dir):
        return usual
    builder = tfds.builder(name, data_dir=str(folder))
    if not os.path.isdir(builder.data_dir) and not builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        _require_hosts(builder, folder)
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    try:
        builder.download_and_prepare()
    except Exception as error:  # which ones, without a network, depends on the version
        raise InputError(f"TensorFlow Datasets cannot prepare {name} ({brief(error)})") from None
    return builder


def brief(error: Exception) -> str:
    """Type and beginning of the message of an error of the package, as a part of one line."""
    return textwrap.shorten(f"{type(error).__name__}: {error}", 200)


def _require_hosts(builder: Any, folder: Path) -> None:
    """Check that what the builder downloads can be reached, one address of each host.

    Raises:
      InputError: a host does not answer.
    """
    if any((folder / "downloads").rglob("*.INFO")):  # written after a download: perhaps all is here
        return
    hosts = {urlsplit(url).netloc: url for url in builder.url_infos or ()}
    for url in hosts.values():
        problem = _unreachable(url)
        if problem is not None:
            raise InputError(f"{url} cannot be reached ({problem})")


def _unreachable(url: str) -> str | None:
    """Reason for which an address gives no answer in time; None if it gives one."""
    if not url.startswith("http"):
        return None
    outcome: list[str | None] = []

    def ask() -> None:
        requests = importlib.import_module("requests")  # what the package itself downloads with
        try:
            status = requests.head(url, timeout=PATIENCE).status_code
        except requests.RequestException as error:
            outcome.append(brief(getattr(error.args[0], "reason", error) if error.args else error))
        else:
            outcome.append(f"status {status}" if status >= 500 else None)

    # The time limit of a request does not hold for the look-up of the host's name.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(2 * PATIENCE)
    return outcome[0] if outcome else f"no answer within {2 * PATIENCE:g} seconds"

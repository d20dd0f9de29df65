"""Files and folders that appear under their names only when they are complete."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from ieg.errors import InputError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; the file takes its place when the block ends.

    A block that raises leaves the old file as it was. The temporary name ends as `path` does, since
    some writers choose the format by it.

    Raises:
      InputError: the file cannot be written.
    """
    temporary = path.with_name(f".tmp.{path.name}")
    try:
        yield temporary
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def text(path: Path) -> Iterator[TextIO]:
    """The same as an open text file, whose line ends stay as they are written."""
    # Names of files may hold any byte: what is no UTF-8 comes back as it was.
    utf8: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape"}
    with replacing(path) as temporary, open(temporary, "w", newline="", **utf8) as file:
        yield file


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path` that takes its place when the block ends.

    Raises:
      InputError: the folder cannot be written.
    """
    new, old = path.with_name(f".{path.name}.new"), path.with_name(f".{path.name}.old")
    try:
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
        new.mkdir(parents=True)
        yield new
        if path.exists():  # no call replaces a folder that holds files
            os.replace(path, old)
        os.replace(new, path)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None

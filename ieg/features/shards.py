"""A shard of features: a file that is written whole or not at all, and mapped into memory.

It is a NumPy archive (.npz, not compressed) with three arrays:

    keys      [n, 32] uint8, the SHA-256 of each image's content
    views     [V] text, the definition of each view
    features  [n, V, D] float16
"""

import contextlib
import hashlib
import os
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

SUFFIX = ".npz"
#: Ending of a file that is being written.
UNFINISHED = ".part"
_DAY = 24 * 3600.0
#: Errors of NumPy and zipfile for what is no whole archive; RuntimeError is one that asks for a
#: password, or for a later version of zipfile.
_DAMAGED = (
    *(OSError, ValueError, KeyError, EOFError, RuntimeError),
    *(struct.error, zlib.error, zipfile.BadZipFile),
)
#: Bytes that are read at once for a checksum.
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Shard:
    """Features of n images; fields as in the file, `features` mapped from it."""

    keys: np.ndarray
    views: list[str]
    features: np.ndarray


class Damaged(Exception):
    """A file is no whole shard."""


def name(keys: list[bytes], views: list[str]) -> str:
    """The file of these views of these images: the same work always lands in the same file."""
    content = hashlib.sha256(b"".join(keys) + "\n".join(views).encode())
    return content.hexdigest()[:24] + SUFFIX


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` when the block ends.

    Unlike those of `ieg.atomic` its temporary name is its own: several machines may write the same
    shard at once.

    Raises:
      OSError: the folder cannot be written to; nothing is left behind.
    """
    descriptor, temporary = tempfile.mkstemp(suffix=UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def write(path: Path, shard: Shard) -> None:
    """Write a shard, whole or not at all.

    Raises:
      OSError: the folder cannot be written to; nothing is left behind.
    """
    with replacing(path) as file:
        np.savez(file, keys=shard.keys, views=np.array(shard.views), features=shard.features)


def read(path: Path) -> Shard:
    """Open a shard: its checksums are compared, and its features mapped.

    Raises:
      Damaged: it is truncated, a bit of it has changed, or it is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            keys, views = arrays["keys"], [str(view) for view in arrays["views"]]
        features = _mapped(path, "features.npy")
    except _DAMAGED as error:
        raise Damaged(str(error)) from None
    if features.shape[:2] != (len(keys), len(views)) or features.dtype != np.float16:
        raise Damaged("its arrays do not fit together")
    return Shard(keys, views, features)


def _mapped(path: Path, member: str) -> np.ndarray:
    """An array that is stored in an archive without compression, mapped from the file."""
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        with archive.open(member) as stream:
            while stream.read(_BLOCK):  # to its end, where the checksum is compared
                pass
        entry = archive.getinfo(member)
        file.seek(entry.header_offset)
        lengths = struct.unpack("<26x2H", file.read(30))  # of the name and of the extra field
        file.seek(sum(lengths), os.SEEK_CUR)
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        return np.memmap(path, dtype, "r", file.tell(), shape)


def sweep(folder: Path) -> None:
    """Remove what processes that were killed more than a day ago have left unfinished."""
    for path in folder.glob(f"*{UNFINISHED}"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _DAY:
                path.unlink()

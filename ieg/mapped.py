"""Arrays that are larger than memory: mapped from files without a name, and read in blocks."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ieg.errors import InputError

#: Numbers of an array in memory, 256 MB of float32. Larger ones are mapped.
CELLS = 1 << 26
#: Numbers of a block.
BLOCK_CELLS = 1 << 22


def zeros(
    shape: Sequence[int], dtype: DTypeLike, folder: Path | None = None, *, most: int | None = None
) -> np.ndarray:
    """Zeros in memory or, if they are many, mapped from a file without a name.

    Args:
      shape, dtype: of the array.
      folder: for the file; None for TMPDIR or else /var/tmp, since /tmp may be in memory.
      most: numbers that may be in memory; None for `CELLS`.
    Raises:
      InputError: the disk is full, or the folder cannot be written to.
    """
    if int(np.prod(shape)) <= (CELLS if most is None else most):
        return np.zeros(shape, dtype)
    place, size = folder or _folder(), int(np.prod(shape)) * np.dtype(dtype).itemsize
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            if hasattr(os, "posix_fallocate"):  # else a full disk would kill the process later
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype, "w+", shape=tuple(shape))
    except OSError as error:
        raise InputError(
            f"cannot keep {size >> 20:,} MB in a file in {place}: {error.strerror}"
        ) from None


def is_mapped(values: NDArray[np.generic]) -> bool:
    """True for an array that is read in blocks."""
    return isinstance(values, np.memmap)


def blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices of the rows of a table, of `BLOCK_CELLS` numbers each.

    >>> list(blocks(5, BLOCK_CELLS // 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(1, BLOCK_CELLS // max(width, 1))
    return (slice(first, min(first + size, rows)) for first in range(0, rows, size))


def gathered(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Rows of tables as one table [Σ m_i, ...], mapped if it is large.

    Args:
      parts: at least one table [n_i, ...] with the numbers [m_i] of its rows; the first one's type
        counts.

    >>> gathered([(np.eye(2), np.array([1])), (np.ones([1, 2]), np.array([0, 0]))])
    array([[0., 1.],
           [1., 1.],
           [1., 1.]])
    """
    first, width = parts[0][0], int(np.prod(parts[0][0].shape[1:]))
    whole = zeros([sum(len(rows) for _, rows in parts), *first.shape[1:]], first.dtype)
    begin = 0
    for table, rows in parts:
        for some in blocks(len(rows), width):
            whole[begin + some.start : begin + some.stop] = table[rows[some]]
        begin += len(rows)
    return whole


def _folder() -> Path:
    large = Path("/var/tmp")
    if "TMPDIR" in os.environ or not large.is_dir():
        return Path(tempfile.gettempdir())
    return large

"""Reader of the idx format, in which MNIST and its relatives come: one array of bytes in a file.

    0, 0, 8, number of dimensions     four bytes; 8 stands for unsigned bytes
    sizes                             four bytes for each dimension, the highest byte first
    values                            the last dimension runs fastest

Reference: Y. LeCun, C. Cortes, C. Burges, "The MNIST Database of Handwritten Digits", 1998.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ieg.errors import InputError

_UNSIGNED_BYTES = 8
_LARGEST = 1 << 31  # bytes; a header of noise asks for more


def read(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read a file, compressed with gzip if its name ends in .gz.

    Args:
      path: of the file.
      dimensions: that the array must have.
    Returns:
      the array, writable.
    Raises:
      InputError: the file cannot be read, is damaged, or holds something else.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot read {path}: {error}; get it again") from None
    header = 4 + 4 * dimensions
    if len(content) < header or content[:4] != bytes([0, 0, _UNSIGNED_BYTES, dimensions]):
        raise InputError(
            f"{path} is no idx file of unsigned bytes in {dimensions} dimensions; get it again"
        )
    shape = tuple(np.frombuffer(content[4:header], ">u4").tolist())
    size = math.prod(shape)
    if size > _LARGEST or len(content) != header + size:
        raise InputError(
            f"{path} has {len(content) - header:,} values, and not {' x '.join(map(str, shape))} "
            "as it says; get it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()

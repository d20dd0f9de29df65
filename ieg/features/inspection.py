"""One pass over the pixels of images for the audit: condition, small pictures, digests."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ieg.audit import condition
from ieg.audit.condition import Measurement
from ieg.features.pictures import Pictures

#: Side in pixels of the small gray pictures.
SIDE = 48


class Inspection(NamedTuple):
    """Evidence on n images.

    Attributes:
      measurements: n measurements, None for files that cannot be decoded.
      thumbnails: [n, SIDE, SIDE] uint8, the whole image in gray, squeezed; zeros where damaged.
      digests: n SHA-256 of the decoded pixels, equal for equal images; b"" where damaged.
    """

    measurements: list[Measurement | None]
    thumbnails: NDArray[np.uint8]
    digests: list[bytes]


def inspect(pictures: Pictures, rows: NDArray[np.int64]) -> Inspection:
    """Decode some images, each once, and measure them.

    Args:
      pictures: images.
      rows: [n] numbers of those to look at.
    """
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found = list(threads.map(lambda content: _one(pictures, content), pictures.contents(rows)))
    blank = np.zeros([0, SIDE, SIDE], np.uint8)
    return Inspection(
        [measurement for measurement, _, _ in found],
        np.stack([thumbnail for _, thumbnail, _ in found]) if found else blank,
        [digest for _, _, digest in found],
    )


def _one(
    pictures: Pictures, content: np.ndarray | bytes
) -> tuple[Measurement | None, NDArray[np.uint8], bytes]:
    try:
        pixels = pictures.pixels(content)
    except (OSError, ValueError):
        return None, np.zeros([SIDE, SIDE], np.uint8), b""
    gray = Image.fromarray(pixels).convert("L")
    small = gray.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
    return condition.measure(pixels), np.asarray(small), digest

"""One pass over the pixels of images for the audit: condition, small pictures, digests."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ieg import mapped
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
    found = Inspection([], mapped.zeros([len(rows), SIDE, SIDE], np.uint8), [])
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for some in mapped.blocks(len(rows), SIDE * SIDE):  # each image that waits takes memory
            contents = pictures.contents(rows[some])
            looks = threads.map(lambda content: _one(pictures, content), contents)
            for place, (measurement, thumbnail, digest) in enumerate(looks, some.start):
                found.measurements.append(measurement)
                found.thumbnails[place] = thumbnail
                found.digests.append(digest)
    return found


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

"""Corruption of files: bytes cut off, changed, inserted, or in each other's place."""

import numpy as np

INSERTED = [b'"', b",", b";", b"\t", b"\n", b"\r", b"\0", b"\xff", b"../" * 2000, b"\xef\xbb\xbf"]


def corrupted(content: bytes, draws: np.random.Generator) -> bytes:
    """One corruption of a file that is not empty."""
    place, kind = int(draws.integers(len(content))), draws.integers(4)
    if kind == 0:
        return content[:place]
    if kind == 1:
        first, last = sorted(draws.integers(len(content) + 1, size=2))
        middle = (first + last) // 2
        return content[:first] + content[middle:last] + content[first:middle] + content[last:]
    added = bytes([draws.integers(256)]) if kind == 2 else INSERTED[draws.integers(len(INSERTED))]
    return content[:place] + added + content[place + (kind == 2) :]

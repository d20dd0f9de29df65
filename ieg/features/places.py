"""Rows of shards by the key of the image, in arrays: a tenth of the memory of a dictionary."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Length of a key in bytes.
KEY = 32

Views = tuple[int, ...]
Keys = NDArray[np.bytes_]


class Found(NamedTuple):
    """Keys that shards have, all with the same views.

    Attributes:
      views: numbers of the views.
      wanted: [m] int64, places of these keys among those that were asked for.
      shard: [m] int32, numbers of the shards.
      row: [m] int32, rows there.
    """

    views: Views
    wanted: NDArray[np.int64]
    shard: NDArray[np.int32]
    row: NDArray[np.int32]


class _Columns(NamedTuple):
    keys: Keys
    shard: NDArray[np.int32]
    row: NDArray[np.int32]


class Places:
    """Rows of shards by key; 40 bytes for each row."""

    def __init__(self) -> None:
        #: Columns of the rows by views; the first ones are sorted by key, the others new.
        self._rows: dict[Views, list[_Columns]] = {}

    def add(self, shard: int, views: Views, keys: NDArray[np.uint8]) -> None:
        """Enter the rows of a shard.

        Args:
          shard: its number.
          views: numbers of the views that it has.
          keys: [n, KEY].
        """
        count = len(keys)
        nothing = _Columns(as_keys([]), np.zeros(0, np.int32), np.zeros(0, np.int32))
        rows = _Columns(
            as_keys(keys), np.full(count, shard, np.int32), np.arange(count, dtype=np.int32)
        )
        self._rows.setdefault(views, [nothing]).append(rows)

    def find(self, keys: Keys) -> Iterator[Found]:
        """Look keys up, once for each combination of views that shards have.

        Args:
          keys: [N] of `as_keys`.
        """
        for views in self._rows:
            known, shard, row = self._sorted(views)
            place = np.searchsorted(known, keys).clip(max=len(known) - 1)
            wanted = np.flatnonzero(known[place] == keys)
            yield Found(views, wanted, shard[place[wanted]], row[place[wanted]])

    def _sorted(self, views: Views) -> _Columns:
        parts = self._rows[views]
        if len(parts) > 1:
            keys, shard, row = (np.concatenate(column) for column in zip(*parts, strict=True))
            order = np.argsort(keys, kind="stable")
            self._rows[views] = [_Columns(keys[order], shard[order], row[order])]
        return self._rows[views][0]


def as_keys(keys: Sequence[bytes] | NDArray[np.uint8]) -> Keys:
    """[N] keys to compare, of N × KEY bytes. NumPy leaves out zeros at their ends when shown."""
    content = keys.tobytes() if isinstance(keys, np.ndarray) else b"".join(keys)
    return np.frombuffer(content, f"S{KEY}")

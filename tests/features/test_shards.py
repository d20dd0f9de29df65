"""Shards of features: a file with a changed bit is no shard."""

from pathlib import Path

import numpy as np
import pytest

from ieg.features import shards
from ieg.features.shards import Shard
from tests.corruption import corrupted


def test_a_corrupted_shard_is_damaged_or_reads_the_same(tmp_path: Path) -> None:
    draws, path = np.random.default_rng(0), tmp_path / "shard.npz"
    keys = draws.integers(0, 256, (30, 32), np.uint8)
    features = draws.normal(size=(30, 2, 12)).astype(np.float16)
    shards.write(path, Shard(keys, ["middle", "weak"], features))
    whole, damaged = path.read_bytes(), 0
    for _ in range(500):
        path.write_bytes(corrupted(whole, draws))
        try:
            found = shards.read(path)
        except shards.Damaged:
            damaged += 1
        else:  # bytes that no reader looks at, such as dates
            np.testing.assert_array_equal(found.keys, keys)
            np.testing.assert_array_equal(found.features, features)
            assert found.views == ["middle", "weak"]
    assert 450 < damaged < 500


@pytest.mark.parametrize(
    ("place", "value"), [(6, 1), (8, 8), (4, 255)], ids=["password", "compression", "version"]
)
def test_an_archive_of_another_kind_is_damaged(tmp_path: Path, place: int, value: int) -> None:
    path = tmp_path / "shard.npz"
    shards.write(path, Shard(np.zeros([1, 32], np.uint8), ["v"], np.zeros([1, 1, 3], np.float16)))
    content = bytearray(path.read_bytes())
    for magic, start in ((b"PK\3\4", 0), (b"PK\1\2", 2)):  # entries, and their directory
        content[content.index(magic) + start + place] = value
    path.write_bytes(content)
    with pytest.raises(shards.Damaged):
        shards.read(path)

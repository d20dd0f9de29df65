"""Tables with changed, cut, swapped and inserted bytes: read, or refused in one line."""

from pathlib import Path

import numpy as np

from ieg.data import corrections, listing
from ieg.data.sources import REGISTRY, Request
from ieg.errors import InputError
from tests.corruption import corrupted


def test_corrupted_tables_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.jpg").write_bytes(b"an image")
    rows = [f"{k}.jpg,{'ab'[k % 2]},{'train' if k < 6 else 'test'}" for k in range(8)]
    table = "\n".join(["path,label,split", *rows, ""])
    decisions = "path,decision,new_label\n0.jpg,wrong,b\n1.jpg,fine,\n2.jpg,,\n"
    names = np.array([f"{k}.jpg".encode() for k in range(8)])

    def corrected(path: Path) -> None:
        corrections.apply(path, np.arange(8) % 2, np.arange(8), np.array([], np.int64),
                          class_names=("a", "b"), files=names)  # fmt: skip

    readers = {
        table.encode(): lambda path: REGISTRY.get("csv").load(Request(path=str(path), seed=1)),
        table.encode("utf-16"): listing.list_images,
        decisions.encode(): corrected,
    }
    draws, read = np.random.default_rng(0), 0
    for content, reader in readers.items():
        for _ in range(100):
            (tmp_path / "table.csv").write_bytes(corrupted(content, draws))
            try:
                reader(tmp_path / "table.csv")
                read += 1
            except InputError as error:
                assert "\n" not in str(error)
    assert 0 < read < 300

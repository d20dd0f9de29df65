"""Parts of several processes: what makes them one whole, and what does not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ieg.backbones import Backbone
from ieg.errors import InputError
from ieg.features import FeatureStore, Pictures, Views
from ieg.features.parts import Note, complete
from tests.features.tiny import arrays, tiny_backbone

NOTE = Note(1, 2, "abc", ["middle", "weak 1"])


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two folders with the notes of part 1/2 and 2/2."""
    found = [tmp_path / "a", tmp_path / "b"]
    for number, folder in enumerate(found, 1):
        folder.mkdir()
        replace(NOTE, number=number).write(folder)
    return found


def test_all_parts_make_a_whole(folders: list[Path]) -> None:
    assert sorted(note.number for note in complete(folders, "abc", ["middle"])) == [1, 2]
    replace(NOTE, views=["middle", "weak 1", "strong 1"]).write(folders[0])  # embedded again
    assert sorted(note.number for note in complete(folders, "abc", ["middle"])) == [1, 2]
    replace(NOTE, images="older", count=3).write(folders[0])  # does not matter any more
    replace(NOTE, views=["middle"], count=3).write(folders[0])
    assert len(complete(folders, "abc", ["middle", "weak 1"])) == 2


@pytest.mark.parametrize(
    ("added", "problem"),
    [
        (replace(NOTE, number=2), "part-2-of-2-.*, .*part-2-of-2-.*: the same part twice"),
        (replace(NOTE, count=3), "part-1-of-2-.*part-1-of-3-.*: parts of different divisions"),
    ],
)
def test_double_parts_are_refused(folders: list[Path], added: Note, problem: str) -> None:
    added.write(folders[0])
    with pytest.raises(InputError, match=problem):
        complete(folders, "abc", ["middle"])


def test_other_parts_are_refused(folders: list[Path]) -> None:
    with pytest.raises(InputError, match=r"part-1-of-2-.*: of other images, or .* another order"):
        complete(folders, "abd", ["middle"])
    with pytest.raises(InputError, match=r"part-1-of-2-.*: of other views"):
        complete(folders, "abc", ["middle", "weak 2"])
    with pytest.raises(InputError, match=r"parts are missing: 2/2; there are .*part-1-of-2"):
        complete(folders[:1], "abc", ["middle"])
    (folders[0] / "tmp123.part").touch()
    with pytest.raises(InputError, match=r"missing: 2/2; .*; half written: .*tmp123\.part"):
        complete(folders[:1], "abc", ["middle"])
    (note,) = folders[1].iterdir()
    note.write_text(json.dumps({"number": 2})[:-3])
    with pytest.raises(InputError, match=rf"{note} is damaged"):
        complete(folders, "abc", ["middle"])
    note.unlink()
    with pytest.raises(InputError, match="no process has finished its part"):
        complete(folders[1:], "abc", ["middle"])


def test_stores_of_several_folders_are_read_as_one(tmp_path: Path, backbone: Backbone) -> None:
    pictures = Pictures(arrays(40))
    for i in (1, 2):
        kept = FeatureStore.open(tmp_path / "all" / str(i), backbone, Views())
        kept.compute(pictures, part=(i, 2))
    whole = FeatureStore.open(tmp_path / "whole", backbone, Views())
    whole.compute(pictures)
    merged = FeatureStore.merged(tmp_path / "all", backbone, Views())
    assert not len(merged.missing(pictures))
    assert (merged.read(pictures) == whole.read(pictures)).all()
    with pytest.raises(InputError, match=r"all/1 has features of the same backbone with other"):
        FeatureStore.merged(tmp_path / "all", tiny_backbone(seed=1), Views())
    shard = next((tmp_path / "all" / "2").glob("*.npz"))
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(InputError, match=rf"damaged or written by half: {shard}"):
        FeatureStore.merged(tmp_path / "all", backbone, Views())
    with pytest.raises(InputError, match="nowhere has no features"):
        FeatureStore.merged(tmp_path / "nowhere", backbone, Views())

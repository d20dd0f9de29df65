import errno
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ieg.backbones import Backbone
from ieg.errors import InputError, TrainingStopped
from ieg.features import FeatureStore, Pictures, Views, shards, store
from ieg.features.views import middle_view, strong_views, weak_view
from tests.features.tiny import SIDE, arrays, files, tiny_backbone

VIEWS = Views(weak=2, strong=1)


def _computed(
    folder: Path, backbone: Backbone, pictures: Pictures, views: Views = VIEWS
) -> np.ndarray:
    kept = FeatureStore.open(folder, backbone, views)
    kept.compute(pictures)
    return kept.read(pictures)


def _done(kept: FeatureStore, pictures: Pictures) -> list[int]:
    """Numbers of images that were reported as done, without the last report."""
    reports: list[tuple[int, int]] = []
    kept.compute(pictures, progress=lambda done, total: reports.append((done, total)))
    assert reports[-1][0] == reports[-1][1]
    return [done for done, _ in reports[:-1]]


def test_features_are_the_backbones_of_each_view(tmp_path: Path, backbone: Backbone) -> None:
    pictures = Pictures(files(tmp_path / "images", 5))
    table = _computed(tmp_path / "kept", backbone, pictures)
    assert table.shape == (5, 4, 8) and table.dtype == np.float16
    for i, key in enumerate(pictures.keys):
        whole = pictures.decode(tf.constant(pictures.contents(np.array([i]))[0]))
        draws = tf.constant(np.stack([VIEWS.draws(key, view) for view in (1, 2, 3)]))
        weak = [weak_view(whole, draws[j], VIEWS, SIDE) for j in range(3)]
        strong = strong_views(weak[2][tf.newaxis], draws[2:], VIEWS, SIDE)
        pixels = tf.stack([middle_view(whole, SIDE), *weak[:2], strong[0]])
        np.testing.assert_allclose(table[i], backbone.model(pixels), rtol=2e-3, atol=1e-4)


@pytest.mark.usefixtures("small_shards")
def test_nothing_is_computed_twice(tmp_path: Path, backbone: Backbone) -> None:
    images = arrays(20)
    kept = FeatureStore.open(tmp_path, backbone, VIEWS)
    assert len(kept.missing(Pictures(images[:12]))) == 12
    assert _done(kept, Pictures(images[:12])) == list(range(1, 13))
    before = kept.read(Pictures(images[:12]))
    kept = FeatureStore.open(tmp_path, backbone, VIEWS)
    assert _done(kept, Pictures(images[:12])) == []
    # Twelve of these were there in another order; two are the same.
    order = np.concatenate([[19], np.arange(12)[::-1], [12, 19]])
    assert kept.missing(Pictures(images[order])).tolist() == [0, 13, 14]
    assert len(_done(kept, Pictures(images[order]))) == 2
    table = kept.read(Pictures(images[order]))
    np.testing.assert_array_equal(table[1:13][::-1], before)
    np.testing.assert_array_equal(table[0], table[14])


def test_a_changed_image_is_looked_at_again(tmp_path: Path, backbone: Backbone) -> None:
    images = files(tmp_path / "images", 6)
    before = _computed(tmp_path / "kept", backbone, Pictures(images))
    path = tmp_path / "images" / "03.jpg"
    path.write_bytes(tf.io.encode_jpeg(arrays(1)[0]).numpy())
    kept, pictures = FeatureStore.open(tmp_path / "kept", backbone, VIEWS), Pictures(images)
    assert kept.missing(pictures).tolist() == [3]
    kept.compute(pictures)
    changed = (kept.read(pictures) != before).any(axis=(1, 2))
    assert np.flatnonzero(changed).tolist() == [3]


def test_more_views_leave_those_that_are_there(tmp_path: Path, backbone: Backbone) -> None:
    pictures = Pictures(arrays(6))
    _computed(tmp_path / "a", backbone, pictures, Views(weak=1))
    shard = next((tmp_path / "a").glob("*.npz"))
    grown = _computed(tmp_path / "a", backbone, pictures)
    new = [path for path in (tmp_path / "a").glob("*.npz") if path != shard]
    with np.load(new[0]) as arrays_of_new:
        assert arrays_of_new["features"].shape == (6, 2, 8)
    np.testing.assert_array_equal(grown, _computed(tmp_path / "b", backbone, pictures))


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("parts", [2, 3])
def test_parts_make_up_the_whole_bit_for_bit(
    tmp_path: Path, backbone: Backbone, parts: int
) -> None:
    pictures = Pictures(arrays(27))
    whole = _computed(tmp_path / "whole", backbone, pictures)
    stores = [FeatureStore.open(tmp_path / "parts", backbone, VIEWS) for _ in range(parts)]
    left = len(pictures)
    for i, kept in enumerate(stores, 1):
        kept.compute(pictures, part=(i, parts))
        remaining = len(kept.missing(pictures))
        assert left - remaining in range(27 // parts - 4, 27 // parts + 5)
        left = remaining
    assert left == 0
    np.testing.assert_array_equal(stores[0].read(pictures), whole)


def test_parts_of_folders_that_were_copied_together(tmp_path: Path, backbone: Backbone) -> None:
    pictures = Pictures(arrays(40))
    for i in (1, 2):
        kept = FeatureStore.open(tmp_path / str(i), backbone, Views())
        kept.compute(pictures, part=(i, 2))
        with pytest.raises(InputError, match=r"lacks features of .* of 40 images; `mode=embed`"):
            kept.images(pictures)
    for path in (tmp_path / "2").glob("*.npz"):
        path.rename(tmp_path / "1" / path.name)
    assert len(FeatureStore.open(tmp_path / "1", backbone, Views()).images(pictures)) == 40


_TO_BE_KILLED = """
import ieg.quiet, os, signal, sys
from pathlib import Path
from ieg.features import FeatureStore, Pictures, Views, store
from tests.features.tiny import arrays, tiny_backbone
store.SHARD_IMAGES, store.BATCH = 8, 4

def die(done, total):
    if done == 21:
        os.kill(os.getpid(), signal.SIGKILL)

kept = FeatureStore.open(sys.argv[1], tiny_backbone(), Views(weak=2, strong=1))
kept.compute(Pictures(arrays(27)), progress=die)
"""


@pytest.mark.usefixtures("small_shards")
def test_a_killed_process_loses_one_shard_and_the_next_one_goes_on(
    tmp_path: Path, backbone: Backbone
) -> None:
    command = [sys.executable, "-c", textwrap.dedent(_TO_BE_KILLED), str(tmp_path / "killed")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    pictures = Pictures(arrays(27))
    kept = FeatureStore.open(tmp_path / "killed", backbone, VIEWS)
    assert kept.missing(pictures).tolist() == list(range(16, 27))
    kept.compute(pictures)
    whole = _computed(tmp_path / "whole", backbone, pictures)
    np.testing.assert_array_equal(kept.read(pictures), whole)


def test_a_damaged_shard_is_made_again(
    tmp_path: Path, backbone: Backbone, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = Pictures(arrays(5))
    before = _computed(tmp_path, backbone, pictures)
    shard = next(tmp_path.glob("*.npz"))
    whole = shard.read_bytes()
    for content in (whole[:-100], b"", b"x" * 1000):
        shard.write_bytes(content)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "ieg"):
            np.testing.assert_array_equal(_computed(tmp_path, backbone, pictures), before)
        assert [r.message for r in caplog.records] and "is damaged" in caplog.text
        assert shard.read_bytes() == whole


def test_what_a_killed_writer_left_is_removed_after_a_day(
    tmp_path: Path, backbone: Backbone
) -> None:
    FeatureStore.open(tmp_path, backbone, VIEWS)
    for name in ("old.part", "new.part"):
        (tmp_path / name).write_bytes(b"half")
    os.utime(tmp_path / "old.part", (0, 0))
    FeatureStore.open(tmp_path, backbone, VIEWS)
    assert not (tmp_path / "old.part").exists() and (tmp_path / "new.part").exists()


def test_folders_that_do_not_fit(tmp_path: Path, backbone: Backbone) -> None:
    kept = tmp_path / "kept"
    FeatureStore.open(kept, backbone, VIEWS)
    with pytest.raises(InputError, match="has features of the same backbone with other weights"):
        FeatureStore.open(kept, tiny_backbone(seed=1), VIEWS)
    facts = json.loads((kept / "features.json").read_text())
    for changed, problem in (
        ({"backbone": "other", "digest": "0"}, "has features of other, not of tiny"),
        ({"format": 2}, "written by a newer ieg"),
    ):
        (kept / "features.json").write_text(json.dumps(facts | changed))
        with pytest.raises(InputError, match=problem):
            FeatureStore.open(kept, backbone, VIEWS)
    (kept / "features.json").write_text(json.dumps(facts)[:20])
    with pytest.raises(InputError, match=r"features\.json is damaged"):
        FeatureStore.open(kept, backbone, VIEWS)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(InputError, match=r"holds other files and no features\.json"):
        FeatureStore.open(tmp_path / "photos", backbone, VIEWS)
    with pytest.raises(InputError, match=r"cannot be kept in .*a\.jpg: Not a directory"):
        FeatureStore.open(tmp_path / "photos" / "a.jpg", backbone, VIEWS)


def test_a_folder_that_cannot_be_written_to_is_read_all_the_same(
    tmp_path: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = Pictures(arrays(3))
    before = _computed(tmp_path, backbone, pictures)

    def refuse(**_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    np.testing.assert_array_equal(_computed(tmp_path, backbone, pictures), before)
    kept = FeatureStore.open(tmp_path, backbone, VIEWS)
    with pytest.raises(InputError, match="cannot be kept in .*: Permission denied"):
        kept.compute(Pictures(arrays(4)))


@pytest.mark.usefixtures("small_shards")
def test_a_full_disk_keeps_the_shards_that_are_there(
    tmp_path: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    whole = shards.write

    def full(path: Path, shard: shards.Shard) -> None:
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        whole(path, shard)

    monkeypatch.setattr(shards, "write", full)
    kept, pictures = FeatureStore.open(tmp_path, backbone, VIEWS), Pictures(arrays(20))
    with pytest.raises(InputError, match="No space left on device; what is there already is kept"):
        kept.compute(pictures)
    assert len(FeatureStore.open(tmp_path, backbone, VIEWS).missing(pictures)) == 12


def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    shard = shards.Shard(np.zeros((1, 32), np.uint8), ["a"], np.zeros((1, 1, 4), np.float16))
    with pytest.raises(OSError, match="No space"):
        shards.write(tmp_path / "x.npz", shard)
    assert not list(tmp_path.iterdir())


def test_files_that_cannot_be_decoded_are_damaged(tmp_path: Path, backbone: Backbone) -> None:
    images = files(tmp_path / "images", 7)
    for name in ("01.jpg", "06.jpg"):  # of equal content
        (tmp_path / "images" / name).write_bytes(b"no picture")
    (tmp_path / "images" / "04.jpg").unlink()
    kept, pictures = FeatureStore.open(tmp_path / "kept", backbone, VIEWS), Pictures(images)
    kept.compute(pictures)
    assert images.damage.table()["path"] == ["01.jpg", "04.jpg", "06.jpg"]
    assert kept.missing(pictures).tolist() == [1, 4, 6]
    kept.compute(pictures)  # they are known
    damaged = kept.images(pictures).loader().damaged()
    assert damaged is not None and np.flatnonzero(damaged).tolist() == [1, 4, 6]
    table = kept.read(pictures)
    assert not table[[1, 4, 6]].any() and table[[0, 2, 3, 5]].any(axis=2).all()


def test_too_many_damaged_files_end_it(tmp_path: Path, backbone: Backbone) -> None:
    images = files(tmp_path / "images", 4, limit=0.0)
    (tmp_path / "images" / "01.jpg").write_bytes(b"no picture")
    with pytest.raises(TrainingStopped, match="1 of 4 image files cannot be decoded"):
        FeatureStore.open(tmp_path / "kept", backbone, VIEWS).compute(Pictures(images))


def test_features_that_are_not_finite_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tiny gives features that are not finite in float16"):
        _computed(tmp_path, tiny_backbone(scale=1e6), Pictures(arrays(2)))
    assert not list(tmp_path.glob("*.npz"))


def test_a_large_table_is_mapped(
    tmp_path: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = Pictures(arrays(3))
    before = _computed(tmp_path, backbone, pictures)
    monkeypatch.setattr(store, "_IN_MEMORY", 50)
    mapped = FeatureStore.open(tmp_path, backbone, VIEWS).read(pictures)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, before)
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".npz"]

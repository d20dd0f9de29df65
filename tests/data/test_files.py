"""Image files as images: views, order, restarts, damaged files and replicas."""

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ieg.data import images
from ieg.data.dataset import Dataset
from ieg.data.files import Damage, FileImages, _is_bare, first_few
from ieg.data.pipeline import Pipeline, sweep
from ieg.errors import TrainingStopped
from tests.data import trees
from tests.data.test_pipeline import assert_same, read
from tests.datasets import prepare


def some_files(folder: Path, count: int = 5, side: int = 8) -> FileImages:
    for number in range(count):
        trees.write_image(folder / f"{number}.png", number, number)
    paths = np.array([f"{number}.png".encode() for number in range(count)])
    return FileImages(str(folder), paths, side, Damage(count, 1.0))


def swept(files: FileImages, strategy: tf.distribute.Strategy | None = None) -> np.ndarray:
    strategy = strategy or tf.distribute.get_strategy()
    return sweep(files, strategy, tf.function(lambda batch: batch), batch_size=2)


def dataset(root: Path, **options: float) -> Dataset:
    trees.write_folder(root, train=8, test=2)
    settings = {"seed": 1, "probe_ratio": 0, "image_size": 8, "damaged_limit": 1.0}
    return prepare(f"folder:{root}", **{**settings, **options})


def pipeline(data: Dataset, **options: int) -> Pipeline:
    return Pipeline(data, **{"batch_size": 4, "seed": 5, **options})


def test_a_test_view_is_the_middle_of_the_image(tmp_path: Path) -> None:
    pixels = np.zeros((64, 100, 3), np.uint8)
    pixels[4:60, 22:78] = 255  # 7/8 of 64 rows, and as many columns
    (tmp_path / "0.png").write_bytes(tf.io.encode_png(pixels).numpy())
    files = FileImages(str(tmp_path), np.array([b"0.png"]), 8, Damage(1, 1.0))
    np.testing.assert_allclose(swept(files), np.ones((1, 8, 8, 3)), atol=1e-5)


def test_training_views_are_areas_of_the_image(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[np.newaxis, :, np.newaxis], 200, axis=0)
    (tmp_path / "0.png").write_bytes(tf.io.encode_png(ramp).numpy())
    loader = images.loader(FileImages(str(tmp_path), np.array([b"0.png"]), 4, Damage(1, 1.0)))
    draws = tf.constant([[0, 0.5, 0, 0], [0, 0.5, 0, 0.9999]], tf.float32)
    first, last = loader.training_view(tf.constant([0, 0]), draws).numpy()
    # 57 of 200 columns: those from 0 on, and those up to 199; four pixels of 14.25 columns each.
    middles = (np.arange(4) + 0.5) * 57 / 4 - 0.5
    np.testing.assert_allclose(first[0, 1:3, 0], middles[1:3], atol=0.5)
    np.testing.assert_allclose(last[0, 1:3, 0], middles[1:3] + 143, atol=0.5)


def test_files_are_seen_as_a_person_sees_them_in_every_path(tmp_path: Path) -> None:
    shown = {"gray": 102, "on white": 194, "palette": 102}  # 102 · 0.4 + 255 · 0.6
    gray = Image.new("L", (10, 12), 102)
    gray.save(tmp_path / "gray", "JPEG")
    Image.new("LA", (10, 12), (102, 102)).save(tmp_path / "on white", "PNG")
    gray.convert("P").save(tmp_path / "palette", "BMP")
    files = FileImages(str(tmp_path), np.array([n.encode() for n in shown]), 4, Damage(3, 0.0))
    expected = np.broadcast_to(np.reshape([*shown.values()], [3, 1, 1, 1]), [3, 4, 4, 3])
    np.testing.assert_allclose(swept(files), expected / 127.5 - 1, atol=0.02)
    black = FileImages(str(tmp_path), files.paths, 4, files.damage, background=(0, 0, 0))
    assert np.round((swept(black[np.array([1])])[0, 0, 0] + 1) * 127.5).tolist() == [41] * 3
    draws = tf.fill([3, files.area.draws], 0.5)
    training = images.loader(files).training_view(tf.range(3), draws)
    np.testing.assert_allclose(training, expected, atol=2)


def test_small_jpegs_without_metadata_need_no_python(tmp_path: Path) -> None:
    rotated = Image.Exif()
    rotated[274] = 6
    image, cases = Image.new("RGB", (6, 4)), {}
    for name, options, bare in (
        ("plain", {}, True),
        ("comment", {"comment": "a" * 300}, True),
        ("long comment", {"comment": "a" * 600}, False),
        ("orientation", {"exif": rotated}, False),
        ("comment and orientation", {"comment": "a", "exif": rotated}, False),
    ):
        image.save(tmp_path / name, "JPEG", **options)
        cases[(tmp_path / name).read_bytes()] = bare
    image.save(tmp_path / "a.png")
    cases |= {(tmp_path / "a.png").read_bytes(): False, b"": False}
    assert [bool(_is_bare(tf.constant(content))) for content in cases] == list(cases.values())


def test_the_reason_for_a_refusal_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"%PDF-1.7")
    Image.new("RGB", (90, 90)).save(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").write_bytes((tmp_path / "b.jpg").read_bytes()[:400])
    files = FileImages(str(tmp_path), np.array([b"a.jpg", b"b.jpg"]), 4, Damage(2, 1.0))
    swept(files)
    reasons = files.damage.table()["reason"]
    assert reasons[0].startswith("a PDF file, not one of JPEG, PNG")
    assert "JPEG" in reasons[1] and "Traceback" not in "".join(reasons)


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_sweep_gives_every_file_once_in_order(
    tmp_path: Path, replicas: int, mirrored: tf.distribute.Strategy
) -> None:
    files = some_files(tmp_path)
    one_by_one = np.concatenate([swept(files[np.array([i])]) for i in range(5)])
    strategy = mirrored if replicas == 2 else None
    np.testing.assert_array_equal(swept(files, strategy), one_by_one)
    assert len({x.tobytes() for x in one_by_one}) == 5


def damage(data: Dataset, index: int, content: bytes = b"no image") -> bytes:
    """Spoils a training image; returns its path."""
    path = data.train.images.paths[index]
    Path(data.train.images.root, os.fsdecode(path)).write_bytes(content)
    return path


def test_the_next_example_of_the_class_stands_in_for_a_damaged_one(tmp_path: Path) -> None:
    data = dataset(tmp_path)
    before = read(pipeline(data), 0, 6)
    damage(data, 9)
    damage(data, 10)  # whose turn it would be: labels are 8 of each class in order
    after = read(pipeline(data), 0, 6)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(
            np.where(np.isin(old.index, [9, 10]), 11, old.index), new.index
        )
        np.testing.assert_array_equal(old.label, new.label)
        same = ~np.isin(old.index, [9, 10])
        np.testing.assert_array_equal(old.image[same], new.image[same])
    assert data.damage is not None and data.damage.count == 2
    assert data.damage.table()["path"] == ["train/bee/01.jpg", "train/bee/02.jpg"]
    assert all(data.damage.table()["reason"])


def test_the_last_of_a_class_is_followed_by_its_first(tmp_path: Path) -> None:
    data = dataset(tmp_path)
    before = np.concatenate([b.index for b in read(pipeline(data), 0, 6)])
    damage(data, 15)
    after = np.concatenate([b.index for b in read(pipeline(data), 0, 6)])
    np.testing.assert_array_equal(np.where(before == 15, 8, before), after)


def test_batches_depend_on_the_step_and_not_on_when_damage_is_found(
    tmp_path: Path, mirrored: tf.distribute.Strategy
) -> None:
    trees.write_folder(tmp_path, train=8, test=2)
    for seed, (start, strategy) in enumerate([(0, None), (7, None), (7, mirrored)]):
        data = dataset(tmp_path)  # knows of no damage yet, as a process that resumes
        if seed == 0:
            truncated = Path(tmp_path, "train/ant/03.jpg").read_bytes()[:300]
        damage(data, 3, truncated)
        damage(data, 20)
        batches = read(pipeline(data), start, 12, strategy)
        if seed == 0:
            expected = batches
        assert_same(batches, expected[start:])


def test_damage_within_a_block_changes_no_other_batch_of_it(tmp_path: Path) -> None:
    indices = []
    for size in (0, 4):
        data = dataset(tmp_path)  # knows of no damage yet
        damage(data, 9)
        source = pipeline(data)
        found = source.batches(tf.distribute.get_strategy(), 0, 6, block=size)
        indices.append(np.concatenate([np.ravel(batch.index) for batch in found]))
    np.testing.assert_array_equal(indices[0], indices[1][: 6 * 4])
    assert 9 not in indices[0] and not indices[1][6 * 4 :].any()


@pytest.mark.parametrize("finder", ["an evaluation", "another worker"])
def test_what_somebody_else_has_found_since_the_batches_began_does_not_end_them(
    tmp_path: Path, finder: str
) -> None:
    data = dataset(tmp_path)
    source = pipeline(data)
    last = read(source, 5, 6)[0].index[0]
    path = damage(data, last)
    batches = source.batches(tf.distribute.get_strategy(), 0, 6)
    seen = [next(batches).index.numpy()]
    assert data.damage is not None and data.damage.count == 0
    if finder == "an evaluation":
        swept(data.train.images)
    else:
        data.damage.add({path: "no image"})
    seen += [batch.index.numpy() for batch in batches]
    assert data.damage.count == 1 and last not in np.concatenate(seen)
    expected = read(pipeline(data), 0, 6)
    np.testing.assert_array_equal(seen, [batch.index for batch in expected])


def test_a_class_without_any_readable_image_ends_the_run(tmp_path: Path) -> None:
    data = dataset(tmp_path)
    assert data.damage is not None
    data.damage.add({damage(data, index): "no image" for index in range(8, 16)})
    with pytest.raises(TrainingStopped, match="^no readable image is left of class bee$"):
        read(pipeline(data), 0, 6)


def test_too_many_damaged_images_end_the_run(tmp_path: Path) -> None:
    data = dataset(tmp_path, damaged_limit=0.04)  # of 30 files: one
    for index in (0, 8, 16):
        damage(data, index)
    with pytest.raises(TrainingStopped, match=r"of 30 image files .* `damaged_limit` allows 1: tr"):
        read(pipeline(data), 0, 6)


@pytest.mark.parametrize(
    ("files", "limit", "allowed"), [(10, 0.01, 1), (60, 0.01, 1), (250, 0.01, 2), (250, 0, 0)]
)
def test_a_few_files_may_have_a_damaged_one_among_them(
    files: int, limit: float, allowed: int
) -> None:
    found = Damage(files, limit)
    found.add({f"{k}.jpg".encode(): "no image" for k in range(allowed)})
    with pytest.raises(TrainingStopped, match=f"allows {allowed}: "):
        found.add({b"one more.jpg": "no image"})


def test_other_errors_are_not_taken_for_damage(tmp_path: Path) -> None:
    files = some_files(tmp_path)
    error = tf.errors.InvalidArgumentError(None, None, "something else")
    with pytest.raises(tf.errors.InvalidArgumentError, match="something else"):
        images.loader(files).examine(np.arange(5), error)
    with pytest.raises(tf.errors.InvalidArgumentError, match="something else"):
        images.loader(np.zeros((5, 2, 2, 3), np.uint8)).examine(np.arange(5), error)


def test_damaged_test_images_are_grey_and_known(tmp_path: Path) -> None:
    files = some_files(tmp_path)
    before = swept(files)
    (tmp_path / "3.png").unlink()
    after = swept(files)
    np.testing.assert_array_equal(images.readable(files), [True, True, True, False, True])
    np.testing.assert_array_equal(images.readable(files[np.array([3, 1])]), [False, True])
    np.testing.assert_array_equal(after[3], np.zeros((8, 8, 3)))
    np.testing.assert_array_equal(np.delete(after, 3, 0), np.delete(before, 3, 0))


def test_first_few_names() -> None:
    assert first_few(["a", "b", "c"]) == "a, b, c"
    assert first_few(list("abcdef")) == "a, b, c and 3 more"

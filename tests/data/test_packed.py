"""Packed images beside the files that they were made of."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ieg.data import packed
from ieg.data.dataset import Dataset, prepare
from ieg.data.files import FileImages
from ieg.data.images import loader
from ieg.data.pipeline import Pipeline
from ieg.data.settings import DataSettings
from ieg.errors import InputError
from ieg.features import Pictures
from ieg.main import main
from tests.data import trees


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packed images of tmp_path/photos, in several shards."""
    trees.write_folder(tmp_path / "photos", train=6, test=2, probe=1)
    longer = tmp_path / "photos" / "train" / "bee" / "03.jpg"
    longer.write_bytes(longer.read_bytes() + bytes(5))
    monkeypatch.setattr(packed, "SHARD_BYTES", 10_000)
    folder = tmp_path / "packed"
    words = (f"--dataset=folder:{tmp_path / 'photos'}", f"--output={folder}")
    assert main(["ieg", "--mode=pack", *words]) == 0
    assert len(list(folder.glob("images-*.arrayrecord"))) > 2
    return folder


def _data(name: str) -> Dataset:
    return prepare(DataSettings(name, image_size=16), seed=1, probe=True)


def _images(data: Dataset) -> FileImages:
    assert isinstance(data.train.images, FileImages)
    return data.train.images


def test_batches_are_those_of_the_files_bit_for_bit(pack: Path, tmp_path: Path) -> None:
    both = [_data(f"folder:{tmp_path / 'photos'}"), _data(f"packed:{pack}")]
    loose, other = both
    assert other.class_names == loose.class_names and other.digest == loose.digest
    assert other.file_sizes() == loose.file_sizes()
    lines = [Pipeline(d, batch_size=5, probe_size=3, seed=1, strong=d.strong) for d in both]
    strategy = tf.distribute.get_strategy()
    batches = zip(*(line.batches(strategy, 0, 8) for line in lines), strict=True)
    for one, two in batches:
        tf.nest.map_structure(np.testing.assert_array_equal, one, two)
    index = np.arange(6).reshape(2, 3)
    one, two = (list(loader(data.evaluation.images).test_batches(index)) for data in both)
    np.testing.assert_array_equal(one, two)
    files, records = (Pictures(_images(data)) for data in both)
    assert files.keys == records.keys
    content = _images(other).paths[3]
    np.testing.assert_array_equal(files.pixels(content), records.pixels(content))


def test_labels_of_several_people_and_splits_stay(tmp_path: Path) -> None:
    lines = ["path,label_1,label_2,split"]
    for number in range(12):
        trees.write_image(tmp_path / f"{number}.jpg", number % 2, number)
        split = {9: "validation", 10: "test", 11: "test"}.get(number, "train")
        lines.append(f"{number}.jpg,{number % 2},{(number + (number == 4)) % 2},{split}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    flags = (f"--dataset=csv:{tmp_path / 'labels.csv'}", f"--output={tmp_path / 'packed'}")
    assert main(["ieg", "--mode=pack", *flags]) == 0
    names = (f"csv:{tmp_path / 'labels.csv'}", f"packed:{tmp_path / 'packed'}")
    loose, other = (
        prepare(DataSettings(name, image_size=16, eval_split="validation"), seed=1)
        for name in names
    )
    assert loose.annotations is not None and other.annotations is not None
    for one, two in zip(loose.annotations, other.annotations, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(other.given_labels, loose.given_labels)
    np.testing.assert_array_equal(other.true_labels, loose.true_labels)
    assert len(other.evaluation.labels) == 1


def test_a_damaged_record_is_a_damaged_image(pack: Path) -> None:
    shard = pack / "images-00000.arrayrecord"
    content = bytearray(shard.read_bytes())
    content[1000] ^= 1  # in the first image
    shard.write_bytes(content)
    images = _images(_data(f"packed:{pack}"))
    images.damage._most = 100
    pixels = next(images.loader().test_batches(np.arange(2)[np.newaxis]))
    assert (pixels[0].numpy() == 127.5).all() and (pixels[1].numpy() != 127.5).any()
    assert images.damage.table()["path"] == ["train/ant/00.jpg"]


def test_what_is_no_whole_pack_is_refused(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*flags: str) -> str:
        assert main(["ieg", *flags]) == 2
        return capsys.readouterr().err

    photos = f"--dataset=folder:{tmp_path / 'photos'}"
    assert "packed has pack.npz; give a new folder" in refused(
        "--mode=pack", photos, f"--output={pack}"
    )
    assert "needs a folder to write to: --output=FOLDER" in refused("--mode=pack", photos)
    assert "packs images of your own, folder or csv" in refused("--mode=pack", "--dataset=digits")
    shards = sorted(pack.glob("images-*"))
    shards[0].write_bytes(shards[0].read_bytes()[:-1])
    shards[2].unlink()
    with pytest.raises(InputError, match=f"missing or cut off: {shards[0]}, {shards[2]}; pack the"):
        packed.read(pack)
    (pack / "pack.npz").write_bytes(b"half")
    with pytest.raises(InputError, match=r"pack\.npz is damaged"):
        packed.read(pack)
    (pack / "pack.npz").unlink()
    with pytest.raises(InputError, match=r"has no pack\.npz: it is no whole pack"):
        packed.read(pack)
    (pack / "images-1.jpg").touch()  # of a person
    left = sorted(pack.iterdir())
    assert "packed has images-1.jpg; give a" in refused("--mode=pack", photos, f"--output={pack}")
    assert sorted(pack.iterdir()) == left
    (pack / "images-1.jpg").unlink()
    # What a killed process has left is no reason to stop.
    assert main(["ieg", "--mode=pack", photos, f"--output={pack}"]) == 0
    assert len(packed.read(pack).pack.paths) == 27

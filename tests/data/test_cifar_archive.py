"""The official archives of CIFAR: what is read from them, and which are refused."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ieg.data.cifar import CIFAR10, CIFAR100, Contents, Layout, Records, archive
from ieg.errors import InputError
from tests.data import archives
from tests.data.archives import LAYOUTS, assert_same

both = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)


def test_a_record_is_labels_then_planes_of_red_green_and_blue(tmp_path: Path) -> None:
    record = bytes([3, 19]) + bytes([1] * 32 + [2] * 992) + bytes([4] * 1024) + bytes([5] * 1024)
    packed = archives.files(CIFAR100, archives.made_up(CIFAR100)) | {"test.bin": record}
    test = archive.read(archives.write(tmp_path, CIFAR100, packed), CIFAR100).test
    assert (test.superlabels.tolist(), test.labels.tolist()) == ([3], [19])
    assert test.images.shape == (1, 32, 32, 3)
    np.testing.assert_array_equal(test.images[0, 0], [[1, 4, 5]] * 32)
    np.testing.assert_array_equal(test.images[0, 1:].reshape(-1, 3), [[2, 4, 5]] * 992)


@both
def test_records_come_in_the_order_of_the_files_names(layout: Layout, folder: Path) -> None:
    contents = archive.read(folder / layout.archive, layout)
    assert_same(contents, archives.made_up(layout))
    for split in contents[:2]:
        assert (split.images.dtype, split.labels.dtype) == (np.uint8, np.int64)
        assert split.images.flags.c_contiguous


def test_files_longer_than_a_block_are_read_whole(tmp_path: Path) -> None:
    part = archives.made_up(CIFAR10).train
    many = Records(*(np.concatenate([array] * 19) for array in part))  # 2,280 records
    packed = archives.files(CIFAR10, Contents(part, many, archives.made_up(CIFAR10).class_names))
    test = archive.read(archives.write(tmp_path, CIFAR10, packed), CIFAR10).test
    np.testing.assert_array_equal(test.images, many.images)
    np.testing.assert_array_equal(test.labels, many.labels)


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    packed = {"readme.html": b"<html>", **archives.files(CIFAR10, archives.made_up(CIFAR10))}
    assert_same(
        archive.read(archives.write(tmp_path, CIFAR10, packed), CIFAR10), archives.made_up(CIFAR10)
    )


@both
def test_reading_writes_nothing(layout: Layout, folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    archive.read(folder / layout.archive, layout)
    assert sorted(folder.rglob("*")) == before


def damaged(change: Callable[[dict[str, bytes]], Any]) -> Callable[[Path], None]:
    """Writes an archive after something was done to its files."""

    def write(folder: Path) -> None:
        packed = archives.files(CIFAR10, archives.made_up(CIFAR10))
        change(packed)
        archives.write(folder, CIFAR10, packed)

    return write


def rewritten(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Writes an archive after something was done to its bytes."""

    def write(folder: Path) -> None:
        path = archives.write(folder, CIFAR10)
        path.write_bytes(change(path.read_bytes()))

    return write


def packed_twice(folder: Path) -> None:
    packed = archives.files(CIFAR10, archives.made_up(CIFAR10))
    whole = archives.tar(CIFAR10, packed)
    both_times = whole.rstrip(b"\0") + b"\0" * (-len(whole.rstrip(b"\0")) % 512) + whole
    (folder / CIFAR10.archive).write_bytes(gzip.compress(both_times))


def flipped(content: bytes) -> bytes:
    """Pixels that are stored as they are, so that only the checksum can tell."""
    whole = bytearray(gzip.compress(gzip.decompress(content), compresslevel=0))
    whole[len(whole) // 2] ^= 1
    return bytes(whole)


DAMAGE = {
    "a wrong label": (
        damaged(lambda f: f.update({"data_batch_2.bin": b"\x0a" + f["data_batch_2.bin"][1:]})),
        r"data_batch_2.bin: label 10 of record 0 is out of range 0 to 9$",
    ),
    "a cut file": (
        damaged(lambda f: f.update({"test_batch.bin": f["test_batch.bin"][:-1]})),
        r"test_batch.bin has 92,189 bytes, .* multiple of the 3,073 of a record; .* truncated$",
    ),
    "an empty file": (
        damaged(lambda f: f.update({"data_batch_5.bin": b""})),
        "data_batch_5.bin has 0 bytes",
    ),
    "a missing file": (damaged(lambda f: f.pop("data_batch_3.bin")), "it lacks data_batch_3.bin$"),
    "no names": (damaged(lambda f: f.pop("batches.meta.txt")), "it lacks batches.meta.txt$"),
    "few names": (
        damaged(lambda f: f.update({"batches.meta.txt": b"cat\ndog\n"})),
        "batches.meta.txt must hold 10 different class names, not 2$",
    ),
    "another batch": (
        damaged(lambda f: f.update({"data_batch_6.bin": b""})),
        "is not the official cifar-10-binary.tar.gz: it holds data_batch_6.bin$",
    ),
    "another folder": (
        damaged(lambda f: f.update({"cifar-10-batches-py/data_batch_1": b"pickled"})),
        "cifar-10-batches-py/data_batch_1 is no file of its folder cifar-10-batches-bin$",
    ),
    "a way out": (
        damaged(lambda f: f.update({"../../etc/passwd": b""})),
        "../../etc/passwd is no file of its folder cifar-10-batches-bin$",
    ),
    "the other archive": (
        lambda folder: (archives.write(folder, CIFAR100)).rename(folder / CIFAR10.archive),
        "is not the official cifar-10-binary.tar.gz",
    ),
    "files twice": (packed_twice, "holds batches.meta.txt twice$"),
    "half a download": (rewritten(lambda b: b[: len(b) // 2]), "damaged or no .tar.gz archive"),
    "a cut end": (rewritten(lambda b: b[:-4]), "damaged or no .tar.gz archive"),
    "half an archive": (
        rewritten(lambda b: gzip.compress(gzip.decompress(b)[:100_000])),
        "damaged or no .tar.gz archive",
    ),
    "a flipped bit": (rewritten(flipped), "CRC check failed"),
    "no gzip": (rewritten(gzip.decompress), "Not a gzipped file"),
    "no tar": (rewritten(lambda b: gzip.compress(b"hello" * 500)), "no .tar.gz archive"),
    "nothing": (rewritten(lambda b: b""), "damaged or no .tar.gz archive"),
    "a folder": (lambda folder: (folder / CIFAR10.archive).mkdir(), "Is a directory"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_archive_is_refused_in_one_line(what: str, tmp_path: Path) -> None:
    damage, message = DAMAGE[what]
    damage(tmp_path)
    with pytest.raises(InputError, match=message) as raised:
        archive.read(tmp_path / CIFAR10.archive, CIFAR10)
    assert str(tmp_path / CIFAR10.archive) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("byte", "what"), [(0, "coarse label 20"), (1, "label 100")])
def test_a_wrong_label_of_cifar100_is_refused(byte: int, what: str, tmp_path: Path) -> None:
    packed = archives.files(CIFAR100, archives.made_up(CIFAR100))
    content = bytearray(packed["train.bin"])
    content[7 * CIFAR100.record_bytes + byte] = int(what.split()[-1])
    archives.write(tmp_path, CIFAR100, packed | {"train.bin": bytes(content)})
    with pytest.raises(InputError, match=f"train.bin: {what} of record 7 is out of range"):
        archive.read(tmp_path / CIFAR100.archive, CIFAR100)

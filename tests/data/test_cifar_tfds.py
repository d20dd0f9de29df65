"""CIFAR through TensorFlow Datasets: the images of the archive in the order of the archive."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ieg.data import sources, tfds
from ieg.data.cifar import CIFAR10, CIFAR100, Layout, catalogue
from ieg.data.sources import Request, Source
from ieg.errors import InputError
from tests.data import archives
from tests.data.archives import LAYOUTS, StandIn, assert_same

both = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)


def load(layout: Layout, folder: Path) -> Source:
    return sources.REGISTRY.get(layout.name).load(Request(str(folder)))


@both
def test_tensorflow_datasets_gives_the_same_images_in_the_same_order(
    layout: Layout, folder: Path, package: Callable[..., StandIn], tmp_path: Path
) -> None:
    package()
    ours, theirs = load(layout, folder), load(layout, tmp_path)
    for split in ("train", "test"):
        one, other = getattr(ours, split), getattr(theirs, split)
        np.testing.assert_array_equal(one.images, other.images, strict=True)
        np.testing.assert_array_equal(one.labels, other.labels, strict=True)
    assert (ours.class_names, ours.note) == (theirs.class_names, theirs.note)
    np.testing.assert_array_equal(ours.confusion, theirs.confusion)
    np.testing.assert_array_equal(ours.superclass, theirs.superclass)


def test_ids_count_records_and_not_the_order_of_reading(tmp_path: Path) -> None:
    contents = archives.made_up(CIFAR10)
    standin = StandIn({"cifar10": contents}, tmp_path)
    builder = standin.builder("cifar10")
    first = next(builder.as_dataset(split="train", batch_size=5))
    assert not np.array_equal(first["image"], contents.train.images[:5])
    assert_same(catalogue.read(CIFAR10, builder, standin), contents)


def test_an_archive_goes_before_tensorflow_datasets(
    folder: Path, package: Callable[..., StandIn]
) -> None:
    standin = package()
    load(CIFAR10, folder)
    assert not standin.downloaded


def test_data_that_tensorflow_datasets_has_already_are_not_downloaded(
    package: Callable[..., StandIn], tmp_path: Path
) -> None:
    standin = package(online=False)
    (tmp_path / "usual" / "cifar10" / "3.0.2").mkdir(parents=True)
    assert len(load(CIFAR10, tmp_path / "data").train.labels) == 120
    assert not standin.downloaded


def test_a_download_goes_to_the_data_folder(
    package: Callable[..., StandIn], tmp_path: Path
) -> None:
    standin = package()
    load(CIFAR100, tmp_path / "data")
    load(CIFAR100, tmp_path / "data")
    assert standin.downloaded == [str(tmp_path / "data" / "cifar100" / "3.0.2")]


CURL = "curl -L --create-dirs -o {folder}/{archive} https://www.cs.toronto.edu/~kriz/{archive}"


@both
def test_without_data_and_package_both_ways_are_named(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(InputError, match=f"^{layout.title} is not in .*`dataset_dir`") as raised:
        load(layout, tmp_path)
    line = str(raised.value)
    assert "pip install tensorflow-datasets" in line
    assert line.endswith(CURL.format(folder=tmp_path, archive=layout.archive))
    assert "\n" not in line and not list(tmp_path.iterdir())


def test_a_failed_download_names_the_reason_and_the_other_way(
    package: Callable[..., StandIn], tmp_path: Path
) -> None:
    package(online=False)
    with pytest.raises(InputError, match=r"\(OSError: no route to host and more of it\)") as raised:
        load(CIFAR10, tmp_path)
    line = str(raised.value)
    assert line.endswith(CURL.format(folder=tmp_path, archive="cifar-10-binary.tar.gz"))
    assert "\n" not in line


def test_a_host_that_is_not_there_is_told_before_any_download(
    package: Callable[..., StandIn], tmp_path: Path
) -> None:
    standin = package()
    standin.urls = ["http://127.0.0.1:9/cifar-10-binary.tar.gz"]  # nobody listens at port 9
    with pytest.raises(InputError, match="http://127.0.0.1:9/.* cannot be reached") as raised:
        load(CIFAR10, tmp_path)
    assert "curl -L" in str(raised.value) and not standin.downloaded
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "archive.INFO").touch()  # it has been downloaded before
    assert len(load(CIFAR10, tmp_path).train.labels) == 120


def test_a_host_that_keeps_silent_costs_seconds(
    package: Callable[..., StandIn], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tfds, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes the call and says nothing
        package().urls = [f"http://127.0.0.1:{server.getsockname()[1]}/archive"]
        with pytest.raises(InputError, match="cannot be reached"):
            load(CIFAR10, tmp_path)


class TwiceTheSame(StandIn):
    def identity(self, split: str, index: int) -> str:
        return super().identity(split, max(index, 1))


class BeyondTheEnd(StandIn):
    def identity(self, split: str, index: int) -> str:
        return super().identity(split, index + 1)


class OtherWords(StandIn):
    def identity(self, split: str, index: int) -> str:
        return f"image-{index}"


@pytest.mark.parametrize("cls", [TwiceTheSame, BeyondTheEnd, OtherWords])
def test_unexpected_ids_are_refused(
    cls: type[StandIn], package: Callable[..., StandIn], tmp_path: Path
) -> None:
    package(cls)
    with pytest.raises(InputError, match="ids must be train_00000 to train_00119, each once"):
        load(CIFAR10, tmp_path)

"""Data sets of TensorFlow Datasets, with builders made on the spot and no network."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow_datasets as tfds

from ieg.data import sources
from ieg.data.files import FileImages
from ieg.data.images import loader
from ieg.data.names import DatasetName, absolute, parse, without_folders
from ieg.data.sources import Request, Source
from ieg.errors import InputError
from ieg.main import main
from tests import runs

#: Class k is an image of one shade of gray, 100 k; sizes differ.
CLASSES = ["zebra finch", "../ant"]
SIZES = {"train": 20, "test": 6, "validation": 4}


def example(number: int) -> dict[str, Any]:
    label = number % 2
    return {"image": np.full([20 + number, 24, 3], 100 * label, np.uint8), "label": label}


class _Shades(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version("1.0.0")
    SIZES: ClassVar = SIZES

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Image(shape=(None, None, 3))
        label = tfds.features.ClassLabel(names=CLASSES)
        features = tfds.features.FeaturesDict({"image": image, "label": label})
        return self.dataset_info_from_configs(features=features)

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
        return {split: self._generate_examples(size) for split, size in self.SIZES.items()}

    def _generate_examples(self, size: int) -> Iterator:
        for number in range(size):
            yield number, example(number)


class IegShades(_Shades):
    """All three splits."""


class IegShadesTrain(_Shades):
    """No test split, and one that is not read."""

    SIZES: ClassVar = {"train": 20, "unlabelled": 3}


class IegShadesTest(_Shades):
    """No training split."""

    SIZES: ClassVar = {"test": 6}


class IegUnlabelled(_Shades):
    """No label."""

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Image(shape=(None, None, 3))
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({"image": image, "text": tfds.features.Text()})
        )


class IegSentences(_Shades):
    """A label and no image."""

    def _info(self) -> tfds.core.DatasetInfo:
        label = tfds.features.ClassLabel(names=CLASSES)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({"image": tfds.features.Text(), "label": label})
        )


@pytest.fixture(autouse=True)
def nothing_is_prepared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The place where the package keeps its data, instead of the home folder."""
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "usual"))


def load(name: str, folder: Path, **more: Any) -> Source:
    return sources.REGISTRY.get("tfds").load(Request(str(folder), name, **more))


def shades(images: Any) -> list[float]:
    (batch,) = loader(images).test_batches(np.arange(len(images))[np.newaxis])
    assert batch.shape == (len(images), 32, 32, 3)
    return np.asarray(batch).mean(axis=(1, 2, 3)).tolist()


def test_images_labels_and_class_names_are_those_of_the_builder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = load("ieg_shades", tmp_path, image_size=32)
    assert source.class_names == ("zebra finch", "../ant")
    for split, name in ((source.train, "train"), (source.test, "test"), (source.validation, "val")):
        assert split is not None and isinstance(split.images, FileImages)
        assert np.bincount(split.labels).tolist() == [len(split.images) // 2] * 2
        assert shades(split.images) == pytest.approx((100 * split.labels).tolist()), name
    assert [len(source.train.images), len(source.test.images)] == [20, 6]
    assert source.note == "ieg_shades/1.0.0 of TensorFlow Datasets"
    assert (source.train.true_labels == -1).all()
    assert "validation is used by --eval_split=validation alone" in caplog.text
    root = tmp_path / "tfds" / "ieg_shades"
    assert {str(path.parent.relative_to(root)) for path in tmp_path.rglob("*.png")} == {
        f"{split}/{name}" for split in SIZES for name in ("0-zebra-finch", "1--ant")
    }


def test_the_second_time_the_package_is_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load("ieg_shades", tmp_path)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    after = load("ieg_shades", tmp_path)
    np.testing.assert_array_equal(before.train.labels, after.train.labels)
    assert before.train.images.paths.tolist() == after.train.images.paths.tolist()
    with pytest.raises(InputError, match="TensorFlow Datasets is not installed: pip install"):
        load("ieg_shades_train", tmp_path)


def test_without_a_test_split_one_is_made_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = load("ieg_shades_train", tmp_path)
    assert [len(source.train.images), len(source.test.images)] == [16, 4]
    assert np.bincount(source.test.labels).tolist() == [2, 2]
    assert source.made_split is not None and len(source.made_split["path"]) == 20
    assert "there is no test split: a fifth of the images" in caplog.text
    assert "splits that are not read: unlabelled" in caplog.text


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("ieg_shadez", r"no such data set \(did you mean .*ieg_shades"),
        ("ieg_shades:9.9.9", "cannot be loaded at version 9.9.9"),
        ("ieg_shades/large", "TensorFlow|BuilderConfig|config"),
        ("../photos", "must be tfds:NAME, tfds:NAME/CONFIG"),
        ("ieg_unlabelled", "no class is called label; its examples have image, text"),
        ("ieg_sentences", "no image is called image; its examples have image, label"),
        ("ieg_shades_test", "has no split train with labels; its splits: test"),
    ],
)
def test_what_cannot_be_read_is_one_line(name: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=problem) as raised:
        load(name, tmp_path)
    line = str(raised.value)
    assert line.startswith(f"`dataset=tfds:{name}`: ") and "\n" not in line and len(line) < 400
    assert not (tmp_path / "tfds").exists() or not list((tmp_path / "tfds").glob("[!.]*"))


def test_a_name_takes_noise_as_a_path_does_and_names_the_run() -> None:
    found = parse("tfds:imagenet_v2/topimages:3.0.0", "uniform_0.4")
    assert found == DatasetName(
        "tfds", noise="uniform", ratio=0.4, listed="imagenet_v2/topimages:3.0.0",
        text="tfds:imagenet_v2/topimages:3.0.0", noise_words="uniform_0.4",
    )  # fmt: skip
    assert found.title == "tfds:imagenet_v2/topimages:3.0.0, uniform_0.4"
    assert found.folder() == "tfds_imagenet_v2-topimages-3.0.0_uniform_0.4"
    assert absolute("tfds:mnist") == without_folders("tfds:mnist") == "tfds:mnist"
    for name, problem in (("tfds:", "the name is missing"), ("tfds", "tfds takes a name: tfds:N")):
        with pytest.raises(InputError, match=problem):
            parse(name)


def test_a_command_trains_on_it(tmp_path: Path) -> None:
    flags = ("--backbone=none", "--network_name=cnn", "--method=l2r", "--noise=uniform_0.2",
             "--probe_dataset_hold_ratio=0.2", "--image_size=16", "--batch_size=4",
             "--max_iteration=2")  # fmt: skip
    places = (f"--dataset_dir={tmp_path}", f"--checkpoint_path={tmp_path / 'runs'}")
    assert main(["ieg", "--dataset=tfds:ieg_shades", *flags, *places]) == 0
    assert "tfds_ieg_shades_uniform_0.2" in runs.only_run(tmp_path / "runs").parts

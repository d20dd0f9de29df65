"""CIFAR-10 and CIFAR-100 as data sets: class maps, notes, noise and imbalance."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ieg.augment.weak import WeakAugmentation
from ieg.data import sources
from ieg.data.cifar import CIFAR10, CIFAR100, Layout, archive, catalogue
from ieg.data.dataset import Dataset
from ieg.data.sources import Request, Source, cifar
from ieg.errors import InputError
from tests.data import archives
from tests.data.archives import LAYOUTS, StandIn, assert_same
from tests.datasets import prepare

both = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)


def load(layout: Layout, folder: Path) -> Source:
    return sources.REGISTRY.get(layout.name).load(Request(str(folder)))


def test_a_class_in_two_superclasses_is_refused(tmp_path: Path) -> None:
    contents = archives.made_up(CIFAR100)
    contents.train.superlabels[3] = (contents.train.superlabels[3] + 1) % 20
    archives.write(tmp_path, CIFAR100, archives.files(CIFAR100, contents))
    label = contents.train.labels[3]
    with pytest.raises(InputError, match=f"class_{label} have different coarse labels"):
        load(CIFAR100, tmp_path)


def test_a_class_without_images_is_refused(tmp_path: Path) -> None:
    contents = archives.made_up(CIFAR10)
    contents.train.labels[contents.train.labels == 4] = 5
    archives.write(tmp_path, CIFAR10, archives.files(CIFAR10, contents))
    with pytest.raises(InputError, match="no training image of class class_4$"):
        load(CIFAR10, tmp_path)


def test_other_numbers_of_images_are_noted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(CIFAR10, folder).note == "cifar10-like (120 images)"
    assert prepare("cifar100", seed=1, probe_ratio=0, dataset_dir=str(folder)).note == (
        "cifar100-like (500 images)"
    )
    monkeypatch.setattr(cifar, "OFFICIAL_SIZES", (120, 31))
    assert load(CIFAR10, folder).note == "cifar10-like (120 images, 30 to test)"
    monkeypatch.setattr(cifar, "OFFICIAL_SIZES", (120, 30))
    assert load(CIFAR10, folder).note is None
    assert prepare("digits", seed=1, probe_ratio=0).note is None


@both
def test_images_are_shifted_by_two_and_mirrored(layout: Layout, folder: Path) -> None:
    assert load(layout, folder).weak == WeakAugmentation(pad=2, flip=True)


def test_what_cifar10_is_mistaken_for(folder: Path) -> None:
    classes = "airplane automobile bird cat deer dog frog horse ship truck"
    names = classes.split()
    mistaken = {names[a]: names[b] for a, b in enumerate(load(CIFAR10, folder).confusion) if a != b}
    assert mistaken == {
        "truck": "automobile", "bird": "airplane", "deer": "horse", "cat": "dog", "dog": "cat",
    }  # fmt: skip


def test_what_cifar100_is_mistaken_for(folder: Path) -> None:
    source = load(CIFAR100, folder)
    np.testing.assert_array_equal(source.superclass, np.arange(100) % 20)
    np.testing.assert_array_equal(source.confusion, (np.arange(100) + 20) % 100)


def test_the_next_in_a_group_by_hand() -> None:
    np.testing.assert_array_equal(
        cifar.next_in_group(np.array([0, 1, 0, 1, 1, 2])), [2, 3, 0, 4, 1, 5]
    )


def ready(folder: Path, name: str, **options: Any) -> Dataset:
    options = {"seed": 1, "probe_ratio": 0.0} | options
    return prepare(name, dataset_dir=str(folder), **options)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("cifar10_imbal_0.25", [12, 10, 8, 7, 6, 5, 4, 4, 3, 3]),  # 12 · 0.25^(k/9)
        ("cifar10_imbalstep_0.25_0.5", [12] * 5 + [3] * 5),
        ("cifar100_imbalstep_0.2", [5] * 50 + [1] * 50),
        ("cifar100_imbal_0.2_0.3", [5] + [4] * 13 + [3] * 18 + [2] * 25 + [1] * 43),
    ],
)
def test_class_sizes_start_from_the_class_size(folder: Path, name: str, sizes: list[int]) -> None:
    data = ready(folder, name)
    kept = data.train.labels[data.train_indices]
    np.testing.assert_array_equal(np.bincount(kept)[: len(sizes)], sizes)


@pytest.mark.parametrize("name", ["cifar10_asymmetric_1", "cifar100_asymmetric_1"])
def test_asymmetric_noise_follows_the_map(folder: Path, name: str) -> None:
    layout = CIFAR10 if name.startswith("cifar10_") else CIFAR100
    data, source = ready(folder, name), load(layout, folder)
    np.testing.assert_array_equal(data.given_labels, source.confusion[data.train.labels])
    np.testing.assert_array_equal(data.noise.expected, data.noise.transition)


def test_superpair_noise_stays_in_the_superclass(folder: Path) -> None:
    data = ready(folder, "cifar100_superpair_0.6")
    wrong = data.given_labels != data.train.labels
    assert data.noise.measured == wrong.mean() == pytest.approx(0.4 * 0.6)
    np.testing.assert_array_equal(data.given_labels[wrong] % 20, data.train.labels[wrong] % 20)
    np.testing.assert_allclose(data.noise.expected, data.noise.transition)


def test_superpair_noise_on_cifar10_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="superpair noise needs superclasses"):
        ready(folder, "cifar10_superpair_0.4")


@pytest.mark.skipif("IEG_CIFAR_DIR" not in os.environ, reason="IEG_CIFAR_DIR is not set")
@both
def test_archives_of_the_user(layout: Layout) -> None:
    folder = Path(os.environ["IEG_CIFAR_DIR"])
    source = load(layout, folder)
    assert set(source.train.labels) == set(source.test.labels) == set(range(layout.num_classes))
    assert len(source.train.images) > len(source.test.images) > 0
    assert 0 < source.train.images.mean() < 255
    if layout.num_superclasses:
        np.testing.assert_array_equal(np.bincount(source.superclass), [5] * 20)
    contents = archive.read(folder / layout.archive, layout)
    standin = StandIn({layout.name: contents}, folder)
    assert_same(catalogue.read(layout, standin.builder(layout.name), standin), contents)

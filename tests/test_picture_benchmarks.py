"""Benchmarks on CIFAR-10 and Fashion-MNIST: their data, their runs, their tables."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import pictures, two_classes
from ieg import own_code
from ieg.config import resolve
from ieg.data import sources
from ieg.data.cifar import CIFAR10
from ieg.data.sources import Request
from ieg.networks import create
from tests.data import test_mnist as mnist
from tests.markdown import body

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def registered() -> Iterator[None]:
    """The data sets and the network of the file, for the tests of this file only."""
    for registry in own_code.REGISTRIES:
        registry.names()
    before = [(registry, registry.entries()) for registry in own_code.REGISTRIES]
    own_code.load(["ieg", f"--own_code={ROOT / 'benchmarks/two_classes_data.py'}"])
    yield
    for registry, entries in before:
        registry.restore(entries)


def write_two(folder: Path) -> None:
    """As many 4s and 9s as the experiment takes, whose first pixels tell one from another."""
    mnist.write(folder, compressed=False)
    for part, counts in (("train", (800, 5500)), ("t10k", (30, 50))):
        labels = np.concatenate([np.repeat([4, 9], counts), np.arange(10)])
        images = np.zeros([len(labels), 28, 28])
        images[:, 0, 0], images[:, 0, 1] = (
            np.arange(len(labels)) % 256,
            np.arange(len(labels)) / 256,
        )
        (folder / f"{part}-images.idx3-ubyte").write_bytes(mnist.idx(images))
        (folder / f"{part}-labels.idx1-ubyte").write_bytes(mnist.idx(labels))


def test_two_classes_with_ten_clean_images(registered: None, tmp_path: Path) -> None:
    write_two(tmp_path / "mnist")
    load = sources.REGISTRY.get("mnist_two_98").load
    source = load(Request(dataset_dir=str(tmp_path), seed=3))
    assert source.class_names == ("9", "4")
    assert np.bincount(source.train.labels).tolist() == [4900, 100]
    assert source.validation is not None and source.probe is not None
    assert np.bincount(source.validation.labels).tolist() == [500, 500]
    assert np.bincount(source.test.labels).tolist() == [31, 31]
    np.testing.assert_array_equal(
        source.train.labels[source.probe.indices], source.probe.labels, strict=True
    )
    assert np.bincount(source.probe.labels).tolist() == [5, 5]
    numbers = [
        split.images[:, 0, 0, 0] + 256 * split.images[:, 0, 1, 0].astype(int)
        for split in (source.train, source.validation)
    ]
    together = np.concatenate(numbers)
    assert len(np.unique(together)) == len(together) == 6000
    assert ((numbers[0] < 800) == (source.train.labels == 1))[:-1].all()
    other = load(Request(dataset_dir=str(tmp_path), seed=4))
    assert (other.train.images != source.train.images).any()


def test_lenet_and_its_settings(registered: None) -> None:
    model = create("lenet", (28, 28, 1), 2)
    convolutions = 25 * 16 + 16 + 25 * 16 * 32 + 32
    assert model.count_params() == convolutions + (7 * 7 * 32 + 1) * 100 + 101 * 2
    for title, row in two_classes.ROWS.items():
        config = resolve({"dataset": "fashion_two_99.5", "method": row.method, **row.flags})
        assert config.network.network_name == "lenet", title


def test_mnist_is_taken_where_it_is(tmp_path: Path) -> None:
    assert two_classes.recipe(str(tmp_path)).datasets[0] == "fashion_two_95"
    (tmp_path / "mnist").mkdir()
    assert two_classes.recipe(str(tmp_path)).datasets[0] == "mnist_two_95"


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of data sets with 30 training images of Fashion-MNIST, of which 20 are taken."""
    monkeypatch.setattr(pictures, "IMAGES", 20)
    mnist.write(tmp_path / "origin/fashion-mnist")
    return tmp_path / "origin"


def test_the_first_images_are_taken(origin: Path, tmp_path: Path) -> None:
    names = pictures.gather(origin, tmp_path / "own")
    assert names == [f"fashion_mnist_{kind}" for kind in
                     ("uniform_0.4", "uniform_0.8", "asymmetric_0.4", "imbal_0.02")]  # fmt: skip
    load = sources.REGISTRY.get("fashion_mnist").load
    whole, cut = (load(Request(dataset_dir=str(p))) for p in (origin, tmp_path / "own"))
    np.testing.assert_array_equal(cut.train.images, whole.train.images[:20])
    np.testing.assert_array_equal(cut.train.labels, whole.train.labels[:20])
    np.testing.assert_array_equal(cut.test.images, whole.test.images)
    for name in (CIFAR10.archive, "cifar-10n.npz"):
        (origin / name).write_bytes(b"there")
    assert pictures.gather(origin, tmp_path / "own")[-2:] == [
        "cifar10_imbal_0.02",
        "cifar10n_worst",
    ]
    assert (tmp_path / "own" / CIFAR10.archive).read_bytes() == b"there"


def test_tables_of_what_is_finished(
    origin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, best in ((1, 0.5), (2, 0.7)):
        run = tmp_path / f"runs/l2r/fashion_mnist_uniform_0.4/cnn4/l2r/seed{seed}"
        run.mkdir(parents=True)
        result = {"top1": 0.4, "top1_best": best, "wrong_label_fit": None}
        (run / "result.json").write_text(json.dumps(result))
        (run / "audit.json").write_text(json.dumps({"auroc": 0.9}))
    flags = [f"--dataset_dir={origin}", f"--runs={tmp_path / 'runs'}", "--table"]
    assert pictures.main(flags) == 0
    printed = capsys.readouterr().out
    tables = printed.split("seeds 1, 2, 3\n")[1:]
    first = [next(row for row in body(table) if row[0] == "l2r") for table in tables]
    assert [row[1] for row in first] == ["0.400 ± 0.000", "0.600 ± 0.100", "-", "0.900 ± 0.000"]
    assert {cell for row in first for cell in row[2:]} == {"-"}


def test_no_data_set_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fashion-mnist").mkdir()  # goes before the folder of a package
    with pytest.raises(SystemExit) as stopped:
        pictures.main([f"--dataset_dir={tmp_path}", f"--runs={tmp_path / 'runs'}"])
    assert stopped.value.code == 2
    assert "error: neither Fashion-MNIST nor cifar-10-binary.tar.gz is" in capsys.readouterr().err


@pytest.mark.parametrize("dataset", ["cifar10_uniform_0.4", "fashion_mnist_uniform_0.4"])
def test_all_rows_are_settings_that_there_are(dataset: str) -> None:
    for row in pictures.ROWS.values():
        config = resolve(
            {"dataset": dataset, "method": row.method, "network_name": "cnn4", **row.flags}
        )
        assert config.training.max_epoch is not None and config.training.max_epoch <= 60


@pytest.mark.parametrize("dataset", ["cifar100_uniform_0.4", "cifar10n_worst"])
def test_settings_of_a_small_network_are_for_that_network(dataset: str) -> None:
    small = resolve({"dataset": dataset, "method": "dynamic_loss", "network_name": "cnn4"})
    assert small.training.batch_size == 100 and small.training.lr_schedule == "cosine_one"
    assert small.origins["max_epoch"] == "preset of the data set"
    published = resolve({"dataset": dataset, "method": "dynamic_loss"})
    assert published.training.batch_size == 512 and published.training.max_epoch == 325
    assert resolve({"dataset": dataset, "method": "l2r"}).training.max_epoch is None

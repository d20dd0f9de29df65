"""MNIST and Fashion-MNIST from idx files written by the test."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ieg import config
from ieg.data import sources
from ieg.data.sources import Request
from ieg.errors import InputError

TRAIN, TEST = 30, 20


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write(folder: Path, *, compressed: bool = True) -> dict[str, np.ndarray]:
    """Four files with labels 0, 1, 2, ...; returns the arrays by the names of their files."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", TRAIN), ("t10k", TEST)):
        arrays[f"{part}-images-idx3-ubyte"] = rng.integers(256, size=(count, 28, 28))
        arrays[f"{part}-labels-idx1-ubyte"] = np.arange(count) % 10
    for name, array in arrays.items():
        content = idx(array)
        path = folder / (f"{name}.gz" if compressed else name.replace("-idx", ".idx"))
        path.write_bytes(gzip.compress(content) if compressed else content)
    return arrays


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_images_and_labels_are_those_of_the_files(
    name: str, compressed: bool, tmp_path: Path
) -> None:
    arrays = write(tmp_path / name.replace("_", "-"), compressed=compressed)
    source = sources.REGISTRY.get(name).load(Request(dataset_dir=str(tmp_path)))
    for split, part in ((source.train, "train"), (source.test, "t10k")):
        np.testing.assert_array_equal(split.images[..., 0], arrays[f"{part}-images-idx3-ubyte"])
        np.testing.assert_array_equal(split.labels, arrays[f"{part}-labels-idx1-ubyte"])
    assert source.note == f"{name}-like (30 images, 20 to test)"


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("mnist", {"2": "7", "3": "8", "5": "6", "6": "5", "7": "1"}),
        (
            "fashion_mnist",
            {
                **{"ankle boot": "sneaker", "sneaker": "sandal", "pullover": "shirt"},
                **{"coat": "dress", "dress": "coat"},
            },
        ),
    ],
)
def test_classes_that_are_mistaken(name: str, pairs: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path / name.replace("_", "-"))
    source = sources.REGISTRY.get(name).load(Request(dataset_dir=str(tmp_path)))
    names, mistaken = source.class_names, source.confusion
    assert mistaken is not None
    found = {names[k]: names[other] for k, other in enumerate(mistaken) if k != other}
    assert found == pairs


def test_noise_goes_with_the_longer_name() -> None:
    settings = config.resolve({"dataset": "fashion_mnist_asymmetric_0.4"})
    assert (settings.dataset.base, settings.dataset.noise) == ("fashion_mnist", "asymmetric")
    assert settings.network.network_name == "cnn4"


def _truncated(folder: Path) -> None:
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:200])


def _short(folder: Path) -> None:
    content = idx(np.zeros([TRAIN, 28, 28]))[:-1]
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))


def _huge(folder: Path) -> None:
    content = struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))


def _floats(folder: Path) -> None:
    content = struct.pack(">HBBI", 0, 13, 1, 1) + b"\0\0\0\0"
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(content))


def _other_size(folder: Path) -> None:
    content = idx(np.zeros([TRAIN, 32, 32]))
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))


def _eleven_classes(folder: Path) -> None:
    content = idx(np.arange(TEST) % 11)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(content))


def _missing(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_truncated, "cannot read"),
        (_short, "has 23,519 values, and not 30 x 28 x 28"),
        (_huge, "has 0 values"),
        (_floats, "no idx file of unsigned bytes in 1 dimensions"),
        (_other_size, "expected images of 28x28 pixels"),
        (_eleven_classes, "must have labels 0 to 9"),
        (_missing, "lacks t10k-labels-idx1-ubyte.gz"),
    ],
)
def test_damaged_files(spoil: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    write(tmp_path / "mnist")
    spoil(tmp_path / "mnist")
    with pytest.raises(InputError, match=words):
        sources.REGISTRY.get("mnist").load(Request(dataset_dir=str(tmp_path)))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"MNIST is not in .*: put the four files"):
        sources.REGISTRY.get("mnist").load(Request(dataset_dir=str(tmp_path)))

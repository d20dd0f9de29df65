"""Human labels for CIFAR: read, checked against the true ones, and trained on."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ieg.data import sources
from ieg.data.cifar import CIFAR10, CIFAR100
from ieg.data.dataset import Dataset
from ieg.data.sources import Request
from ieg.errors import InputError
from tests.data import archives
from tests.datasets import prepare

Arrays = Mapping[str, np.ndarray]

TRUE = archives.made_up(CIFAR10).train.labels
KEYS = {
    "aggre": "aggre_label",
    "rand1": "random_label1",
    "rand2": "random_label2",
    "rand3": "random_label3",
    "worst": "worse_label",
}


def people() -> dict[str, np.ndarray]:
    """Labels in the order of the images; each person moves every k-th label on by one."""
    given = {"clean_label": TRUE}
    for k, name in enumerate(KEYS.values(), start=2):
        given[name] = np.where(np.arange(len(TRUE)) % k == 0, (TRUE + 1) % 10, TRUE)
    return given


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Both archives and labels in the order of the images."""
    for layout in archives.LAYOUTS:
        archives.write(tmp_path, layout)
    np.savez(tmp_path / "cifar-10n.npz", **people())
    return tmp_path


def ready(folder: Path, name: str, **options: Any) -> Dataset:
    options = {"seed": 1, "probe_ratio": 0.0} | options
    return prepare(name, dataset_dir=str(folder), **options)


def refused(folder: Path, arrays: Arrays | None = None, name: str = "cifar10n_worst") -> str:
    """The one line with which labels are refused."""
    if arrays is not None:
        np.savez(folder / "cifar-10n.npz", **arrays)
    with pytest.raises(InputError) as raised:
        ready(folder, name)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("who", KEYS)
def test_each_set_has_its_labels(folder: Path, who: str) -> None:
    data = ready(folder, f"cifar10n_{who}")
    np.testing.assert_array_equal(data.given_labels, people()[KEYS[who]])
    np.testing.assert_array_equal(data.true_labels, TRUE)
    assert data.noise.measured == np.mean(data.given_labels != TRUE) > 0
    assert (data.noise.kind, data.noise.asked, data.noise.expected) == ("human labels", None, None)
    assert data.note == "cifar10-like (120 images)"


@pytest.mark.parametrize("key", ["noisy_label", "noise_label"])  # .pt and .npy differ in it
def test_cifar100_has_one_set(folder: Path, key: str) -> None:
    true = archives.made_up(CIFAR100).train.labels
    np.savez(folder / "cifar-100n.npz", clean_label=true, **{key: 99 - true})
    data = ready(folder, "cifar100n_fine")
    np.testing.assert_array_equal(data.given_labels, 99 - true)
    assert data.num_classes == 100


def test_labels_in_the_order_of_tensorflow_datasets_are_put_back(folder: Path) -> None:
    order = np.random.default_rng(3).permutation(len(TRUE))
    shuffled = {name: values[order] for name, values in people().items()}
    np.savez(folder / "cifar-10n.npz", **shuffled, image_order=order)
    data = ready(folder, "cifar10n_rand2")
    np.testing.assert_array_equal(data.given_labels, people()["random_label2"])


def test_the_lines_of_the_readme_convert_the_authors_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "cifar-10n.npz").unlink()
    for layout, n, key in ((CIFAR10, 10, "worse_label"), (CIFAR100, 100, "noise_label")):
        true = archives.made_up(layout).train.labels
        order = np.random.default_rng(n).permutation(len(true))
        labels = {"clean_label": true[order], key: list((true + 1)[order] % n)}
        np.save(folder / f"CIFAR-{n}_human_ordered.npy", np.array(labels, dtype=object))
        np.save(folder / f"image_order_c{n}.npy", order)
    readme = (Path(__file__).parents[2] / "data" / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (lines,) = (block for block in blocks if "human_ordered" in block)
    monkeypatch.chdir(folder)
    exec(lines, {})
    for name, layout in (("cifar10n_worst", CIFAR10), ("cifar100n_fine", CIFAR100)):
        expected = (archives.made_up(layout).train.labels + 1) % layout.num_classes
        np.testing.assert_array_equal(ready(folder, name).given_labels, expected)


def test_another_order_is_refused(folder: Path) -> None:
    turned = {name: values[::-1] for name, values in people().items()}
    line = refused(folder, turned)
    share = np.mean(TRUE[::-1] == TRUE)
    assert f"is the label of only {share:.1%} of the training images of CIFAR-10" in line
    assert "convert it again with image_order, as data/README.md says" in line


def test_an_order_that_repeats_itself_is_refused(folder: Path) -> None:
    order = np.arange(len(TRUE))
    order[5] = 6
    assert "is in another order" in refused(folder, people() | {"image_order": order})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"worse_label": TRUE[:-1]}, "worse_label of * must be 120 whole numbers"),
        ({"worse_label": TRUE + 0.5}, "not float64 of shape (120,)"),
        ({"worse_label": TRUE + 1}, "must hold numbers from 0 to 9 only"),
        ({"worse_label": TRUE - 1}, "must hold numbers from 0 to 9 only"),
        ({"image_order": np.arange(1, 121)}, "must hold numbers from 0 to 119 only"),
        ({"worse_label": None}, "lacks worse_label; it has aggre_label, clean_label, random_"),
        ({"clean_label": None}, "lacks clean_label; it has"),
    ],
)
def test_labels_that_cannot_be_are_refused(
    folder: Path, changes: dict[str, np.ndarray | None], message: str
) -> None:
    arrays = {k: v for k, v in (people() | changes).items() if v is not None}
    line = refused(folder, arrays)
    assert all(part in line for part in message.split("*"))


def test_a_missing_file_says_where_to_read_on(folder: Path) -> None:
    line = refused(folder, name="cifar100n_fine")
    assert line == (
        f"{folder}/cifar-100n.npz is not there: get the authors' files and convert them, as "
        "data/README.md says"
    )


def test_pickled_labels_are_not_read(folder: Path) -> None:
    pickled = np.array(people(), dtype=object)
    np.save(folder / "made.npy", pickled)
    (folder / "made.npy").rename(folder / "cifar-10n.npz")
    assert "allow_pickle=False" in refused(folder)
    assert "allow_pickle=False" in refused(folder, people() | {"worse_label": pickled})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"clean_label"])
def test_a_damaged_file_is_refused(folder: Path, content: bytes) -> None:
    (folder / "cifar-10n.npz").write_bytes(content)
    assert "it must be a .npz file of plain arrays, converted as data/README.md" in refused(folder)


def test_a_plain_array_is_refused(folder: Path) -> None:
    with open(folder / "cifar-10n.npz", "wb") as file:
        np.save(file, TRUE)
    assert "it must be a .npz file" in refused(folder)


def test_imbalance_is_cut_by_true_labels(folder: Path) -> None:
    data = ready(folder, "cifar10n_worst_imbalstep_0.25")
    kept = data.train_indices
    np.testing.assert_array_equal(np.bincount(TRUE[kept]), [12] * 5 + [3] * 5)
    np.testing.assert_array_equal(data.given_labels, people()["worse_label"])
    assert data.noise.measured == np.mean(data.given_labels[kept] != TRUE[kept])


def test_probe_images_carry_true_labels(folder: Path) -> None:
    data = ready(folder, "cifar10n_worst", probe_ratio=0.5)
    np.testing.assert_array_equal(data.given_labels[data.probe_indices], TRUE[data.probe_indices])
    loaded = sources.REGISTRY.get("cifar10n_worst").load(Request(str(folder))).train.labels
    assert (loaded[data.probe_indices] != TRUE[data.probe_indices]).any()
    np.testing.assert_array_equal(data.given_labels[data.train_indices], loaded[data.train_indices])


def test_no_noise_can_be_added(folder: Path) -> None:
    assert "has human labels of its own" in refused(folder, name="cifar10n_worst_uniform_0.2")

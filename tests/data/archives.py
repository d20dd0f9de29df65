"""Small archives in the official layouts of CIFAR, and a stand-in for TensorFlow Datasets."""

import gzip
import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ieg.data.cifar import CIFAR10, CIFAR100, Contents, Layout, Records

LAYOUTS = [CIFAR10, CIFAR100]
PER_CLASS = {"cifar10": (12, 3), "cifar100": (5, 1)}


def made_up(layout: Layout) -> Contents:
    """A data set with a few images of every class, and every fifth class in one superclass."""
    rng = np.random.default_rng(layout.num_classes)

    def split(per_class: int) -> Records:
        labels = rng.permutation(np.repeat(np.arange(layout.num_classes), per_class))
        images = rng.integers(0, 256, (len(labels), 32, 32, 3), dtype=np.uint8)
        return Records(images, labels, labels % max(layout.num_superclasses, 1))

    train, test = PER_CLASS[layout.name]
    names = tuple(f"class_{k}" for k in range(layout.num_classes))
    return Contents(split(train), split(test), names)


def files(layout: Layout, contents: Contents) -> dict[str, bytes]:
    """Name → bytes of the files of an archive; those of a split differ in their sizes."""
    packed = {layout.names_file: "\n".join([*contents.class_names, ""]).encode()}
    splits = ((layout.train_files, contents.train), (layout.test_files, contents.test))
    for names, split in splits:
        size = len(split.labels)
        bounds = [0, *(size * k // len(names) + k for k in range(1, len(names))), size]
        for name, start, end in zip(names, bounds, bounds[1:], strict=False):
            packed[name] = records(layout, Records(*(array[start:end] for array in split)))
    return packed


def records(layout: Layout, part: Records) -> bytes:
    """Records as the official files hold them: labels, then the planes of red, green and blue."""
    planes = part.images.transpose(0, 3, 1, 2).reshape(len(part.labels), -1)
    columns = [part.labels[:, np.newaxis].astype(np.uint8), planes]
    if layout.num_superclasses:
        columns.insert(0, part.superlabels[:, np.newaxis].astype(np.uint8))
    return np.concatenate(columns, axis=1).tobytes()


def tar(layout: Layout, packed: Mapping[str, bytes]) -> bytes:
    """An uncompressed archive with these files; a name with a slash stands as it is."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        folder = tarfile.TarInfo(layout.folder)
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in packed.items():
            member = tarfile.TarInfo(name if "/" in name else f"{layout.folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def write(folder: Path, layout: Layout, packed: Mapping[str, bytes] | None = None) -> Path:
    """Writes an archive; its files stand in an order that is not that of their names."""
    if packed is None:
        packed = files(layout, made_up(layout))
    shuffled = dict(sorted(packed.items(), key=lambda item: item[0][::-1]))
    path = folder / layout.archive
    path.write_bytes(gzip.compress(tar(layout, shuffled), compresslevel=1))
    return path


def assert_same(actual: Contents, expected: Contents) -> None:
    """Both splits and the class names are equal to the last byte."""
    for a, e in zip(actual[:2], expected[:2], strict=True):
        np.testing.assert_array_equal(a.images, e.images, strict=True)
        np.testing.assert_array_equal(a.labels, e.labels)
        np.testing.assert_array_equal(a.superlabels, e.superlabels)
    assert actual.class_names == expected.class_names


class StandIn:
    """What `tensorflow_datasets` offers, as far as it is used, with shuffled examples.

    Args:
      contents: name → the data set of that name.
      default_dir: the folder where data sets are kept that nobody asked to put elsewhere.
      online: whether a data set can be downloaded.
    """

    def __init__(
        self, contents: Mapping[str, Contents], default_dir: Path, *, online: bool = True
    ) -> None:
        self._contents = contents
        self._default_dir = default_dir
        self._online = online
        self.downloaded: list[str] = []
        self.urls: list[str] = []

    def builder(self, name: str, data_dir: str | None = None) -> Any:
        folder = Path(data_dir or self._default_dir) / name / "3.0.2"

        def download_and_prepare() -> None:
            if not folder.is_dir():
                if not self._online:
                    raise OSError("no route to host\nand more of it")
                self.downloaded.append(str(folder))
                folder.mkdir(parents=True)

        contents = self._contents[name]
        splits = {"train": contents.train, "test": contents.test}
        return SimpleNamespace(
            data_dir=str(folder),
            download_and_prepare=download_and_prepare,
            MANUAL_DOWNLOAD_INSTRUCTIONS=None,
            url_infos=dict.fromkeys(self.urls),
            as_dataset=lambda split, batch_size: self.batches(split, splits[split], batch_size),
            info=SimpleNamespace(
                splits={k: SimpleNamespace(num_examples=len(s.labels)) for k, s in splits.items()},
                features={"label": SimpleNamespace(names=list(contents.class_names))},
            ),
        )

    def identity(self, split: str, index: int) -> str:
        return f"{split}_{index:05d}"

    def batches(
        self, split: str, part: Records, batch_size: int
    ) -> Iterator[dict[str, np.ndarray]]:
        order = np.random.default_rng(7).permutation(len(part.labels))
        for start in range(0, len(order), batch_size):
            index = order[start : start + batch_size]
            names = [self.identity(split, i).encode() for i in index]
            yield {
                "id": np.array(names, object),
                "image": part.images[index],
                "label": part.labels[index],
                "coarse_label": part.superlabels[index],
            }

    @staticmethod
    def disable_progress_bar() -> None:
        """Nothing: there is none."""

    @staticmethod
    def as_numpy(dataset: Any) -> Any:
        return dataset

"""CIFAR-10 and CIFAR-100: what the official archives hold, and two ways to read the same images."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

IMAGE_SHAPE = (32, 32, 3)
#: Images of the published data sets; any other number is another data set in the same layout.
OFFICIAL_SIZES = (50_000, 10_000)


@dataclass(frozen=True)
class Layout:
    """How one of the two data sets is stored.

    Attributes:
      name: "cifar10" or "cifar100", which is also its name in TensorFlow Datasets.
      title: as people write it.
      archive: file name of the official binary archive.
      folder: the folder in the archive that holds all files.
      train_files, test_files: files of records, in the order in which records are counted.
      names_file: one class name a line.
      num_classes: K.
      num_superclasses: of the byte in front of the label; 0 where there is no such byte.
    """

    name: str
    title: str
    archive: str
    folder: str
    train_files: tuple[str, ...]
    test_files: tuple[str, ...]
    names_file: str
    num_classes: int
    num_superclasses: int = 0

    @property
    def label_bytes(self) -> int:
        """Bytes of a record in front of its image; the last of them is the label."""
        return 2 if self.num_superclasses else 1

    @property
    def record_bytes(self) -> int:
        """Bytes of a record: labels, then red, green and blue planes of 32x32."""
        return self.label_bytes + 3 * 32 * 32


CIFAR10 = Layout(
    name="cifar10",
    title="CIFAR-10",
    archive="cifar-10-binary.tar.gz",
    folder="cifar-10-batches-bin",
    train_files=tuple(f"data_batch_{k}.bin" for k in range(1, 6)),
    test_files=("test_batch.bin",),
    names_file="batches.meta.txt",
    num_classes=10,
)
CIFAR100 = Layout(
    name="cifar100",
    title="CIFAR-100",
    archive="cifar-100-binary.tar.gz",
    folder="cifar-100-binary",
    train_files=("train.bin",),
    test_files=("test.bin",),
    names_file="fine_label_names.txt",
    num_classes=100,
    num_superclasses=20,
)


class Records(NamedTuple):
    """One split in the order of the archive.

    Attributes:
      images: [N, 32, 32, 3] uint8.
      labels: [N] int64 in [0, K).
      superlabels: [N] int64, the superclass of each image; all 0 where there are none.
    """

    images: np.ndarray
    labels: np.ndarray
    superlabels: np.ndarray

    @classmethod
    def empty(cls, size: int) -> "Records":
        """Memory for that many records."""
        images = np.empty((size, *IMAGE_SHAPE), np.uint8)
        return cls(images, np.zeros(size, np.int64), np.zeros(size, np.int64))


class Contents(NamedTuple):
    """A whole data set: two splits and K class names."""

    train: Records
    test: Records
    class_names: tuple[str, ...]

"""CIFAR-10 and CIFAR-100: layout of the official archives, and two ways to read the same images."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

IMAGE_SHAPE = (32, 32, 3)
#: Training and test images as published; other numbers are another data set in the same layout.
OFFICIAL_SIZES = (50_000, 10_000)


@dataclass(frozen=True)
class Layout:
    """Layout of one of the two archives.

    Attributes:
      name: "cifar10" or "cifar100", which is also its name in TensorFlow Datasets.
      title: name in messages.
      url: address of the official binary archive.
      folder: folder of all files in the archive.
      train_files, test_files: files of records, in the order of the records' numbers.
      names_file: file of class names, one a line.
      num_classes: K.
      num_superclasses: values of the byte in front of the label; 0 without such a byte.
    """

    name: str
    title: str
    url: str
    folder: str
    train_files: tuple[str, ...]
    test_files: tuple[str, ...]
    names_file: str
    num_classes: int
    num_superclasses: int = 0

    @property
    def archive(self) -> str:
        """File name of the archive."""
        return self.url.rpartition("/")[2]

    @property
    def label_bytes(self) -> int:
        """Number of bytes in front of a record's image; the last of them is the label."""
        return 2 if self.num_superclasses else 1

    @property
    def record_bytes(self) -> int:
        """Number of bytes of a record: labels, then red, green and blue planes of 32x32."""
        return self.label_bytes + 3 * 32 * 32


CIFAR10 = Layout(
    name="cifar10",
    title="CIFAR-10",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    folder="cifar-10-batches-bin",
    train_files=tuple(f"data_batch_{k}.bin" for k in range(1, 6)),
    test_files=("test_batch.bin",),
    names_file="batches.meta.txt",
    num_classes=10,
)
CIFAR100 = Layout(
    name="cifar100",
    title="CIFAR-100",
    url="https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    folder="cifar-100-binary",
    train_files=("train.bin",),
    test_files=("test.bin",),
    names_file="fine_label_names.txt",
    num_classes=100,
    num_superclasses=20,
)


class Records(NamedTuple):
    """Records of one split in the order of the archive.

    Attributes:
      images: [N, 32, 32, 3] uint8.
      labels: [N] int64 in [0, K).
      superlabels: [N] int64 superclasses; all 0 without superclasses.
    """

    images: np.ndarray
    labels: np.ndarray
    superlabels: np.ndarray

    @classmethod
    def empty(cls, size: int) -> "Records":
        """Make room for a number of records."""
        images = np.empty((size, *IMAGE_SHAPE), np.uint8)
        return cls(images, np.zeros(size, np.int64), np.zeros(size, np.int64))


class Contents(NamedTuple):
    """Records of both splits, and K class names."""

    train: Records
    test: Records
    class_names: tuple[str, ...]

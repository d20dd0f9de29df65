"""CIFAR-10N and CIFAR-100N: CIFAR's images with human labels.

The authors' files are pickled, which may run any code, so they are not read: data/README.md has the
few lines that convert them.

Reference: J. Wei, Z. Zhu, H. Cheng, T. Liu, G. Niu, Y. Liu, "Learning with Noisy Labels Revisited:
A Study Using Real-World Human Annotations", ICLR 2022, arXiv 2110.12088.
"""

import dataclasses
import functools
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ieg.data import small_budget
from ieg.data.cifar import CIFAR10, CIFAR100, Layout
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry, cifar
from ieg.errors import InputError

_TEN, _HUNDRED = "cifar-10n.npz", "cifar-100n.npz"

#: Name of the data set → layout of the images, file of labels, possible names of the label array.
SETS = {
    "cifar10n_aggre": (CIFAR10, _TEN, ("aggre_label",)),
    "cifar10n_rand1": (CIFAR10, _TEN, ("random_label1",)),
    "cifar10n_rand2": (CIFAR10, _TEN, ("random_label2",)),
    "cifar10n_rand3": (CIFAR10, _TEN, ("random_label3",)),
    "cifar10n_worst": (CIFAR10, _TEN, ("worse_label",)),
    "cifar100n_fine": (CIFAR100, _HUNDRED, ("noisy_label", "noise_label")),
}

#: Raised by NumPy for a file that is damaged, pickled or of another kind.
_DAMAGED = (OSError, ValueError, TypeError, EOFError, zlib.error, zipfile.BadZipFile)


def load(layout: Layout, file: str, keys: tuple[str, ...], request: Request) -> Source:
    """Load CIFAR with human labels.

    Args:
      layout: CIFAR10 or CIFAR100.
      file: name of the .npz file with the labels.
      keys: possible names of the label array.
      request: folder of that file and of CIFAR's archive.
    Raises:
      InputError: a file is missing or damaged, or its labels are in another order than the images.
    """
    path = Path(request.dataset_dir).expanduser() / file
    arrays = _read(path)
    source = cifar.load(layout, request)
    true = source.train.labels
    order = np.arange(len(true))
    if "image_order" in arrays:
        order = _integers(path, arrays, ("image_order",), len(true), len(true))
    # An example that a repetitive order leaves out stays -1, which is no class.
    clean, given = np.full((2, len(true)), -1)
    clean[order] = _integers(path, arrays, ("clean_label",), len(true), layout.num_classes)
    given[order] = _integers(path, arrays, keys, len(true), layout.num_classes)
    if (clean != true).any():
        raise InputError(
            f"clean_label of {path} is the label of only {np.mean(clean == true):.1%} of the "
            f"training images of {layout.title}, so the file is in another order; convert it again "
            "with image_order, as data/README.md says"
        )
    train = dataclasses.replace(source.train, labels=given, true_labels=true)
    return dataclasses.replace(source, train=train)


def _read(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a .npz file."""
    if not path.exists():
        raise InputError(
            f"{path} is not there: get the authors' files and convert them, as data/README.md says"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except _DAMAGED as error:
        raise InputError(
            f"cannot read {path}: {error}; it must be a .npz file of plain arrays, converted as "
            "data/README.md says"
        ) from None


def _integers(
    path: Path, arrays: dict[str, np.ndarray], keys: tuple[str, ...], size: int, count: int
) -> np.ndarray:
    """[size] integers in [0, count): the first array that is there, of several names."""
    name = next((key for key in keys if key in arrays), None)
    if name is None:
        raise InputError(f"{path} lacks {keys[0]}; it has {', '.join(sorted(arrays)) or 'nothing'}")
    values = arrays[name]
    if values.shape != (size,) or values.dtype.kind not in "iu":
        raise InputError(
            f"{name} of {path} must be {size:,} whole numbers, one per training image, not "
            f"{values.dtype} of shape {values.shape}"
        )
    if size and (values.min() < 0 or values.max() >= count):
        raise InputError(f"{name} of {path} must hold numbers from 0 to {count - 1} only")
    return values.astype(np.int64)


for _name, (_layout, _file, _keys) in SETS.items():
    REGISTRY.register(_name)(
        SourceEntry(
            functools.partial(load, _layout, _file, _keys),
            own_noise="human labels",
            of_networks={"cnn4": small_budget.PRESETS},
        )
    )

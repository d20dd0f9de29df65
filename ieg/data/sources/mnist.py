"""MNIST and Fashion-MNIST: 60,000 training and 10,000 test images of 28x28 gray pixels.

Read from the four idx files, compressed or not, in a folder of the data folder; Fashion-MNIST also
where Debian's package dataset-fashion-mnist puts them.

References: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document
Recognition", Proceedings of the IEEE 86(11), 1998. H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST:
a Novel Image Dataset for Benchmarking Machine Learning Algorithms", 2017, arXiv 1708.07747.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.data import idx, small_budget
from ieg.data.sources import REGISTRY, Request, Source, SourceEntry, Split
from ieg.errors import InputError

_SIDE = 28
_OFFICIAL_SIZES = (60_000, 10_000)


@dataclass(frozen=True)
class Layout:
    """One of the two data sets.

    Attributes:
      name: as registered.
      title: name in messages.
      folder: of the files, below the data folder.
      elsewhere: folder that a package of a distribution makes, or None.
      get: how to get the files, in words.
      class_names: ten names.
      confusion: [10] class that each class is mistaken for.
      flip: whether a mirror image shows the same class.
    """

    name: str
    title: str
    folder: str
    elsewhere: Path | None
    get: str
    class_names: tuple[str, ...]
    confusion: tuple[int, ...]
    flip: bool


MNIST = Layout(
    name="mnist",
    title="MNIST",
    folder="mnist",
    elsewhere=None,
    get="the four files of Yann LeCun's page (train-images-idx3-ubyte.gz and so on)",
    class_names=tuple(str(k) for k in range(10)),
    # 2 → 7, 3 → 8, 5 ↔ 6, 7 → 1 (G. Patrini et al., "Making Deep Neural Networks Robust to Label
    # Noise: a Loss Correction Approach", CVPR 2017, arXiv 1609.03683).
    confusion=(0, 1, 7, 8, 4, 6, 5, 1, 8, 9),
    flip=False,
)
FASHION_MNIST = Layout(
    name="fashion_mnist",
    title="Fashion-MNIST",
    folder="fashion-mnist",
    elsewhere=Path("/usr/share/datasets/fashion-mnist"),
    get="the four files of github.com/zalandoresearch/fashion-mnist, or apt install "
    "dataset-fashion-mnist",
    class_names=(
        *("T-shirt", "trouser", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ),
    # Ankle boot → sneaker → sandal, pullover → shirt, coat ↔ dress (Z. Zhang, M. Sabuncu,
    # "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels", NeurIPS
    # 2018, arXiv 1805.07836).
    confusion=(0, 1, 6, 4, 3, 5, 6, 5, 8, 7),
    flip=True,
)


def load(layout: Layout, request: Request) -> Source:
    """Load one of the two data sets.

    Args:
      layout: MNIST or FASHION_MNIST.
      request: folder of data sets.
    Raises:
      InputError: files are missing or damaged, or do not fit together.
    """
    own = Path(request.dataset_dir).expanduser() / layout.folder
    places = [own, *filter(None, [layout.elsewhere])]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise InputError(f"{layout.title} is not in {own} (`dataset_dir`): put {layout.get} there")
    train, test = (_split(folder, part) for part in ("train", "t10k"))
    for split in (train, test):
        missing = np.setdiff1d(np.arange(10), split.labels)
        if len(missing) or split.labels.max() > 9:
            raise InputError(
                f"{layout.title} in {folder} must have labels 0 to 9, and each of them"
            )
    sizes = len(train.labels), len(test.labels)
    return Source(
        train=train,
        test=test,
        class_names=layout.class_names,
        confusion=np.array(layout.confusion),
        weak=WeakAugmentation(pad=2, flip=layout.flip),
        strong=StrongAugmentation(
            policy="cifar10", per_batch=False, pad=4, flip=layout.flip, cutout=14
        ),
        note=None
        if sizes == _OFFICIAL_SIZES
        else f"{layout.name}-like ({sizes[0]:,} images, {sizes[1]:,} to test)",
    )


def _split(folder: Path, part: str) -> Split:
    images = idx.read(_file(folder, f"{part}-images-idx3-ubyte"), 3)
    labels = idx.read(_file(folder, f"{part}-labels-idx1-ubyte"), 1)
    if images.shape[1:] != (_SIDE, _SIDE) or len(images) != len(labels) or not len(labels):
        raise InputError(
            f"expected images of {_SIDE}x{_SIDE} pixels and as many labels in {folder}, got "
            f"{' x '.join(map(str, images.shape))} and {len(labels)} for {part}"
        )
    return Split(images[..., np.newaxis], labels.astype(np.int64))


def _file(folder: Path, name: str) -> Path:
    """The file, compressed or not, under one of the two spellings that are about."""
    spellings = (name, name.replace("-idx", ".idx"))
    found = [folder / f"{spelling}{ending}" for spelling in spellings for ending in (".gz", "")]
    for path in found:
        if path.is_file():
            return path
    raise InputError(f"{folder} lacks {name}.gz")


for _layout in (MNIST, FASHION_MNIST):
    REGISTRY.register(_layout.name)(
        SourceEntry(
            functools.partial(load, _layout),
            small_budget.PRESETS.settings,
            method_presets=small_budget.PRESETS.of_methods,
        )
    )

"""Outliers planted among photographs: AUROC, share found, false-positive rate.

    python -m benchmarks.audit outliers DIR [--seeds 1 2 3]

DIR has class folders, perhaps below train/ and test/. Sixty random images of CIFAR-10 (data/ has
its archive), enlarged, and forty drawn letters get random labels among them. Beside the
score of the package: the mean cosine distance to 10 neighbors, and the relative Mahalanobis
distance (Ren et al., "A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection",
arXiv 2106.09022) of unit vectors with covariances shrunk by 0.9. All at the same fence.
`--noise 0.3` gives that share of the photographs a random label.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import ieg.quiet  # noqa: F401

import numpy as np
from PIL import Image, ImageDraw
from sklearn.metrics import roc_auc_score

from benchmarks import planting
from benchmarks.tables import mean, print_table
from ieg.audit.neighbors import nearest
from ieg.audit.outliers import FENCE, find_outliers
from ieg.data.dataset import prepare
from ieg.data.settings import DataSettings

_CIFAR, _LETTERS, _SIDE = 60, 40, 224
_NEIGHBORS, _SHRINKAGE = 10, 0.9


def main(argv: Sequence[str]) -> int:
    """Print one line for each score; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=Path, metavar="DIR")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--noise", type=float, default=0.0)
    arguments = parser.parse_args(argv)
    photographs = planting.photographs(arguments.images)
    names = np.unique([path.parent.name for path in photographs], return_inverse=True)[1]
    measured: dict[str, list[list[float]]] = {}
    for seed in arguments.seeds:
        rng = np.random.default_rng(seed)
        with tempfile.TemporaryDirectory() as folder:
            planted = plant(Path(folder), rng)
            features = planting.inputs([*photographs, *planted]).features.astype(np.float32)
        classes = int(names.max()) + 1
        labels = np.concatenate([names, rng.integers(classes, size=len(planted))])
        changed = np.flatnonzero(rng.random(len(names)) < arguments.noise)
        labels[changed] = rng.integers(classes, size=len(changed))
        for title, score in scores(features, labels).items():
            measured.setdefault(title, []).append(_measure(score, len(photographs)))
    titles = ["AUROC", "of CIFAR-10", "of letters", "found", "false-positive rate"]
    rows = [
        [title, *(mean(column) for column in zip(*values, strict=True))]
        for title, values in measured.items()
    ]
    seeds = ", ".join(map(str, arguments.seeds))
    print_table(["score", *titles], rows, f"mean ± standard deviation, seeds {seeds}")
    return 0


def plant(folder: Path, rng: np.random.Generator) -> list[Path]:
    """Write images that belong to no class: CIFAR-10's first, then letters."""
    pixels = prepare(DataSettings("cifar10"), seed=0).train.images
    assert isinstance(pixels, np.ndarray)
    size = (_SIDE, _SIDE)
    pictures = [
        Image.fromarray(pixels[i]).resize(size, Image.Resampling.BICUBIC)
        for i in rng.choice(len(pixels), _CIFAR, replace=False)
    ]
    for i in range(_LETTERS):
        paper, ink = rng.integers(150, 256, 3).tolist(), rng.integers(0, 120, 3).tolist()
        letter = Image.new("RGB", size, tuple(paper))
        place, height = tuple(rng.integers(20, 60, 2).tolist()), int(rng.integers(100, 160))
        ImageDraw.Draw(letter).text(place, chr(65 + i % 26), tuple(ink), font_size=height)
        pictures.append(letter)
    paths = [folder / f"{i}.png" for i in range(len(pictures))]
    for picture, path in zip(pictures, paths, strict=True):
        picture.save(path)
    return paths


def scores(features: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Score of each image by each way."""
    return {
        "cosine to class means, ours": find_outliers(features, labels).score,
        f"{_NEIGHBORS} neighbors": 1 - nearest(features, _NEIGHBORS).cosine.mean(axis=1),
        "relative Mahalanobis": relative_mahalanobis(features, labels),
    }


def relative_mahalanobis(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Squared distance to the nearest class less that to all images together."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    means = np.stack([unit[labels == k].mean(axis=0) for k in range(int(labels.max()) + 1)])
    within = _precision(unit - means[labels])
    centered = unit - unit.mean(axis=0)
    nearest_class = np.min([_squared(unit - mean_, within) for mean_ in means], axis=0)
    return nearest_class - _squared(centered, _precision(centered))


def _precision(rows: np.ndarray) -> np.ndarray:
    covariance = rows.T @ rows / len(rows)
    width = len(covariance)
    spherical = np.trace(covariance) / width * np.eye(width)
    return np.linalg.inv((1 - _SHRINKAGE) * covariance + _SHRINKAGE * spherical)


def _squared(rows: np.ndarray, precision: np.ndarray) -> np.ndarray:
    return ((rows @ precision) * rows).sum(axis=1)


def _measure(score: np.ndarray, typical: int) -> list[float]:
    """AUROC of all, of CIFAR-10, of letters; shares of outliers and of others above the fence."""
    outlier = np.arange(len(score)) >= typical
    letter = np.arange(len(score)) >= typical + _CIFAR
    low, high = np.quantile(score, [0.25, 0.75])
    above = score > high + FENCE * (high - low)
    return [
        roc_auc_score(outlier, score),
        roc_auc_score(outlier[~letter], score[~letter]),
        roc_auc_score(letter[letter | ~outlier], score[letter | ~outlier]),
        float(above[outlier].mean()),
        float(above[~outlier].mean()),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Planted copies of photographs, and what the audit of copies takes: features, pixels, digests."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ieg import backbones
from ieg.data.files import Damage, FileImages
from ieg.features import FeatureStore, Pictures, Views
from ieg.features.embedding import store_folder

#: Side of the small pictures in pixels.
SIDE = 48
FEATURES = Path("data/features")
_QUALITY = 90  # of JPEG where the kind is not about it
_KEPT = 0.95  # of each side, by a crop


class Inputs(NamedTuple):
    """What `ieg.audit.copies` takes of n images.

    Attributes:
      features: [n, D] float16.
      thumbnails: [n, SIDE, SIDE] uint8.
      digests: n digests of the decoded pixels.
    """

    features: np.ndarray
    thumbnails: np.ndarray
    digests: list[bytes]


def _crop(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    width, height = (round(_KEPT * side) for side in image.size)
    left = int(rng.integers(image.width - width + 1))
    top = int(rng.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


#: Kind → a changed image, the quality of its JPEG file (0: PNG, which keeps every pixel).
KINDS: Mapping[str, tuple[Callable[[Image.Image, np.random.Generator], Image.Image], int]] = {
    "exact": (lambda image, _: image, 0),
    "crop": (_crop, _QUALITY),
    "jpeg": (lambda image, _: image, 60),
    "mirror": (lambda image, _: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), _QUALITY),
    "half": (lambda image, _: image.reduce(2), _QUALITY),
    "bright": (lambda image, _: image.point(lambda v: min(255, round(1.1 * v))), _QUALITY),
}


def photographs(folder: Path) -> list[Path]:
    """Paths of the images below a folder, sorted."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})


def plant(
    originals: Sequence[Path], folder: Path, each: int, seed: int
) -> tuple[list[Path], list[int], list[str]]:
    """Write copies of random originals, other ones for every kind.

    Args:
      originals: of which at most a part is copied.
      folder: is made, or has the same copies from an earlier run.
      each: copies of each kind.
      seed: of the choice and of crops.
    Returns:
      paths of the copies, number of the original of each, and kind of each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(originals), each * len(KINDS), replace=False).tolist()
    kinds = [kind for kind in KINDS for _ in range(each)]
    paths = []
    for number, kind in zip(chosen, kinds, strict=True):
        change, quality = KINDS[kind]
        copy = change(Image.open(originals[number]).convert("RGB"), rng)
        path = folder / f"{kind}_{number}.{'jpg' if quality else 'png'}"
        if not path.exists():
            copy.save(path, quality=quality)
        paths.append(path)
    return paths, chosen, kinds


def inputs(paths: Sequence[Path]) -> Inputs:
    """Features by the default backbone, kept in `FEATURES`; small gray pictures and digests."""
    names = np.array([str(path.resolve()).encode() for path in paths])
    images = FileImages(
        "/", names, backbones.load("efficientnet_lite0").card.side, Damage(len(paths), 0.0)
    )
    thumbnails = np.zeros([len(paths), SIDE, SIDE], np.uint8)
    digests = []
    for i, path in enumerate(paths):
        image = Image.open(path).convert("RGB")
        digests.append(hashlib.sha256(f"{image.size}".encode() + image.tobytes()).digest())
        small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        thumbnails[i] = np.asarray(small)
    return Inputs(features(images), thumbnails, digests)


def features(images: FileImages | np.ndarray, side: int = 0) -> np.ndarray:
    """[n, D] float16 of the default backbone, computed where they are missing."""
    backbone = backbones.load("efficientnet_lite0", side=side)
    store = FeatureStore.open(store_folder(FEATURES, backbone), backbone, Views())
    pictures = Pictures(images)
    store.compute(pictures)
    return store.read(pictures)[:, 0]

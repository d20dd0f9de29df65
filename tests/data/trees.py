"""Small trees of image files in the layouts that users and the official archives have."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

CLASSES = ("ant", "bee", "cat")
#: Mean colour of each class: something that a few steps can tell apart.
_COLOURS = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]])
WNIDS = tuple(f"n{k:08d}" for k in range(60))


def write_image(
    path: Path, label: int = 0, number: int = 0, size: tuple[int, int] = (20, 28)
) -> None:
    """A JPEG, PNG, BMP or GIF (by its ending) of noise around the colour of a class."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng([label, number]).normal(0, 20, (20, 28, 3))
    pixels = np.clip(_COLOURS[label % 3] + noise, 0, 255).astype(np.uint8)
    if path.suffix == ".png":
        path.write_bytes(tf.io.encode_png(pixels).numpy())
    else:
        path.write_bytes(tf.io.encode_jpeg(pixels, quality=95).numpy())


def write_classes(folder: Path, count: int, classes: Sequence[str] = CLASSES) -> None:
    """`folder/<class>/00.jpg` and so on."""
    for label, name in enumerate(classes):
        for number in range(count):
            write_image(folder / name / f"{number:02d}.jpg", label, number)


def write_folder(root: Path, *, train: int = 10, test: int = 3, probe: int = 0) -> Path:
    """A tree for folder: with these numbers of images in each class."""
    for split, count in (("train", train), ("test", test), ("probe", probe)):
        if count:
            write_classes(root / split, count)
    return root


def write_imagenet(root: Path, *, classes: int = 3, train: int = 10, val: int = 2) -> None:
    """`root/imagenet` as the official archives unpack."""
    for split, count in (("train", train), ("val", val)):
        for label, wnid in enumerate(WNIDS[:classes]):
            for number in range(count):
                path = root / "imagenet" / split / wnid / f"{wnid}_{number}.JPEG"
                write_image(path, label, number)


def write_webvision(root: Path, *, train: int = 2) -> None:
    """`root/webvision` with 52 classes, of which two are not in the first 50."""
    lists: dict[str, list[str]] = {"train_filelist_google.txt": [], "val_filelist.txt": []}
    for label in range(52):
        for number in range(train):
            name = f"google/q{label:04d}/{number}.jpg"
            write_image(root / "webvision" / name, label, number)
            lists["train_filelist_google.txt"].append(f"{name} {label}")
        name = f"val{label:06d}.jpg"
        write_image(root / "webvision" / "val_images_256" / name, label, 99)
        lists["val_filelist.txt"].append(f"{name} {label}")
    info = root / "webvision" / "info"
    info.mkdir()
    for file, lines in lists.items():
        (info / file).write_text("\n".join(lines) + "\n")
    names = [f"{wnid} thing {k}, other name" for k, wnid in enumerate(WNIDS[:52])]
    (info / "synsets.txt").write_text("\n".join(names) + "\n")


def write_isic(root: Path, counts: Mapping[str, int], *, missing: Sequence[str] = ()) -> list[str]:
    """ISIC-2019 with that many images of each class; returns the rows of its ground truth."""
    rows, header = [], "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK"
    classes = header.split(",")[1:]
    for name, count in counts.items():
        label = classes.index(name)
        columns = ",".join("1.0" if k == label else "0.0" for k in range(len(classes)))
        for number in range(count):
            image = f"ISIC_{label}{number:06d}" + "_downsampled" * (number == 0)
            rows.append(f"{image},{columns}")
            if image not in missing:
                write_image(root / "ISIC_2019_Training_Input" / f"{image}.jpg", label, number)
    write_table(root / "ISIC_2019_Training_GroundTruth.csv", rows, header)
    return rows


def write_proteins(root: Path, *, train: int = 20, test: int = 6, unknown: int = 0) -> Path:
    """DeepLoc's file with that many proteins of either kind, which are told apart at a glance."""
    draws, lines = np.random.default_rng(0), []
    parts = [("M", train, ""), ("S", train, ""), ("U", unknown, "")]
    parts += [("M", test, " test"), ("S", test, " test"), ("U", min(unknown, 1), " test")]
    for kind, count, split in parts:
        for number in range(count):
            letters = {"M": "LIVFAW", "S": "DEKRNQ", "U": "GSTPHY"}[kind]
            sequence = "".join(draws.choice(list(letters), draws.integers(30, 70)))
            lines.append(f">{kind}{number:03d}{split.strip()} Cytoplasm-{kind}{split}")
            lines += [sequence[:60], sequence[60:]]
    root.mkdir(exist_ok=True)
    (root / "deeploc_data.fasta").write_text("\n".join(lines) + "\n")
    return root


def write_table(path: Path, rows: Sequence[str], header: str = "path,label") -> Path:
    """A CSV file with these lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return path

"""Gain from correcting labels: 600 photographs in class folders, 180 of them in a wrong one.

    python -m benchmarks.corrections

Draws triangles, squares and circles of random color, place, size and angle on random ground as
JPEGs of 48x48 pixels, 600 to train on and 300 to test on, and puts 30 % of the training images into
the folder of another class. Then works as a person would: trains with one command; gives the true
class of the 20 most suspicious labels in `label_audit.csv`; trains again with these decisions;
gives the true class of all labels with a score above 0.5, and trains once more. Settings are those
of `--dataset=folder:PATH`, except that images are resized to 32x32 to save time.
"""

import argparse
import contextlib
import csv
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import ieg.quiet  # noqa: F401

import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from benchmarks.tables import print_table
from ieg import audit
from ieg import main as command
from ieg.runs.folder import LABEL_AUDIT

#: Class → corners; a circle has very many.
_CORNERS = {"circle": 60, "square": 4, "triangle": 3}
_NAMES = tuple(_CORNERS)
_SIDE = 48
_SHORT = ("--image_size=32",)
_TRAIN, _TEST, _WRONG = 600, 300, 0.3


def main(argv: Sequence[str]) -> int:
    """Print accuracy before and after, and the precision of the list; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--method", default="fsr")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("flags", nargs="*", help="after --: further flags for ieg.main")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        truth = write_photos(root / "photos", arguments.seed)
        flags = [f"--method={arguments.method}", f"--seed={arguments.seed}", *_SHORT]
        flags += [f"--dataset=folder:{root / 'photos'}", *arguments.flags]
        run = _train(root / "before", flags)
        listed = _listed(run)
        rows = [["as they are", *_row(run, truth, {})]]
        for title, looked_at in (
            ("the 20 worst looked at", listed[:20]),
            ("all above 0.5 looked at", [row for row in listed if _suspected(row)]),
        ):
            file = root / f"decisions{len(rows)}.csv"
            decided = write_decisions(file, looked_at, truth)
            after = _train(root / file.stem, [*flags, f"--label_corrections={file}"])
            rows.append([f"{title} ({len(looked_at)})", *_row(after, truth, decided)])
    titles = ["labels", "wrong among 600", "test accuracy", "AUROC of the list", "wrong of its 20"]
    print_table(titles, rows, f"--method={arguments.method}, seed {arguments.seed}")
    return 0


def write_photos(root: Path, seed: int) -> dict[str, str]:
    """Write class folders with 30 % wrong images; return path below `root` → true class."""
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(_TRAIN) < _WRONG * _TRAIN
    truth = {}
    for number in range(_TRAIN + _TEST):
        label = number % len(_NAMES)
        split, place = "train", label
        if number >= _TRAIN:
            split = "test"
        elif wrong[number]:
            place = (label + int(rng.integers(1, len(_NAMES)))) % len(_NAMES)
        path = f"{split}/{_NAMES[place]}/IMG_{rng.integers(10**8):08d}.jpg"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        pixels = tf.constant(draw(_CORNERS[_NAMES[label]], rng))
        (root / path).write_bytes(tf.io.encode_jpeg(pixels, quality=90).numpy())
        truth[path] = _NAMES[label]
    return truth


def draw(corners: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a regular polygon, a line across, and noise: [48, 48, 3] uint8."""
    y, x = np.mgrid[:_SIDE, :_SIDE] / _SIDE
    radius, turn = rng.uniform(0.22, 0.38), rng.uniform(0, 2 * math.pi)
    middle = rng.uniform(0.4, 0.6, 2)
    angles = turn + 2 * math.pi * np.arange(corners) / corners
    # A point lies within when it is on the inner side of every edge.
    across = np.cos(angles)[:, None, None] * (x - middle[0])
    across = across + np.sin(angles)[:, None, None] * (y - middle[1])
    inside = across.max(axis=0) < radius * math.cos(math.pi / corners)
    line = np.abs(math.cos(turn) * x + math.sin(turn) * y - rng.uniform(0, 1)) < 0.02
    ground, color, other = rng.uniform(0, 110, 3), rng.uniform(90, 255, 3), rng.uniform(0, 255, 3)
    image = np.where(inside[..., None], color, np.where(line[..., None], other, ground))
    image = image + rng.normal(0, rng.uniform(5, 20), image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def write_decisions(
    file: Path, rows: Sequence[dict[str, str]], truth: dict[str, str]
) -> dict[str, str]:
    """Write the decisions of a person who sees the images; return path → new label."""
    changed = {}
    with open(file, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "decision", "new_label"])
        for row in rows:
            path, right = row["path"], truth[row["path"]]
            if right == row["given_label"]:
                writer.writerow([path, "fine", ""])
            else:
                writer.writerow([path, "wrong", right])
                changed[path] = right
    return changed


def _train(runs: Path, flags: Sequence[str]) -> Path:
    """Train a run; return its folder."""
    with contextlib.redirect_stdout(sys.stderr):
        status = command.main(["ieg", *flags, f"--checkpoint_path={runs}"])
    if status:
        raise SystemExit(status)
    (result,) = runs.glob("*/*/*/*/result.json")
    return result.parent


def _listed(run: Path) -> list[dict[str, str]]:
    with open(run / LABEL_AUDIT, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _suspected(row: dict[str, str]) -> bool:
    return float(row["score"]) > audit.THRESHOLD


def _row(run: Path, truth: dict[str, str], changed: dict[str, str]) -> list[str]:
    listed = _listed(run)
    wrong = np.array([changed.get(r["path"], r["given_label"]) != truth[r["path"]] for r in listed])
    scores = np.array([float(row["score"]) for row in listed])
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    auroc = f"{roc_auc_score(wrong, scores):.3f}"
    return [str(wrong.sum()), f"{result['top1']:.3f}", auroc, str(wrong[:20].sum())]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

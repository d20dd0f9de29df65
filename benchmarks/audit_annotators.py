"""Consensus of several people's labels, beside the majority and CROWDLAB; bad annotators.

    python -m benchmarks.audit_annotators --dataset_dir=DIR [--feature_dir=DIR]

The three labels of each image of CIFAR-10N are three annotators. Accuracy of the consensus, and
AUROC of its quality (is the consensus right?), by the labels alone and with the probabilities of
the Gaussian head on features of EfficientNet-Lite0 at 128 pixels, which was fitted to the majority
and leaves each image out of its own. Without the archive of CIFAR, cifar-10n.npz alone serves, and
the rows with probabilities are left out.

Then a good annotator is made a bad one, in 20 draws each: 40 % of the answers at random, or two
classes taken for each other. `cifar10n` has three annotators of 2,000 images, `crowd` ten simulated
people of whom each labels 300 of 1,000 images, 70 to 95 % of them rightly.

cleanlab is no dependency of ieg: `pip install -e '.[benchmarks]'`; without it its row is left out.
"""

import argparse
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import ieg.quiet  # noqa: F401

import numpy as np
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from benchmarks.tables import print_table
from ieg import construction
from ieg.audit import annotators
from ieg.config import resolve
from ieg.features import gaussian
from ieg.features.cached import CachedImages

CLASSES = 10
DRAWS = 20
_COLUMNS = ("random_label1", "random_label2", "random_label3")
_SOME = 2_000
_CROWD, _CROWD_IMAGES, _CROWD_LABELS = 10, 1_000, 300
_RANDOM = 0.4

#: People's labels [n, J], -1 for none.
Columns = np.ndarray
#: Consensus [n] and its quality [n].
Answer = tuple[np.ndarray, np.ndarray]


def main(argv: Sequence[str]) -> int:
    """Print both tables; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset_dir", type=Path, default=Path("data"))
    parser.add_argument("--feature_dir", type=Path, default=Path("data/features"))
    arguments = parser.parse_args(argv)
    with np.load(arguments.dataset_dir / "cifar-10n.npz") as file:
        columns = np.stack([file[name] for name in _COLUMNS], axis=1).astype(np.int64)
        true = file["clean_label"].astype(np.int64)
        order = file["image_order"] if "image_order" in file else np.arange(len(true))
    p = None
    if list(arguments.dataset_dir.glob("cifar-10-*")):
        p = probabilities(arguments.dataset_dir, arguments.feature_dir, columns[order.argsort()])
        p = p[order]
    answers = {
        "majority": majority(columns),
        "ieg, labels alone": ours(columns, None),
    }
    if p is not None:
        answers["the model alone"] = p.argmax(axis=1), p.max(axis=1)
        answers["ieg, with the model"] = ours(columns, p)
        if importlib.util.find_spec("cleanlab"):
            answers["CROWDLAB, with the model"] = crowdlab(columns, p)
        else:
            print("cleanlab is not installed: its row is left out", file=sys.stderr)
    lines = []
    for name, (label, quality) in answers.items():
        right = label == true
        lines.append([name, f"{right.mean():.4f}", f"{roc_auc_score(right, quality):.4f}"])
    titles = ["", "accuracy of the consensus", "AUROC of its quality"]
    print_table(titles, lines, f"CIFAR-10N, {len(true):,} images, 3 labels each")
    print_table(
        ["annotators", "the bad one", f"found in {DRAWS} draws", "good ones suspected"],
        [
            [people, bad.__name__.replace("_", " "), *map(str, draws(source, bad, columns))]
            for people, source in {"cifar10n": some_images, "crowd": crowd}.items()
            for bad in (random_answers, two_classes_confused)
        ],
        "Bad annotators",
    )
    return 0


def probabilities(data: Path, features: Path, columns: Columns) -> np.ndarray:
    """[n, K] of the Gaussian head on features, fitted to the majority, in CIFAR's own order."""
    config = resolve(
        {
            "dataset": "cifar10n_worst",
            "dataset_dir": str(data),
            "feature_dir": str(features),
            "backbone": "efficientnet_lite0",
            "image_size": 128,
        }
    )
    backbone = construction.backbone(config)
    dataset = construction.dataset(config, None, backbone)
    dataset = construction.with_features(config, dataset, backbone, None)
    rows, images = dataset.train_indices, dataset.train.features
    assert isinstance(images, CachedImages)
    p = np.full([len(columns), CLASSES], np.nan)
    head = gaussian.fit(images[rows].plain(), majority(columns[rows])[0], CLASSES)
    p[rows] = softmax(head.logits, axis=1)
    return p


def majority(columns: Columns) -> Answer:
    """The most frequent label, of equally frequent ones the first class; and its share."""
    votes = (columns[:, :, np.newaxis] == np.arange(CLASSES)).sum(axis=1)
    return votes.argmax(axis=1), votes.max(axis=1) / votes.sum(axis=1)


def ours(columns: Columns, p: np.ndarray | None) -> Answer:
    """Consensus of `ieg.audit.annotators`."""
    found = estimated(columns, p)
    return found.label, found.quality


def estimated(columns: Columns, p: np.ndarray | None = None) -> annotators.Consensus:
    """Estimate from a wide table."""
    table = annotators.from_columns(columns)
    return annotators.estimate(
        *table, num_examples=len(columns), num_classes=CLASSES, probabilities=p
    )


def crowdlab(columns: Columns, p: np.ndarray) -> Answer:
    """Consensus of cleanlab."""
    from cleanlab.multiannotator import get_label_quality_multiannotator

    table = get_label_quality_multiannotator(columns, p, verbose=False)["label_quality"]
    return table["consensus_label"].to_numpy(), table["consensus_quality_score"].to_numpy()


def draws(
    source: Callable[[np.random.Generator, Columns], Columns],
    bad: Callable[[np.ndarray, np.random.Generator], np.ndarray],
    columns: Columns,
) -> tuple[int, int]:
    """Number of draws in which the bad annotator was suspected, and of good ones suspected."""
    found = wrong = 0
    for seed in range(1, DRAWS + 1):
        rng = np.random.default_rng(seed)
        people = source(rng, columns)
        chosen = int(rng.integers(people.shape[1]))
        people[:, chosen] = bad(people[:, chosen], rng)
        suspected = {one.annotator for one in estimated(people).suspicious}
        found += chosen in suspected
        wrong += len(suspected - {chosen})
    return found, wrong


def random_answers(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """40 % of a person's labels drawn from all classes."""
    drawn = rng.integers(CLASSES, size=len(labels))
    return np.where((rng.random(len(labels)) < _RANDOM) & (labels >= 0), drawn, labels)


def two_classes_confused(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two classes of a person's labels exchanged."""
    one, other = rng.choice(CLASSES, size=2, replace=False)
    exchanged = np.where(labels == one, other, labels)
    return np.where(labels == other, one, exchanged)


def some_images(rng: np.random.Generator, columns: Columns) -> Columns:
    """Labels of some images of CIFAR-10N."""
    return columns[rng.choice(len(columns), _SOME, replace=False)]


def crowd(rng: np.random.Generator, columns: Columns) -> Columns:
    """Labels of people with accuracies of their own, each of some images."""
    classes = rng.integers(CLASSES, size=_CROWD_IMAGES)
    people = np.full([_CROWD_IMAGES, _CROWD], annotators.MISSING)
    for j, accuracy in enumerate(rng.uniform(0.7, 0.95, size=_CROWD)):
        seen = rng.choice(_CROWD_IMAGES, _CROWD_LABELS, replace=False)
        other = (classes[seen] + rng.integers(1, CLASSES, size=len(seen))) % CLASSES
        people[seen, j] = np.where(rng.random(len(seen)) < accuracy, classes[seen], other)
    return people[(people >= 0).any(axis=1)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

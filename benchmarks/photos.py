"""Every method on frozen features of photographs, beside logistic regression and cleanlab.

    python -m benchmarks.photos DIR [--runs=runs/photos_benchmark]
    python -m benchmarks.photos DIR --cifar [--runs=runs/cifar_benchmark]

DIR has train/CLASS/* and test/CLASS/* with right labels, such as TensorFlow's flower_photos split
in two. Labels of the training images are made wrong, the same for all: 5, 30 and 60 % get one of
the other classes, and 40 % the next class. Test accuracy, and AUROC of the list of wrong labels.
With --cifar DIR is a --dataset_dir with CIFAR-10 and CIFAR-10N: labels that people gave (one of the
first three, their majority, a wrong one if there is any), and 36 and 72 % made wrong; images are
enlarged to 128 pixels.

Ours run with the settings of `--backbone` as they are, for every noise rate. Logistic regression
and cleanlab around it see the same features, with C in powers of ten by cross-validation on the
given labels (of more than 10,000 images by one held-out fifth). l2r and ieg get five images of
each class with right labels (a CSV table marks them). cleanlab is no dependency of ieg: `pip
install -e '.[benchmarks]'`; without it its rows are left out. The same command goes on where it
stopped.
"""

import argparse
import csv
import importlib.util
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ieg.quiet  # noqa: F401

import keras
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    StratifiedShuffleSplit,
    cross_val_predict,
)

from benchmarks.tables import mean, print_table
from ieg import construction
from ieg import main as command
from ieg.config import resolve
from ieg.data import listing
from ieg.data.dataset import Dataset
from ieg.features.cached import CachedImages

NOISE = ("symmetric_0.05", "symmetric_0.3", "symmetric_0.6", "pair_0.4")
CIFAR = (
    "cifar10n_aggre",
    "cifar10n_rand1",
    "cifar10n_worst",
    "cifar10_uniform_0.4",
    "cifar10_uniform_0.8",
)
#: Title of a row → flags; the last ones get clean images.
METHODS: Mapping[str, Sequence[str]] = {
    "gaussian": ["--method=gaussian"],
    "supervised": ["--method=supervised"],
    "supervised, ProSelfLC": ["--method=supervised", "--loss=proselflc"],
    "fsr": ["--method=fsr"],
    "dynamic_loss": ["--method=dynamic_loss"],
    "gaussian, clean images": ["--method=gaussian"],
    "l2r, clean images": ["--method=l2r"],
    "ieg, clean images": ["--method=ieg"],
}
CLEAN = 5
#: Share of CIFAR's training images that is 5 of each class, for as many as there are here.
_CIFAR_CLEAN = 0.0025
_C = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
_FOLDS = 5
#: Of more images one held-out fifth tells C, as well as five fifths of fewer.
_FEW = 10_000

#: Accuracy, and AUROC of the list or None.
Scores = tuple[float, float | None]
#: Options of ieg by name.
Flags = dict[str, Any]


def main(argv: Sequence[str]) -> int:
    """Print accuracy and AUROC over seeds; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", type=Path, metavar="DIR", help="folder with train and test")
    parser.add_argument("--cifar", action="store_true", help="DIR has CIFAR-10 and CIFAR-10N")
    parser.add_argument("--runs", type=Path, default=Path("runs/photos_benchmark"))
    parser.add_argument("--noise", action="append", help="column of the table; default: all")
    parser.add_argument("--row", action="append", help="of the table; default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args(argv)
    peers = {"logistic regression": logistic_regression}
    if importlib.util.find_spec("cleanlab"):
        peers["cleanlab around it"] = cleanlab
    else:
        print("cleanlab is not installed: its row is left out", file=sys.stderr)
    rows = arguments.row or [*METHODS, *peers]
    noise = arguments.noise or list(CIFAR if arguments.cifar else NOISE)
    data = of_cifar if arguments.cifar else of_folder
    found: dict[tuple[str, str], list[Scores]] = {}
    for seed in arguments.seeds:
        for kind in noise:
            for row in rows:
                name = row.replace(", ", "-").replace(" ", "_")
                place = arguments.runs / kind / f"seed{seed}" / name
                flags = data(arguments.images, kind, seed, place.parent, clean="clean" in row)
                flags["seed"] = seed
                if row in peers:
                    scores = of_peer(peers[row], flags, place)
                else:
                    scores = of_method(row, flags, place)
                print(f"{kind}, seed {seed}, {row}: {scores}", flush=True)
                found.setdefault((row, kind), []).append(scores)
                keras.backend.clear_session()
    lines = [[row, *(_cell(found[row, kind]) for kind in noise)] for row in rows]
    seeds = ", ".join(map(str, arguments.seeds))
    print_table(["accuracy, AUROC", *noise], lines, f"mean ± standard deviation, seeds {seeds}")
    return 0


def of_folder(images: Path, kind: str, seed: int, place: Path, *, clean: bool) -> Flags:
    """Options for photographs with labels made wrong, and with clean ones if that is wanted."""
    table = f"csv:{_with_clean(images, seed, place / 'clean.csv')}"
    return {"dataset": table if clean else f"folder:{images}", "noise": kind}


def of_cifar(images: Path, kind: str, seed: int, place: Path, *, clean: bool) -> Flags:
    """Options for CIFAR-10, as for `of_folder`; its clean images are drawn by the package."""
    flags: Flags = {"dataset": kind, "dataset_dir": str(images)}
    flags |= {"backbone": "efficientnet_lite0", "image_size": 128}
    return flags | ({"probe_dataset_hold_ratio": _CIFAR_CLEAN} if clean else {})


def of_method(row: str, flags: Flags, place: Path) -> Scores:
    """Scores of a run of ours, which is made if it is not finished."""
    words = [f"--{name}={value}" for name, value in flags.items()]
    status = command.main(["ieg", *words, *METHODS[row], f"--checkpoint_path={place}"])
    if status:
        raise SystemExit(status)
    (result,) = place.glob("*/*/*/seed*/result.json")
    audit = json.loads(result.with_name("audit.json").read_text())
    return json.loads(result.read_text())["top1"], audit["auroc"]


def of_peer(peer: Callable[[Dataset, int], Scores], flags: Flags, place: Path) -> Scores:
    """Scores of something else on the same features and labels, kept in a file."""
    kept = place.with_suffix(".json")
    if kept.exists():
        accuracy, auroc = json.loads(kept.read_text())
        return accuracy, auroc
    dataset = on_features(flags)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = peer(dataset, flags["seed"])
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(scores))
    return scores


def on_features(flags: Flags) -> Dataset:
    """The data of these options with the features of their images."""
    config = resolve({**flags, "method": "gaussian"})
    backbone = construction.backbone(config)
    dataset = construction.dataset(config, None, backbone)
    return construction.with_features(config, dataset, backbone, None)


def logistic_regression(dataset: Dataset, seed: int) -> Scores:
    """Logistic regression, and a list by its out-of-fold probability of the given label."""
    x, given, wrong = training(dataset)
    model = chosen_regression(x, given, seed)
    p = cross_val_predict(model, x, given, cv=folds(seed), method="predict_proba")
    score = 1 - p[np.arange(len(p)), given]
    return _accuracy(model.fit(x, given), dataset), _auroc(wrong, score)


def cleanlab(dataset: Dataset, seed: int) -> Scores:
    """cleanlab's CleanLearning around logistic regression, and its ranking of the labels."""
    from cleanlab.classification import CleanLearning
    from cleanlab.rank import get_label_quality_scores

    x, given, wrong = training(dataset)
    chosen = chosen_regression(x, given, seed)
    p = cross_val_predict(chosen, x, given, cv=folds(seed), method="predict_proba")
    score = 1 - get_label_quality_scores(given, p)
    learner = CleanLearning(chosen, seed=seed)
    return _accuracy(learner.fit(x, given, pred_probs=p), dataset), _auroc(wrong, score)


def chosen_regression(x: np.ndarray, given: np.ndarray, seed: int) -> LogisticRegression:
    """Logistic regression with the C whose held-out given labels are most likely."""
    one_split = StratifiedShuffleSplit(1, test_size=1 / _FOLDS, random_state=seed)
    search = GridSearchCV(
        LogisticRegression(max_iter=300),
        {"C": _C},
        scoring="neg_log_loss",
        cv=folds(seed) if len(x) <= _FEW else one_split,
        refit=False,
    )
    return LogisticRegression(max_iter=300, C=search.fit(x, given).best_params_["C"])


def folds(seed: int) -> StratifiedKFold:
    return StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)


def training(dataset: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, given labels and whether these are wrong."""
    rows, features = dataset.train_indices, dataset.train.features
    assert isinstance(features, CachedImages)
    given = dataset.given_labels[rows]
    return features[rows].plain(), given, given != dataset.true_labels[rows]


def _accuracy(model: Any, dataset: Dataset) -> float:
    features = dataset.evaluation.features
    assert isinstance(features, CachedImages)
    return float(np.mean(model.predict(features.plain()) == dataset.evaluation.labels))


def _auroc(wrong: np.ndarray, score: np.ndarray) -> float:
    return float(roc_auc_score(wrong, score))


def _with_clean(images: Path, seed: int, table: Path) -> Path:
    """A table of the images that marks some of each class as clean."""
    rng = np.random.default_rng(seed)
    rows = []
    for split in ("train", "test"):
        for name in listing.class_folders(images / split):
            paths = sorted(str(p.resolve()) for p in (images / split / name).iterdir())
            chosen = set(rng.permutation(paths)[:CLEAN]) if split == "train" else set()
            rows += [(p, name, "probe" if p in chosen else split) for p in paths]
    table.parent.mkdir(parents=True, exist_ok=True)
    with open(table, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "split"), *rows])
    return table


def _cell(scores: Sequence[Scores]) -> str:
    accuracies = mean([accuracy for accuracy, _ in scores])
    lists = [auroc for _, auroc in scores if auroc is not None]
    return f"{accuracies}, {mean(lists)}" if lists else accuracies


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

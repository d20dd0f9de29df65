"""What a user might take instead: classics of scikit-learn, alone and with cleanlab around them.

    python -m benchmarks.peers --markdown

An RBF support vector machine and an MLP with one hidden layer of 128, each trained on the noisy
labels as they are, and inside cleanlab's CleanLearning, which drops what it takes for label errors
and trains again. cleanlab is no dependency of ieg: `pip install 'ieg[benchmarks]'`; without it its
two rows are left out, with a line that says so. Takes 10 minutes on 2 cores.

Split, noise and test images are those of `python -m ieg.main --dataset=digits_uniform_R --seed=S`.
All peers train on all 1,437 training images with their noisy labels, as `--method=supervised` does;
the 50 images that other methods hold out as clean probe data are among them, with noisy labels.
"""

import argparse
import importlib.util
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ieg.quiet  # noqa: F401

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from ieg.data.dataset import Dataset, prepare
from ieg.errors import InputError

DATASETS = (
    "digits_uniform_0.2",
    "digits_uniform_0.4",
    "digits_uniform_0.6",
    "digits_uniform_0.8",
    "digits_asymmetric_0.4",
)


def svm() -> SVC:
    """scikit-learn's default: an RBF kernel, C = 1."""
    return SVC()


def svm_with_probabilities() -> CalibratedClassifierCV:
    """The same with the probabilities that cleanlab needs (Platt scaling, 5-fold)."""
    return CalibratedClassifierCV(SVC(), ensemble=False)


def mlp(seed: int) -> MLPClassifier:
    """One hidden layer of 128, Adam, 200 epochs at most, no early stopping."""
    return MLPClassifier(hidden_layer_sizes=(128,), random_state=seed)


def cleaned(classifier: Any, seed: int) -> Any:
    """cleanlab's CleanLearning with its defaults around a classifier that has probabilities."""
    from cleanlab.classification import CleanLearning

    return CleanLearning(classifier, seed=seed)


#: Row → classifier for a seed.
PEERS: Mapping[str, Callable[[int], Any]] = {
    "RBF SVM": lambda seed: svm(),
    "MLP": mlp,
    "cleanlab, RBF SVM": lambda seed: cleaned(svm_with_probabilities(), seed),
    "cleanlab, MLP": lambda seed: cleaned(mlp(seed), seed),
}


def main(argv: Sequence[str]) -> int:
    """Prints test accuracy as mean ± standard deviation over seeds; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", action="append", help=f"default: {', '.join(DATASETS)}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--markdown", action="store_true", help="as a table for a README")
    arguments = parser.parse_args(argv)
    names = list(PEERS)
    if importlib.util.find_spec("cleanlab") is None:
        names = [name for name in names if not name.startswith("cleanlab")]
        print("no rows of cleanlab, which is not installed: pip install 'ieg[benchmarks]'")
    started = time.monotonic()
    try:
        rows = [
            [dataset, *(_mean(scores) for scores in _scores(dataset, names, arguments.seeds))]
            for dataset in arguments.dataset or DATASETS
        ]
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _print(["data", *names], rows, arguments.markdown)
    seeds = ", ".join(map(str, arguments.seeds))
    print(f"test accuracy, mean ± standard deviation over seeds {seeds}; all training images with")
    print(f"noisy labels, also those that others hold out; {time.monotonic() - started:.0f} s")
    return 0


def accuracy(classifier: Any, dataset: Dataset) -> float:
    """Test accuracy of a classifier trained on pixels in [0, 1] and the given labels."""
    indices = dataset.train_indices
    with warnings.catch_warnings():
        # 200 epochs are scikit-learn's default; that noisy labels are not learned by then is fine.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(_pixels(dataset.train.images[indices]), dataset.given_labels[indices])
    predicted = classifier.predict(_pixels(dataset.evaluation.images))
    return float(np.mean(predicted == dataset.evaluation.labels))


def _scores(name: str, peers: Sequence[str], seeds: Sequence[int]) -> list[list[float]]:
    """[peers][seeds] test accuracies."""
    datasets = [prepare(name, seed=seed, probe_ratio=0) for seed in seeds]
    return [
        [accuracy(PEERS[peer](seed), d) for seed, d in zip(seeds, datasets, strict=True)]
        for peer in peers
    ]


def _mean(scores: Sequence[float]) -> str:
    return f"{np.mean(scores):.3f} ± {np.std(scores):.3f}"


def _pixels(images: np.ndarray) -> np.ndarray:
    """[N, H, W, C] uint8 → [N, H·W·C] in [0, 1]."""
    return images.reshape(len(images), -1) / 255


def _print(titles: Sequence[str], rows: Sequence[Sequence[str]], markdown: bool) -> None:
    if markdown:
        for line in (titles, ["---"] * len(titles), *rows):
            print(f"| {' | '.join(line)} |")
        return
    table = Table(*titles)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

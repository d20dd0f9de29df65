"""What a user might take instead: an RBF support vector machine on the same noisy labels.

    python -m benchmarks.peers

Same split, noise and test images as `python -m ieg.main --dataset=digits_uniform_R --seed=S`; the
machine trains on every image, the ones that other methods hold out as clean probe data among them.
"""

import argparse
import sys
from collections.abc import Sequence

import ieg.quiet  # noqa: F401

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.svm import SVC

from ieg.data.dataset import Dataset, prepare


def main(argv: Sequence[str]) -> int:
    """Prints test accuracy as mean ± standard deviation over seeds; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", action="append", help="default: digits at 0.4 and 0.8")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args(argv)
    table = Table("dataset", "RBF SVM, test accuracy")
    for name in arguments.dataset or ["digits_uniform_0.4", "digits_uniform_0.8"]:
        scores = [svm(prepare(name, seed=seed, probe_ratio=0)) for seed in arguments.seeds]
        table.add_row(name, f"{np.mean(scores):.3f} ± {np.std(scores):.3f}")
    Console().print(table)
    return 0


def svm(dataset: Dataset) -> float:
    """Test accuracy of scikit-learn's default SVC on pixels in [0, 1] and the given labels."""
    indices = dataset.train_indices
    machine = SVC().fit(_pixels(dataset.train.images[indices]), dataset.given_labels[indices])
    return float(machine.score(_pixels(dataset.evaluation.images), dataset.evaluation.labels))


def _pixels(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / 255


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

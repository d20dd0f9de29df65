"""Accuracy of alternatives: scikit-learn's classifiers, alone and inside cleanlab.

    python -m benchmarks.peers

An RBF support vector machine and an MLP with one hidden layer of 128, each trained on the noisy
labels as they are, and inside cleanlab's CleanLearning, which drops labels that it finds wrong and
trains again. cleanlab is no dependency of ieg: `pip install -e '.[benchmarks]'`. Without it its two
columns are left out, and a line says so. Two minutes on a CPU.

Split, noise and test images are those of `python -m ieg.main --dataset=digits_uniform_R --seed=S`.
All peers train on all 1,437 training images with noisy labels, as `--method=supervised` does. Among
them are the 50 that other methods hold out as probe set, here with noisy labels too. The MLP's 50
epochs were selected from 12, 25, 50, 100 and 200 on a validation split, as the settings of ieg's
methods were; all other settings are defaults.
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
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from benchmarks.tables import mean, print_table
from ieg.data.dataset import Dataset, prepare
from ieg.data.images import Images
from ieg.data.settings import DataSettings
from ieg.errors import InputError, as_flag, spelled

DATASETS = (
    "digits_uniform_0.2",
    "digits_uniform_0.4",
    "digits_uniform_0.6",
    "digits_uniform_0.8",
    "digits_asymmetric_0.4",
)


class ProbabilisticSVM(ClassifierMixin, BaseEstimator):
    """RBF SVM with its own predictions, and with the probabilities that cleanlab needs.

    Probabilities are by Platt scaling with 5 folds. Predictions by the largest of them would be
    worse: accuracy 0.64 instead of 0.83 at a noise ratio of 0.8.
    """

    def fit(self, images: np.ndarray, labels: np.ndarray) -> "ProbabilisticSVM":
        """Train on images [N, D] and labels [N]."""
        self.calibrated_ = CalibratedClassifierCV(SVC(), ensemble=False).fit(images, labels)
        self.classes_ = self.calibrated_.classes_
        return self

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Classes [N] by the machine trained on all examples."""
        return self.calibrated_.calibrated_classifiers_[0].estimator.predict(images)

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        """Probabilities [N, K] by Platt scaling."""
        return self.calibrated_.predict_proba(images)


def mlp(seed: int) -> MLPClassifier:
    """MLP with one hidden layer of 128, by Adam in 50 epochs without early stopping."""
    return MLPClassifier(hidden_layer_sizes=(128,), max_iter=50, random_state=seed)


def cleaned(classifier: Any, seed: int) -> Any:
    """cleanlab's CleanLearning with defaults around a classifier with probabilities."""
    from cleanlab.classification import CleanLearning

    return CleanLearning(classifier, seed=seed)


#: Column → classifier for a seed.
PEERS: Mapping[str, Callable[[int], Any]] = {
    "RBF SVM": lambda seed: SVC(),
    "MLP": mlp,
    "cleanlab, RBF SVM": lambda seed: cleaned(ProbabilisticSVM(), seed),
    "cleanlab, MLP": lambda seed: cleaned(mlp(seed), seed),
}


def main(argv: Sequence[str]) -> int:
    """Print test accuracy as mean ± standard deviation over seeds; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", action="append", help=f"default: {', '.join(DATASETS)}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args(argv)
    names = list(PEERS)
    if importlib.util.find_spec("cleanlab") is None:
        names = [name for name in names if not name.startswith("cleanlab")]
        print("nothing of cleanlab, which is not installed: pip install -e '.[benchmarks]'")
    started = time.monotonic()
    try:
        rows = [
            [dataset, *(mean(scores) for scores in _scores(dataset, names, arguments.seeds))]
            for dataset in arguments.dataset or DATASETS
        ]
    except InputError as error:
        print(f"error: {spelled(str(error), as_flag)}", file=sys.stderr)
        return 2
    print_table(["data", *names], rows)
    seeds = ", ".join(map(str, arguments.seeds))
    print(
        f"test accuracy, mean ± standard deviation over seeds {seeds}; trained on all images with "
        "noisy labels, those among them that other methods hold out as clean probe data; "
        f"{time.monotonic() - started:.0f} s"
    )
    return 0


def accuracy(classifier: Any, dataset: Dataset) -> float:
    """Test accuracy of a classifier trained on pixels in [0, 1] and the given labels."""
    indices = dataset.train_indices
    # So small matrices are multiplied faster by one thread, above all on a busy machine.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is meant to stop early
        classifier.fit(pixels(dataset.train.images[indices]), dataset.given_labels[indices])
    predicted = classifier.predict(pixels(dataset.evaluation.images))
    return float(np.mean(predicted == dataset.evaluation.labels))


def _scores(name: str, peers: Sequence[str], seeds: Sequence[int]) -> list[list[float]]:
    """Test accuracies by peer and seed."""
    datasets = [prepare(DataSettings(name), seed=seed) for seed in seeds]
    return [
        [accuracy(PEERS[peer](seed), d) for seed, d in zip(seeds, datasets, strict=True)]
        for peer in peers
    ]


def pixels(images: Images) -> np.ndarray:
    """Pixels [N, H·W·C] in [0, 1] of images [N, H, W, C] uint8."""
    assert isinstance(images, np.ndarray)  # digits are in memory
    return images.reshape(len(images), -1) / 255


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

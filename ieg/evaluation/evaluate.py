"""Accuracy on the evaluation split, and what became of clean and wrong labels in training."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ieg import keys
from ieg.data import images
from ieg.data.dataset import Dataset
from ieg.data.images import Images
from ieg.evaluation import confidence, metrics
from ieg.evaluation.shots import shot_accuracy

#: N images → logits [N, K]
Predict = Callable[[Images], np.ndarray]


def on_split(
    predict: Predict, dataset: Dataset, *, many_above: int = 100, few_below: int = 20
) -> dict[str, Any]:
    """Test metrics: every image of the evaluation split counts exactly once, if it can be read.

    Args:
      predict: images → logits.
      dataset: what is tested on; its given training labels say how many images a class has.
      many_above, few_below: limits of the many-shot and few-shot classes.
    Returns:
      top1, top5, balanced_accuracy and ece in [0, 1]; many_shot, medium_shot and few_shot likewise
      (None without such classes); test_loss, test_entropy and test_max_p, how sure the network is
      (see `confidence`); per_class, K accuracies (None for a class without images); confusion,
      [K, K] counts with the true class in the row.
    """
    labels, num_classes = dataset.evaluation.labels, dataset.num_classes
    logits = predict(dataset.evaluation.images)
    readable = images.readable(dataset.evaluation.images)
    logits, labels = logits[readable], labels[readable]
    predictions = metrics.predicted_classes(logits)
    per_class = metrics.per_class_accuracy(predictions, labels, num_classes)
    shots = shot_accuracy(per_class, dataset.class_counts, many_above, few_below)
    return {
        "top1": metrics.top_k_accuracy(logits, labels, 1),
        "top5": metrics.top_k_accuracy(logits, labels, 5),
        "balanced_accuracy": metrics.balanced_accuracy(predictions, labels, num_classes),
        "ece": metrics.expected_calibration_error(logits, labels),
        **{f"{group}_shot": accuracy for group, accuracy in shots.items()},
        "test_loss": confidence.mean_loss(logits, labels),
        "test_entropy": confidence.normalised_entropy(logits),
        "test_max_p": confidence.mean_max_probability(logits),
        "per_class": [None if np.isnan(a) else float(a) for a in per_class],
        "confusion": metrics.confusion_matrix(predictions, labels, num_classes).tolist(),
    }


def train_subset(dataset: Dataset, size: int, seed: int) -> np.ndarray:
    """Training examples on which clean and wrong labels are followed: at most `size`, fixed."""
    order = keys.generator(seed, "train subset").permutation(dataset.train_indices)
    return np.sort(order[:size])


def on_training_labels(
    predict: Predict, dataset: Dataset, indices: np.ndarray
) -> dict[str, float | None]:
    """Whether a method works, on training images that are not augmented; see `label_fit`."""
    return label_fit(predict(dataset.train.images[indices]), dataset, indices)


def label_fit(logits: np.ndarray, dataset: Dataset, indices: np.ndarray) -> dict[str, float | None]:
    """What a network makes of right and of wrong labels.

    Args:
      logits: [n, K] for training images that are not augmented.
      dataset: whose images those are.
      indices: [n] which of the training split.
    Returns:
      wrong_label_fit, clean_train and recovered, see `metrics.label_noise_accuracies`; the mean
      cross entropy against the same labels, wrong_label_loss, clean_train_loss, recovered_loss; and
      how sure the network is of images with a wrong and with a right label, wrong_label_entropy,
      wrong_label_max_p, clean_train_entropy, clean_train_max_p. None where there is no such image.
    """
    readable = images.readable(dataset.train.images[indices])
    logits, indices = logits[readable], indices[readable]
    given, true = dataset.given_labels[indices], dataset.true_labels[indices]
    clean, wrong = given == true, (given != true) & (true >= 0)
    found = {
        "wrong_label_loss": confidence.mean_loss(logits[wrong], given[wrong]),
        "wrong_label_entropy": confidence.normalised_entropy(logits[wrong]),
        "wrong_label_max_p": confidence.mean_max_probability(logits[wrong]),
        "clean_train_loss": confidence.mean_loss(logits[clean], given[clean]),
        "clean_train_entropy": confidence.normalised_entropy(logits[clean]),
        "clean_train_max_p": confidence.mean_max_probability(logits[clean]),
        "recovered_loss": confidence.mean_loss(logits[wrong], true[wrong]),
    }
    return {
        **metrics.label_noise_accuracies(metrics.predicted_classes(logits), given, true),
        **{name: None if np.isnan(value) else value for name, value in found.items()},
    }

"""Measures of a network on the evaluation split and on training labels."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ieg import keys
from ieg.data import images
from ieg.data.dataset import Dataset
from ieg.data.images import Images
from ieg.evaluation import measures, metrics

#: N images → logits [N, K]
Predict = Callable[[Images], np.ndarray]


def on_split(
    predict: Predict, dataset: Dataset, *, many_above: int = 100, few_below: int = 20
) -> dict[str, Any]:
    """Measures of the test images: every readable one of the split counts exactly once.

    Args:
      predict: images → logits.
      dataset: its evaluation split is tested on; class sizes are those of its training labels.
      many_above, few_below: limits of the many-shot and few-shot classes.
    Returns:
      key → value for each of `measures.ON_TEST` that is made of these outputs; per_class, K
      accuracies (None for a class without images); confusion, [K, K] counts with the true class in
      the row.
    """
    labels, num_classes = dataset.evaluation.labels, dataset.num_classes
    logits = predict(dataset.evaluation.inputs)
    readable = images.readable(dataset.evaluation.inputs)
    outputs = measures.EvaluationOutputs(
        logits[readable], labels[readable], dataset.class_counts, many_above, few_below
    )
    return {
        **measures.values(measures.ON_TEST, outputs),
        "per_class": [None if np.isnan(a) else float(a) for a in outputs.per_class],
        "confusion": metrics.confusion_matrix(
            outputs.predictions, outputs.labels, num_classes
        ).tolist(),
    }


def train_subset(dataset: Dataset, size: int, seed: int) -> np.ndarray:
    """Training examples on which clean and wrong labels are followed: at most `size`, fixed."""
    order = keys.generator(seed, "train subset").permutation(dataset.train_indices)
    return np.sort(order[:size])


def on_training_labels(
    predict: Predict, dataset: Dataset, indices: np.ndarray
) -> dict[str, float | None]:
    """Measures of right and wrong labels, for training images that are not augmented.

    Args:
      predict: images → logits.
      dataset, indices: as for `label_fit`.
    Returns:
      as `label_fit`.
    """
    return label_fit(predict(dataset.train.inputs[indices]), dataset, indices)


def label_fit(logits: np.ndarray, dataset: Dataset, indices: np.ndarray) -> dict[str, float | None]:
    """Measures of right and wrong training labels.

    Args:
      logits: [n, K] for training images that are not augmented.
      dataset: holds those images.
      indices: [n] int, their places in the training split.
    Returns:
      key → value for each of `measures.ON_TRAINING`; None where there is no such image.
    """
    readable = images.readable(dataset.train.inputs[indices])
    logits, indices = logits[readable], indices[readable]
    outputs = measures.TrainingOutputs(
        logits, dataset.given_labels[indices], dataset.true_labels[indices]
    )
    found = measures.values(measures.ON_TRAINING, outputs)
    return {k: None if v is None or np.isnan(v) else v for k, v in found.items()}

"""Features of a network: saved as files, and measured by nearest centroids."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from rich.console import Console

from ieg.data.images import readable
from ieg.evaluation import metrics, nearest_centroid
from ieg.experiment import Experiment
from ieg.report.accuracies import accuracies


class Outputs(NamedTuple):
    """Outputs of a network for the images of a split, not augmented.

    Attributes:
      features: [N, D] input of its classifier.
      labels: [N] int in [0, K): given ones of training images, true ones of others.
      predictions: [N] the classifier's, int in [0, K), or -1 for none.
    """

    features: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray


def measure(
    experiment: Experiment, weights: dict[str, list[tf.Variable]], step: int, console: Console
) -> dict[str, dict[str, Any]]:
    """Accuracy of nearest centroids, and files of features, as far as the settings ask for them.

    Args:
      experiment: restored.
      weights: by name; features are saved of those that come last.
      step: of the checkpoint.
      console: where to print.
    Returns:
      name of the weights → measures of `nearest_centroid.on_split`; nothing when nobody asked.
    """
    config, num_classes = experiment.config, experiment.dataset.num_classes
    if not (config.evaluation.nearest_centroid or config.evaluation.save_features):
        return {}
    seen = {name: _outputs(experiment, values) for name, values in weights.items()}
    if config.evaluation.save_features:
        for split, outputs in seen[list(weights)[-1]].items():
            name = f"features_step{step}_{split}.npz"
            experiment.folder.write_arrays(name, outputs._asdict())
            path = experiment.folder.path / name
            console.print(f"features in {path}", highlight=False, markup=False, soft_wrap=True)
    if not config.evaluation.nearest_centroid:
        return {}
    measured = {}
    for name, both in seen.items():
        train, tested = both["train"], both[config.data.eval_split]
        centroids = nearest_centroid.class_means(train.features, train.labels, num_classes)
        measured[name] = nearest_centroid.on_split(
            nearest_centroid.predict(tested.features, centroids),
            tested.labels,
            experiment.dataset.class_counts,
            many_above=config.evaluation.many_shot_above,
            few_below=config.evaluation.few_shot_below,
        )
    console.print(accuracies("nearest centroid", measured, experiment.dataset.class_names))
    return measured


def _outputs(experiment: Experiment, weights: list[tf.Variable]) -> dict[str, Outputs]:
    """Outputs for both splits, by the name of the split."""
    dataset = experiment.dataset
    indices, tested = dataset.train_indices, dataset.evaluation
    splits = {
        "train": (dataset.train.inputs[indices], dataset.given_labels[indices]),
        experiment.config.data.eval_split: (tested.inputs, tested.labels),
    }
    features, logits = experiment.predictor(weights, "features"), experiment.predictor(weights)
    found = {}
    for split, (images, labels) in splits.items():
        outputs = features(images), labels, metrics.predicted_classes(logits(images))
        usable = readable(images)
        found[split] = Outputs(*(values[usable] for values in outputs))
    return found

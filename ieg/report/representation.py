"""What `--mode=evaluation` says of a network's features: nearest centroids, and the features."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from ieg.data.images import readable
from ieg.evaluation import metrics, nearest_centroid
from ieg.experiment import Experiment


class Outputs(NamedTuple):
    """What a network makes of the plain images of a split.

    Attributes:
      features: [N, D] what its classifier sees.
      labels: [N] int in [0, K): given ones of training images, true ones of others.
      predictions: [N] the classifier's, int in [0, K), or -1 for none.
    """

    features: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray


def measure(
    experiment: Experiment, weights: dict[str, list[tf.Variable]], step: int, console: Console
) -> dict[str, dict[str, Any]]:
    """Accuracy of nearest centroids, and files of features, as far as the flags ask for them.

    Args:
      experiment: whose checkpoint is restored.
      weights: by name; features are saved of those that come last.
      step: of the checkpoint.
      console: where to print.
    Returns:
      name of the weights → what `nearest_centroid.on_split` says; nothing when nobody asked.
    """
    config, num_classes = experiment.config, experiment.dataset.num_classes
    if not (config.nearest_centroid or config.save_features):
        return {}
    seen = {name: _outputs(experiment, values) for name, values in weights.items()}
    if config.save_features:
        for split, outputs in seen[list(weights)[-1]].items():
            name = f"features_step{step}_{split}.npz"
            experiment.folder.write_arrays(name, outputs._asdict())
            path = experiment.folder.path / name
            console.print(f"features in {path}", highlight=False, markup=False, soft_wrap=True)
    if not config.nearest_centroid:
        return {}
    measured = {}
    for name, both in seen.items():
        train, tested = both["train"], both[config.eval_split]
        centroids = nearest_centroid.class_means(train.features, train.labels, num_classes)
        measured[name] = nearest_centroid.on_split(
            nearest_centroid.predict(tested.features, centroids),
            tested.labels,
            experiment.dataset.class_counts,
            many_above=config.many_shot_above,
            few_below=config.few_shot_below,
        )
    _print(measured, console)
    return measured


def _outputs(experiment: Experiment, weights: list[tf.Variable]) -> dict[str, Outputs]:
    """Outputs for both splits, by the name of the split."""
    dataset = experiment.dataset
    indices, tested = dataset.train_indices, dataset.evaluation
    splits = {
        "train": (dataset.train.images[indices], dataset.given_labels[indices]),
        experiment.config.eval_split: (tested.images, tested.labels),
    }
    features, logits = experiment.predictor(weights, "features"), experiment.predictor(weights)
    found = {}
    for split, (images, labels) in splits.items():
        outputs = features(images), labels, metrics.predicted_classes(logits(images))
        kept = readable(images)
        found[split] = Outputs(*(values[kept] for values in outputs))
    return found


def _print(measured: dict[str, dict[str, Any]], console: Console) -> None:
    table = Table("nearest centroid", *measured)
    titles = {
        "top1": "top-1",
        "balanced_accuracy": "balanced accuracy",
        "many_shot": "many-shot classes",
        "medium_shot": "medium-shot classes",
        "few_shot": "few-shot classes",
    }
    for key, title in titles.items():
        cells = (m[key] for m in measured.values())
        table.add_row(title, *("n/a" if a is None else f"{a:.4f}" for a in cells))
    console.print(table)

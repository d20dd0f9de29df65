"""Passes over images: what the network makes of each of them, once."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ieg import replicas
from ieg.augment.weak import WeakAugmentation
from ieg.data.dataset import Dataset
from ieg.data.images import Images, readable
from ieg.data.pipeline import Pipeline, sweep
from ieg.methods import What
from ieg.networks import parts


class Predictor:
    """Outputs of the network for images, every image exactly once; traced once and used again.

    Args:
      model: the network.
      weights: its trainable variables, current ones or an average.
      network_state: its other variables.
      strategy: whose replicas share the work.
      weak: the weak view, whose scale the network knows; None for examples that are no pictures.
      what: "logits", or "features": what the classifier sees.
      batch_size: per replica.
    """

    def __init__(
        self,
        model: keras.Model,
        weights: Sequence[tf.Variable],
        network_state: Sequence[tf.Variable],
        strategy: tf.distribute.Strategy,
        weak: WeakAugmentation | None,
        *,
        what: What,
        batch_size: int,
    ) -> None:
        if what == "features":
            model = parts.with_features(model)

        def replica_outputs(images: tf.Tensor) -> tf.Tensor:
            values = [tf.convert_to_tensor(v) for v in weights]
            others = [tf.convert_to_tensor(v) for v in network_state]
            outputs, _ = model.stateless_call(values, others, images, training=False)
            return outputs[1] if what == "features" else outputs

        @tf.function
        def outputs(batch: Any) -> Any:
            return strategy.run(replica_outputs, args=(batch,))

        self._outputs = outputs
        self._strategy = strategy
        self._weak = weak
        self._batch_size = batch_size

    def __call__(self, images: Images) -> np.ndarray:
        """N images → [N, K] logits or [N, D] features."""
        size = self._batch_size
        return sweep(images, self._strategy, self._outputs, batch_size=size, weak=self._weak)

    def of_batch(self, images: Any) -> np.ndarray:
        """What a batch has as image, of each replica → outputs of all, replica by replica."""
        return replicas.collect(self._strategy, self._outputs(images))


class TrainingPass:
    """What `methods.Predict` promises: passes over images with the current weights.

    In batches of training, since those of evaluations may change when a run goes on, and with them
    the last bit of a result.

    Args:
      dataset: whose images.
      pipeline: of training.
      strategy: whose replicas share the work.
      predictor: what → a predictor with the current weights, in batches of training.
    """

    def __init__(
        self,
        dataset: Dataset,
        pipeline: Pipeline,
        strategy: tf.distribute.Strategy,
        predictor: Callable[[What], Predictor],
    ) -> None:
        self._dataset = dataset
        self._pipeline = pipeline
        self._strategy = strategy
        self._make = predictor
        self._predictors: dict[str, Predictor] = {}

    def __call__(self, indices: np.ndarray, what: What = "logits") -> np.ndarray:
        """[n] examples of the training split → [n, K] logits or [n, D] features."""
        return self._predictor(what)(self._dataset.train.images[indices])

    def of_steps(
        self, first: int, stop: int, what: What = "logits", *, strong: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """[n] examples of these steps, and outputs for their weak or strong views."""
        strategy, predict = self._strategy, self._predictor(what)
        indices, outputs = [], []
        for batch in self._pipeline.batches(strategy, first, stop):
            indices.append(replicas.collect(strategy, batch.index))
            outputs.append(predict.of_batch(batch.strong_image if strong else batch.image))
        return np.concatenate(indices), np.concatenate(outputs)

    def of_evaluation(self, what: What = "logits") -> tuple[np.ndarray, np.ndarray]:
        """[M] labels of the evaluation split, and outputs for its images."""
        split = self._dataset.evaluation
        outputs, kept = self._predictor(what)(split.images), readable(split.images)
        return split.labels[kept], outputs[kept]

    def _predictor(self, what: What) -> Predictor:
        if what not in self._predictors:
            self._predictors[what] = self._make(what)
        return self._predictors[what]

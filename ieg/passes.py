"""Passes over images: logits or features of the network, once for each image."""

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
from ieg.methods import Output
from ieg.networks import parts


class Predictor:
    """Logits or features of the network in inference mode; traced once.

    Args:
      model: the network.
      weights: its trainable variables, current ones or an average.
      network_state: its other variables.
      strategy: its replicas share the work.
      weak: weak augmentation, for its input scale; None for examples that are no images.
      output: "logits", or "features" for the input of the classifier.
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
        output: Output,
        batch_size: int,
    ) -> None:
        if output == "features":
            model = parts.with_features(model)

        def replica_outputs(images: tf.Tensor) -> tf.Tensor:
            values = [tf.convert_to_tensor(v) for v in weights]
            others = [tf.convert_to_tensor(v) for v in network_state]
            outputs, _ = model.stateless_call(values, others, images, training=False)
            return outputs[1] if output == "features" else outputs

        @tf.function(autograph=False)
        def outputs(batch: Any) -> Any:
            return strategy.run(replica_outputs, args=(batch,))

        self._outputs = outputs
        self._strategy = strategy
        self._weak = weak
        self._batch_size = batch_size

    def __call__(self, images: Images) -> np.ndarray:
        """Outputs for N images, each computed once: [N, K] logits or [N, D] features."""
        size = self._batch_size
        return sweep(images, self._strategy, self._outputs, batch_size=size, weak=self._weak)

    def of_batch(self, images: Any) -> np.ndarray:
        """Outputs for the images of a batch, gathered over replicas in their order."""
        return replicas.collect(self._strategy, self._outputs(images))


class TrainingPass:
    """Passes with the current weights for a method between epochs; implements `methods.Predict`.

    They use the batch size of training: that of evaluation may change when a run is resumed, and
    with it the last bit of a result.

    Args:
      dataset: of the run.
      pipeline: of training.
      strategy: its replicas share the work.
      predictor: "logits" or "features" → a predictor with the current weights.
    """

    def __init__(
        self,
        dataset: Dataset,
        pipeline: Pipeline,
        strategy: tf.distribute.Strategy,
        predictor: Callable[[Output], Predictor],
    ) -> None:
        self._dataset = dataset
        self._pipeline = pipeline
        self._strategy = strategy
        self._make = predictor
        self._predictors: dict[str, Predictor] = {}

    def __call__(self, indices: np.ndarray, output: Output = "logits") -> np.ndarray:
        """Outputs for examples [n] of the training split: [n, K] logits or [n, D] features."""
        return self._predictor(output)(self._dataset.train.inputs[indices])

    def of_steps(
        self, first: int, stop: int, output: Output = "logits", *, strong: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Outputs for the augmented views of steps first .. stop - 1.

        Returns:
          [n] examples of those steps, and [n, K] logits or [n, D] features.
        """
        strategy, predict = self._strategy, self._predictor(output)
        indices, outputs = [], []
        for batch in self._pipeline.batches(strategy, first, stop):
            indices.append(replicas.collect(strategy, batch.index))
            outputs.append(predict.of_batch(batch.strong_image if strong else batch.image))
        return np.concatenate(indices), np.concatenate(outputs)

    def of_evaluation(self, output: Output = "logits") -> tuple[np.ndarray, np.ndarray]:
        """[M] labels of the evaluation split, and outputs for its images, where readable."""
        split = self._dataset.evaluation
        outputs, kept = self._predictor(output)(split.inputs), readable(split.inputs)
        return split.labels[kept], outputs[kept]

    def _predictor(self, output: Output) -> Predictor:
        if output not in self._predictors:
            self._predictors[output] = self._make(output)
        return self._predictors[output]

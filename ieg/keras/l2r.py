"""L2R as a `keras.Model`: example weights from clean images, in Keras' own `fit`."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from ieg.meta import InnerProblem, example_weights, meta_gradient

#: Cancels in the weights, which are relative.
_STEPSIZE = 1.0


@keras.saving.register_keras_serializable(package="ieg")
class L2RModel(keras.Model):
    """A network whose `fit` weighs each training example by a look-ahead on clean ones.

    w_i ∝ max(-∂L_clean(θ'(ε))/∂ε_i, 0) at ε = 0,  θ'(ε) = θ - ∇_θ Σ_i ε_i ℓ_i(θ)

    Compile it with one loss of labels and outputs, of Keras or of `ieg.keras`, which holds for
    training and for clean examples; everything else (optimizer, metrics, callbacks, `evaluate`,
    `predict`, saving) is as for any model. To load a saved one, import `ieg.keras` first.

    Source: Ren, Zeng, Yang and Urtasun, "Learning to Reweight Examples for Robust Deep Learning",
    ICML 2018 (arXiv 1803.09050), algorithm 1. `ieg.methods.l2r` is the version for the command,
    with a warm-up and several replicas.

    Args:
      network: model from examples to one tensor of outputs, such as logits [B, K].
      clean_batch_size: clean examples in a step, drawn anew for each; fewer if there are fewer.
      seed: of that draw.
      mode: "nested" works for any network; "forward" is faster for those whose layers have a
        forward mode (no synchronized batch norm, no LSTM), see `ieg.meta.meta_gradient`.
      name: of the model.

    Every second label is wrong, and four are known to be right:

    >>> import numpy as np
    >>> x = np.repeat(np.eye(2, dtype="float32"), 20, axis=0)
    >>> truth = x.argmax(axis=1)
    >>> given = np.where(np.arange(40) % 2, 1 - truth, truth)
    >>> model = L2RModel(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]))
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile(keras.optimizers.SGD(0.5), loss)
    >>> clean = [0, 1, 20, 21]
    >>> _ = model.fit(x, given, clean=(x[clean], truth[clean]), epochs=20, verbose=0)
    >>> print((model.predict(x, verbose=0).argmax(axis=1) == truth).mean())
    1.0
    """

    def __init__(
        self,
        network: keras.Model,
        clean_batch_size: int = 100,
        seed: int = 0,
        mode: str = "nested",
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.network = network
        self.clean_batch_size = clean_batch_size
        self.seed = seed
        self.mode = mode

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Outputs of the network."""
        return self.network(inputs, training=training)

    def fit(self, *args: Any, clean: tuple[Any, Any], **kwargs: Any) -> keras.callbacks.History:
        """`keras.Model.fit` with clean examples.

        Args:
          args, kwargs: as for `keras.Model.fit`; sample and class weights are refused.
          clean: examples [n, ...] and labels [n, ...], spelled like those to train on.
        Raises:
          ValueError: no clean examples, or examples and labels in different numbers; sample
            weights; several losses.
        """
        if not isinstance(clean, list | tuple) or len(clean) != 2:
            raise ValueError(
                f"clean must be a pair of arrays, examples and labels, not {type(clean).__name__}"
            )
        examples, labels = (tf.convert_to_tensor(part) for part in clean)
        if not 0 < len(examples) == len(labels):
            raise ValueError(f"clean has {len(examples)} examples and {len(labels)} labels")
        self._clean = (examples, labels)
        self.make_train_function(force=True)  # one of an earlier fit holds its clean examples
        return super().fit(*args, **kwargs)

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of algorithm 1 of L2R."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if sample_weight is not None:
            raise ValueError("L2R weighs the examples itself: leave out sample and class weights")
        losses = self._loss_of_each()
        weights = example_weights(self._gradient_of_weights(x, y, losses))
        with tf.GradientTape() as tape:
            outputs = self(x, training=True)
            loss = tf.add_n([tf.reduce_sum(weights * losses(y, outputs)), *self.losses])
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
        return self.compute_metrics(x, y, outputs)

    def _loss_of_each(self) -> Callable[[Any, Any], tf.Tensor]:
        """The compiled loss as a function (labels, outputs) → [B]."""
        if isinstance(self.loss, list | tuple | dict) or self.loss is None:
            raise ValueError("compile an L2RModel with one loss")
        loss = keras.losses.get(self.loss)
        return loss.call if isinstance(loss, keras.losses.Loss) else loss

    def _gradient_of_weights(
        self, x: Any, y: Any, losses: Callable[[Any, Any], tf.Tensor]
    ) -> tf.Tensor:
        """[B] ∂L_clean/∂ε of the examples of a batch, at weights zero."""
        network = self.network
        state = [v.value for v in network.non_trainable_variables]
        clean_x, clean_y = self._clean_batch()

        def outputs(params: list[tf.Tensor], examples: Any) -> Any:
            return network.stateless_call(params, state, examples, training=True)[0]

        inner = InnerProblem(
            predict=lambda params: outputs(params, x),
            loss=lambda z, weights: tf.reduce_sum(weights * losses(y, z)),
            stepsize=_STEPSIZE,
            loss_is_zero=True,
        )
        params = [tf.convert_to_tensor(v.value) for v in network.trainable_variables]
        found = meta_gradient(
            inner,
            lambda params: (tf.reduce_mean(losses(clean_y, outputs(params, clean_x))), None),
            params,
            tf.zeros(tf.shape(y)[:1]),
            mode=self.mode,
        )
        return tf.stop_gradient(found.gradient)

    def _clean_batch(self) -> tuple[tf.Tensor, tf.Tensor]:
        examples, labels = self._clean
        step = tf.cast(self.optimizer.iterations, tf.int64)
        order = tf.random.experimental.stateless_shuffle(tf.range(len(labels)), [self.seed, step])
        rows = order[: self.clean_batch_size]
        return tf.gather(examples, rows), tf.gather(labels, rows)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the class."""
        return {
            "network": keras.saving.serialize_keras_object(self.network),
            "clean_batch_size": self.clean_batch_size,
            "seed": self.seed,
            "mode": self.mode,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "L2RModel":
        """Make a model from the arguments of the class."""
        network = keras.saving.deserialize_keras_object(config["network"], custom_objects)
        return cls(**{**config, "network": network})

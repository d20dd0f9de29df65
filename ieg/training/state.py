"""State of training, all of which a checkpoint holds."""

import json
import math
from collections.abc import Mapping

import keras
import tensorflow as tf

from ieg import replicas
from ieg.networks import parts
from ieg.training.ledger import Ledger


class Meter(tf.train.experimental.PythonState):
    """Means of the logged scalars since the last evaluation.

    Part of the checkpoint, so that an evaluation after an interruption reports the same means as
    in an uninterrupted run.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Start again with no steps."""
        self._sums: dict[str, tuple[int, float]] = {}

    def add(self, scalars: Mapping[str, float]) -> None:
        """Add the scalars of one step; nan marks one that the step does not have."""
        for name, value in scalars.items():
            if math.isnan(value):
                continue
            count, total = self._sums.get(name, (0, 0.0))
            self._sums[name] = count + 1, total + float(value)

    def means(self) -> dict[str, float]:
        """Mean of each scalar over the steps that had it."""
        return {name: total / count for name, (count, total) in self._sums.items()}

    def serialize(self) -> str:
        """Text for the checkpoint."""
        return json.dumps(self._sums, sort_keys=True)

    def deserialize(self, string_value: bytes) -> None:
        """Restore from the text of a checkpoint.

        Raises:
          ValueError: the text is of another version.
        """
        try:
            self._sums = {name: (n, s) for name, (n, s) in json.loads(string_value).items()}
        except (AttributeError, TypeError):
            raise ValueError("not the sums of this version") from None


class TrainState:
    """Variables of a run, to be created inside the strategy's scope.

    Args:
      model: the network.
      method_variables: those of the method's `init_state`.
      ledger: values per example.
      use_ema: True to keep an average of the weights.
      accumulate: True to sum gradients over several batches.
    """

    def __init__(
        self,
        model: keras.Model,
        method_variables: Mapping[str, tf.Variable],
        ledger: Ledger,
        *,
        use_ema: bool,
        accumulate: bool,
    ) -> None:
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.network = parts.values_of(model)
        self.counters = [v.value for v in model.variables if not v.dtype.startswith("float")]
        self.params = [v.value for v in model.trainable_variables]
        self.network_state = [v.value for v in model.non_trainable_variables]
        self.buffers = [replicas.variable(tf.zeros_like(p)) for p in self.params]
        self.average = (
            [replicas.variable(tf.convert_to_tensor(p)) for p in self.params] if use_ema else []
        )
        self.sums = [replicas.variable(tf.zeros_like(p)) for p in self.params] if accumulate else []
        self.method_variables = dict(method_variables)
        self.ledger = ledger
        self.meter = Meter()

    def checkpoint(self) -> tf.train.Checkpoint:
        """Checkpoint of all variables, for saving and restoring.

        Weights and their averages are stored by their place in the whole network, which does not
        depend on the variables that were trained: `pretrained.load` finds them there.
        """
        places = {id(variable): str(place) for place, variable in enumerate(self.network)}
        averaged = zip(self.params, self.average, strict=False)  # the average may be off
        return tf.train.Checkpoint(
            step=self.step,
            network=self.network,
            counters=self.counters,
            average={places[id(param)]: average for param, average in averaged},
            buffers=self.buffers,
            sums=self.sums,
            method=self.method_variables,
            ledger=self.ledger,
            meter=self.meter,
        )

    def evaluated_weights(self) -> list[tf.Variable]:
        """Weights for evaluation: the average if one is kept."""
        return self.average or self.params

"""Everything that training changes, in one place, so that a checkpoint holds all of it."""

import json
import math
from collections.abc import Mapping

import keras
import tensorflow as tf

from ieg.networks import parts
from ieg.training.ledger import Ledger


class Meter(tf.train.experimental.PythonState):
    """Means of the logged scalars since the last evaluation; part of the checkpoint.

    So an evaluation that follows an interruption reports what an uninterrupted run would.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets all."""
        self._sums: dict[str, tuple[int, float]] = {}

    def add(self, scalars: Mapping[str, float]) -> None:
        """Takes in the scalars of one step; nan stands for one that the step does not have."""
        for name, value in scalars.items():
            if math.isnan(value):
                continue
            count, total = self._sums.get(name, (0, 0.0))
            self._sums[name] = count + 1, total + float(value)

    def means(self) -> dict[str, float]:
        """Mean of every scalar over those steps that had it."""
        return {name: total / count for name, (count, total) in self._sums.items()}

    def serialize(self) -> str:
        """For the checkpoint."""
        return json.dumps(self._sums, sort_keys=True)

    def deserialize(self, string_value: bytes) -> None:
        """From the checkpoint."""
        try:
            self._sums = {name: (n, s) for name, (n, s) in json.loads(string_value).items()}
        except (AttributeError, TypeError):
            raise ValueError("not the sums of this version") from None


class TrainState:
    """Variables of a run.

    Create it inside the strategy's scope.

    Args:
      model: the network.
      method_variables: what the method's `init_state` made.
      ledger: values per example.
      use_ema: whether an average of the weights is kept.
      accumulate: whether gradients of several batches are added up.
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
        self.buffers = [_slot(tf.zeros_like(p)) for p in self.params]
        self.average = [_slot(tf.convert_to_tensor(p)) for p in self.params] if use_ema else []
        self.sums = [_slot(tf.zeros_like(p)) for p in self.params] if accumulate else []
        self.method_variables = dict(method_variables)
        self.ledger = ledger
        self.meter = Meter()

    def checkpoint(self) -> tf.train.Checkpoint:
        """All of it, for saving and restoring.

        The network's variables, and their averages, go by their place in the whole network, which
        does not depend on what was trained: `pretrained.load` finds them there.
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
        """The weights that count: the average where one is kept."""
        return self.average or self.params


def _slot(value: tf.Tensor) -> tf.Variable:
    return tf.Variable(
        value, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
    )

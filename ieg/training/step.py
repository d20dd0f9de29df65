"""One compiled training step: the method's gradients, then what is the same for every method."""

from collections.abc import Callable, Hashable
from typing import NamedTuple

import tensorflow as tf

from ieg import replicas, update
from ieg.data.pipeline import Batch
from ieg.methods import Method, StepOutput, StepState
from ieg.training.averaging import ema_decay, ema_update
from ieg.training.state import TrainState

#: Columns of the ledger that every method fills.
COMMON_COLUMNS = ("loss", "agreement")

#: (batch of all replicas, learning rate, 0-based step, variant) → scalars of the global batch.
TrainStep = Callable[[Batch, float, int, Hashable], dict[str, tf.Tensor]]


class UpdateRule(NamedTuple):
    """How gradients become new weights.

    Attributes:
      momentum: μ of SGD.
      clip_norm: largest global norm; 0 does not clip.
      accumulation_steps: batches whose gradients are averaged for one update.
      decay: weight decay coefficient of each trainable variable.
    """

    momentum: float
    clip_norm: float
    accumulation_steps: int
    decay: list[float]


def compile_step(
    strategy: tf.distribute.Strategy, method: Method, state: TrainState, rule: UpdateRule
) -> TrainStep:
    """The training step as a graph, traced once per variant of the method.

    Args:
      strategy: whose replicas share the batch.
      method: what a step computes.
      state: what it changes; created in the strategy's scope.
      rule: how gradients become new weights.
    Returns:
      the step; `gradient_norm` is among its scalars when it updates the weights, which with
      accumulation only the last batch of each group does.
    """

    @tf.function
    def compiled(
        batch: Batch, learning_rate: tf.Tensor, step: tf.Tensor, variant: Hashable, last: bool
    ) -> dict[str, tf.Tensor]:
        def replica_step(
            batch: Batch, learning_rate: tf.Tensor, step: tf.Tensor
        ) -> dict[str, tf.Tensor]:
            return _replica_step(
                batch, learning_rate, step, method, state, rule, variant=variant, last=last
            )

        results = strategy.run(replica_step, args=(batch, learning_rate, step))
        # Equal on all replicas, as they were added up inside.
        return tf.nest.map_structure(lambda x: strategy.experimental_local_results(x)[0], results)

    def train_step(
        batch: Batch, learning_rate: float, step: int, variant: Hashable
    ) -> dict[str, tf.Tensor]:
        last = (step + 1) % rule.accumulation_steps == 0
        rate, number = tf.constant(learning_rate, tf.float32), tf.constant(step, tf.int64)
        return compiled(batch, rate, number, variant, last)

    return train_step


def _replica_step(
    batch: Batch,
    learning_rate: tf.Tensor,
    step: tf.Tensor,
    method: Method,
    state: TrainState,
    rule: UpdateRule,
    *,
    variant: Hashable,
    last: bool,
) -> dict[str, tf.Tensor]:
    start = StepState(
        step=step,
        learning_rate=learning_rate,
        params=[tf.convert_to_tensor(v) for v in state.params],
        network_state=[tf.convert_to_tensor(v) for v in state.network_state],
        buffers=[tf.convert_to_tensor(v) for v in state.buffers],
        variables=state.method_variables,
    )
    output = method.step(batch, start, variant)
    norm = _apply(output, start, state, rule, last=last)
    _keep_network_state(output, state)
    replicas.assign([state.step], [step + 1])
    return _record(batch, output, state) | norm


def _apply(
    output: StepOutput, start: StepState, state: TrainState, rule: UpdateRule, *, last: bool
) -> dict[str, tf.Tensor]:
    """Updates weights, buffers and average; returns the norm of the gradient if it did."""
    moving = [j for j, g in enumerate(output.gradients) if g is not None]
    gradients = replicas.total([tf.convert_to_tensor(output.gradients[j]) for j in moving])
    if rule.accumulation_steps > 1:
        share = 1 / rule.accumulation_steps
        sums = [state.sums[j] for j in moving]
        gradients = [
            tf.convert_to_tensor(s) + share * g for s, g in zip(sums, gradients, strict=True)
        ]
        replicas.assign(sums, [tf.zeros_like(g) if last else g for g in gradients])
    if not last:
        return {}
    params = [start.params[j] for j in moving]
    gradients = update.add_decay(gradients, params, [rule.decay[j] for j in moving])
    gradients, norm = update.clip(gradients, rule.clip_norm)
    params, buffers = update.sgd_momentum(
        params,
        [start.buffers[j] for j in moving],
        gradients,
        learning_rate=start.learning_rate,
        momentum=rule.momentum,
    )
    replicas.assign([state.params[j] for j in moving], params)
    replicas.assign([state.buffers[j] for j in moving], buffers)
    if state.average:
        rate = ema_decay(start.step // rule.accumulation_steps)
        new = dict(zip(moving, params, strict=True))
        averages = [
            ema_update(tf.convert_to_tensor(a), new.get(j, start.params[j]), rate)
            for j, a in enumerate(state.average)
        ]
        replicas.assign(state.average, averages)
    return {"gradient_norm": norm}


def _keep_network_state(output: StepOutput, state: TrainState) -> None:
    """Moving statistics become their mean over the replicas; counters are equal already."""
    values = [replicas.mean(x) if x.dtype.is_floating else x for x in output.network_state]
    replicas.assign(state.network_state, values)


def _record(batch: Batch, output: StepOutput, state: TrainState) -> dict[str, tf.Tensor]:
    """Enters the values per example, and adds the scalars up over the replicas."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch.label, output.logits)
    predicted = tf.argmax(output.logits, axis=1, output_type=tf.int32)
    agreement = tf.cast(predicted == batch.label, tf.float32)
    common = dict(zip(COMMON_COLUMNS, (losses, agreement), strict=True))
    state.ledger.record(batch.index, {**common, **output.per_example})
    shares = {"loss": output.loss, "train_accuracy": replicas.batch_mean(agreement)}
    return replicas.total({**shares, **output.scalars})

"""Compiled training steps: the method's gradients, then the update that all methods share."""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from ieg import replicas, update
from ieg.data.pipeline import Batch
from ieg.errors import InputError
from ieg.methods import Method, StepOutput, StepState, outputs
from ieg.training.averaging import ema_decay, ema_update
from ieg.training.state import TrainState
from ieg.update import UpdateRule

#: Columns of the ledger that every method fills.
COMMON_COLUMNS = ("loss", "agreement")


class Scalars(NamedTuple):
    """Logged scalars of n steps.

    Attributes:
      names: of the S scalars.
      values: [n, S] float32 of the global batch, still on the device.
    """

    names: tuple[str, ...]
    values: tf.Tensor


class TrainSteps:
    """Training steps as a graph, several in each call from the host.

    Args:
      strategy: its replicas share the batch.
      method: computes the gradients.
      state: the variables, created in the strategy's scope.
      rule: settings of the update.
      block: N, the batches in a block, see `Pipeline.batches`.
      jit: True to compile the step with XLA; only without a strategy.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        method: Method,
        state: TrainState,
        rule: UpdateRule,
        *,
        block: int = 1,
        jit: bool = False,
    ) -> None:
        self.block = block
        self._jit = jit
        self._strategy = strategy
        self._method = method
        self._state = state
        self._rule = rule
        self._names: dict[Hashable, tuple[str, ...]] = {}
        # No Python condition depends on a tensor, and rewriting them all took half of the tracing.
        self._compiled = tf.function(self._steps, autograph=False)

    def kind(self, step: int) -> tuple[Hashable, bool]:
        """Kind of a step: steps of one call are of one kind, and each kind is traced once.

        Args:
          step: 0-based.
        Returns:
          The method's variant, and True if the step updates the weights, which with accumulation
          only the last batch of each group does.
        """
        return self._method.variant(step), (step + 1) % self._rule.accumulation_steps == 0

    def __call__(self, block: Any, place: int, first: int, rates: Sequence[float]) -> Scalars:
        """Run len(rates) steps of one kind.

        Args:
          block: N stacked batches of all replicas.
          place: index in the block of the first step's batch.
          first: the first step, 0-based.
          rates: learning rate of each step, at most N - place of them.
        Returns:
          Their scalars, with `gradient_norm` if they update the weights.
        Raises:
          InputError: the method, or its loss, returns values that no step can have.
        """
        kind, count = self.kind(first), len(rates)
        padded = tf.constant([*rates, *[0.0] * (self.block - count)], tf.float32)
        numbers = (tf.constant(n, tf.int64) for n in (place, first, count))
        try:
            values = self._compiled(block, padded, *numbers, kind)
        except Exception as error:
            _reset_variable_scope()
            _raise_input_error(error)
            raise
        return Scalars(self._names[kind], values)

    def _steps(
        self,
        block: Any,
        rates: tf.Tensor,
        place: tf.Tensor,
        first: tf.Tensor,
        count: tf.Tensor,
        kind: tuple[Hashable, bool],
    ) -> tf.Tensor:
        """[count, S] scalars, in the order of the names recorded during tracing."""

        def on_replica(
            block: Batch, place: tf.Tensor, rate: tf.Tensor, step: tf.Tensor
        ) -> dict[str, tf.Tensor]:
            batch = tf.nest.map_structure(lambda x: None if x is None else x[place], block)
            return replica_step(
                batch,
                rate,
                step,
                self._method,
                self._state,
                self._rule,
                variant=kind[0],
                last=kind[1],
            )

        run = (
            tf.function(on_replica, jit_compile=True, autograph=False) if self._jit else on_replica
        )

        def one(i: tf.Tensor) -> tf.Tensor:
            found = self._strategy.run(run, args=(block, place + i, rates[i], first + i))
            # Summed over replicas inside, so equal on all of them.
            scalars = {
                name: self._strategy.experimental_local_results(value)[0]
                for name, value in found.items()
            }
            self._names[kind] = tuple(scalars)
            return tf.stack(list(scalars.values()))

        return tf.map_fn(
            one, tf.range(count), fn_output_signature=tf.float32, parallel_iterations=1
        )


def _reset_variable_scope() -> None:
    """Undo a setting of `tf.map_fn` that stays behind a failed trace.

    With it, no later run of this process could create variables under a mirrored strategy.
    """
    with tf.compat.v1.get_default_graph().as_default():
        tf.compat.v1.get_variable_scope().set_caching_device(None)


def _raise_input_error(error: BaseException | None) -> None:
    """Raise the InputError that a traced function raised, which tracing wraps in another error."""
    while error is not None:
        if isinstance(error, InputError):
            raise error from None
        error = error.__cause__ or error.__context__


def replica_step(
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
    """One step on one replica: gradients of the method, update, and records per example.

    Args:
      batch: this replica's part.
      learning_rate, step: scalars; the step is 0-based.
      method, state, rule: as in `TrainSteps`.
      variant: of the method, for this step.
      last: True if the step updates the weights, see `TrainSteps.kind`.
    Returns:
      Shares summed to scalars of the global batch, by name.
    Raises:
      InputError: the method returns values that no step can have.
    """
    start = StepState(
        step=step,
        learning_rate=learning_rate,
        params=[tf.convert_to_tensor(v) for v in state.params],
        network_state=[tf.convert_to_tensor(v) for v in state.network_state],
        buffers=[tf.convert_to_tensor(v) for v in state.buffers],
        variables=state.method_variables,
    )
    output = method.step(batch, start, variant)
    outputs.check_step(method, output, batch.label)
    norm = _apply(output, start, state, rule, last=last)
    _keep_network_state(output, state)
    replicas.assign([state.step], [step + 1])
    return _record(batch, output, state) | norm


def _apply(
    output: StepOutput, start: StepState, state: TrainState, rule: UpdateRule, *, last: bool
) -> dict[str, tf.Tensor]:
    """Update weights, buffers and average; the norm of the gradient, if there was an update."""
    moving = [j for j, g in enumerate(output.gradients) if g is not None]
    if not moving:  # several replicas cannot sum up nothing
        return {}
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
    """Keep the mean over replicas of the moving statistics; counters are equal on all of them."""
    values = [replicas.mean(x) if x.dtype.is_floating else x for x in output.network_state]
    replicas.assign(state.network_state, values)


def _record(batch: Batch, output: StepOutput, state: TrainState) -> dict[str, tf.Tensor]:
    """Record the values per example, and sum the scalars over the replicas."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch.label, output.logits)
    predicted = tf.argmax(output.logits, axis=1, output_type=tf.int32)
    agreement = tf.cast(predicted == batch.label, tf.float32)
    common = dict(zip(COMMON_COLUMNS, (losses, agreement), strict=True))
    state.ledger.record(batch.index, {**common, **output.per_example})
    shares = {"loss": output.loss, "train_accuracy": replicas.batch_mean(agreement)}
    return replicas.total({**shares, **output.scalars})

"""The training loop: when it evaluates and saves, how it stops, and what an update is."""

import io
import math
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from ieg import config, experiment
from ieg.data.pipeline import EpochPlan
from ieg.errors import InputError, TrainingStopped
from ieg.training.averaging import ema_decay
from ieg.training.state import Meter
from ieg.training.step import Scalars
from ieg.training.trainer import Interrupted, Plan, Trainer
from ieg.training.workers import Workers


class Recorded:
    """A trainer whose step does nothing but report a loss, and all that it did.

    Args:
      last: steps of the whole run.
      evaluate_after: planned evaluations.
      first: steps done before.
      loss: 0-based step → training loss.
      during: called in every step with its 0-based number.
      block: steps for each call at most.
    """

    def __init__(
        self,
        last: int,
        evaluate_after: set[int],
        *,
        first: int = 0,
        loss: Callable[[int], float] = float,
        during: Callable[[int], None] = lambda step: None,
        by_epoch: bool = False,
        block: int = 1,
    ) -> None:
        self.evaluations: list[tuple[int, float, dict[str, float]]] = []
        self.saved: list[int] = []
        self.steps: list[tuple[int, int, float, str]] = []
        self.state = SimpleNamespace(step=tf.Variable(first, dtype=tf.int64), meter=Meter())
        self.state.method_variables = {"epochs": []}
        self.spans: list[tuple[int, int, Any]] = []
        self.calls: list[tuple[int, ...]] = []
        self.printed = io.StringIO()

        def steps(batches: range, place: int, first: int, rates: list[float]) -> Scalars:
            rows = []
            self.calls.append(tuple(range(first, first + len(rates))))
            for number, rate in enumerate(rates, first):
                during(number)
                batch = batches[place + number - first]
                self.steps.append((number, batch, round(rate, 6), kind(first)))
                rows.append([loss(number), 0.5, 1.0])
            names = ("loss", "train_accuracy", "gradient_norm")
            return Scalars(names, tf.constant(rows, tf.float64))

        def batches(strategy: Any, start: int, stop: int, plan: Any, block: int) -> Iterator[range]:
            self.spans.append((start, stop, plan))
            all_of_them = range(100 + start, 100 + stop)
            return iter([all_of_them[i : i + block] for i in range(0, stop - start, block)])

        def kind(step: int) -> str:
            return "late" if step >= 6 else "early"

        steps.kind, steps.block = kind, block

        def on_epoch(epoch: int, variables: dict[str, list[int]], predict: Any) -> dict[str, float]:
            variables["epochs"].append(epoch)
            return {"purity": predict(epoch)}

        self.trainer = Trainer(
            strategy=tf.distribute.get_strategy(),
            workers=Workers(tf.distribute.get_strategy()),
            method=SimpleNamespace(
                by_epoch=by_epoch,
                on_epoch=on_epoch,
                plan=lambda epoch, variables: (epoch, *variables["epochs"]),
            ),
            pipeline=SimpleNamespace(batches=batches, steps_per_epoch=10, batch_size=4),
            state=self.state,
            steps=steps,
            schedule=lambda step: 1 / (1 + step),
            plan=Plan(last_step=last, evaluate_after=frozenset(evaluate_after)),
            checkpoints=SimpleNamespace(save=self.saved.append),
            predict=lambda epoch: 10.0 + epoch,
            evaluate=lambda *values: self.evaluations.append(values),
            saved=lambda step: self.saved.append(-step),
            console=Console(file=self.printed),
        )


@pytest.mark.parametrize("block", [1, 3, 10])
def test_every_step_gets_its_own_batch_rate_and_kind(block: int) -> None:
    run = Recorded(8, {3, 8}, block=block)
    run.trainer.run()
    assert run.steps == [
        (s, 100 + s, pytest.approx(1 / (1 + s), abs=1e-6), "late" if s >= 6 else "early")
        for s in range(8)
    ]


def test_a_call_ends_with_its_block_at_an_evaluation_and_before_another_kind_of_step() -> None:
    run = Recorded(19, {4, 19}, block=5)
    run.trainer.run()
    assert run.calls == [
        (0, 1, 2, 3),  # evaluated
        (4,),  # the end of the block
        (5,),
        (6, 7, 8, 9),  # of the other kind
        (10, 11, 12, 13, 14),
        (15, 16, 17, 18),
    ]


def test_a_call_ends_with_the_epoch_where_a_method_works_between_epochs() -> None:
    run = Recorded(14, {14}, first=7, by_epoch=True, block=4)
    run.trainer.run()
    assert run.calls == [(7, 8, 9), (10, 11, 12, 13)]


def test_means_are_those_of_single_steps_however_many_come_at_once() -> None:
    runs = [Recorded(57, {31, 57}, block=block) for block in (1, 8)]
    for run in runs:
        run.trainer.run()
    assert runs[0].evaluations == runs[1].evaluations


def test_a_signal_waits_for_the_steps_of_the_running_call() -> None:
    run = Recorded(9, {9}, during=lambda step: step == 1 and os.kill(os.getpid(), 15), block=3)
    with pytest.raises(Interrupted) as stop:
        run.trainer.run()
    assert stop.value.step == 3 and run.saved == [3, -3]


def test_batches_come_in_one_go_for_a_method_without_work_between_epochs() -> None:
    run = Recorded(25, {25})
    run.trainer.run()
    assert run.spans == [(0, 25, EpochPlan())]
    assert run.state.method_variables == {"epochs": []}


def test_work_before_each_epoch_comes_before_the_batches_that_it_changes() -> None:
    run = Recorded(25, {25}, by_epoch=True)
    run.trainer.run()
    assert run.spans == [(0, 10, (0, 0)), (10, 20, (1, 0, 1)), (20, 25, (2, 0, 1, 2))]
    assert [step for step, *_ in run.steps] == list(range(25))
    assert run.evaluations[0][2]["purity"] == (10 + 11 + 12) / 3


@pytest.mark.parametrize(("first", "plan"), [(13, (1,)), (10, (1, 1))])
def test_a_resumed_run_plans_its_epoch_again_and_works_only_at_the_start_of_one(
    first: int, plan: tuple[int, ...]
) -> None:
    run = Recorded(25, {25}, first=first, by_epoch=True)
    run.trainer.run()
    assert run.spans[0] == (first, 20, plan)
    assert run.state.method_variables["epochs"][-1] == 2


def test_it_evaluates_and_saves_at_the_planned_steps_only() -> None:
    run = Recorded(7, {2, 5, 7})
    run.trainer.run()
    assert [step for step, _, _ in run.evaluations] == [2, 5, 7]
    assert run.saved == [2, -2, 5, -5, 7, -7]


def test_an_evaluation_gets_the_means_since_the_one_before_and_the_last_rate() -> None:
    run = Recorded(5, {2, 5})
    run.trainer.run()
    means = {"train_accuracy": 0.5, "gradient_norm": 1.0}
    assert run.evaluations == [
        (2, 1 / 2, {"loss": (0 + 1) / 2, **means}),
        (5, 1 / 5, {"loss": (2 + 3 + 4) / 3, **means}),
    ]
    assert run.state.meter.means() == {}


def test_means_are_right_over_more_steps_than_the_host_leaves_unread() -> None:
    run = Recorded(57, {57})
    run.trainer.run()
    assert run.evaluations[0][2]["loss"] == sum(range(57)) / 57


def test_it_goes_on_from_the_steps_that_were_done_before() -> None:
    run = Recorded(6, {2, 4, 6}, first=3)
    run.trainer.run()
    assert [(step, batch) for step, batch, _, _ in run.steps] == [(3, 103), (4, 104), (5, 105)]
    assert run.saved == [4, -4, 6, -6]
    assert run.evaluations[0][2]["loss"] == 3


def test_a_finished_run_does_nothing() -> None:
    run = Recorded(6, {6}, first=6)
    run.trainer.run()
    assert (run.steps, run.saved, run.trainer.examples_per_second()) == ([], [], None)


def test_examples_per_second_are_not_spoilt_by_a_traced_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The clock moves on by 100 s in the first step, which is traced, and by half a second later.
    now = [0.0]
    monkeypatch.setattr("ieg.training.trainer.time.monotonic", lambda: now[0])

    def during(step: int) -> None:
        now[0] += 100 if step == 0 else 0.5

    run = Recorded(70, {70}, during=during)  # looked at after 20, 40, 60 and 70 steps
    run.trainer.run()
    assert run.trainer.examples_per_second() == 4 / 0.5


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("bad", [0, 6, 24])
def test_a_loss_that_is_not_finite_names_its_step_and_saves_nothing_more(
    value: float, bad: int
) -> None:
    run = Recorded(40, {5, 40}, loss=lambda step: value if step == bad else 1.0)
    with pytest.raises(TrainingStopped, match=f"loss is {value} at step {bad + 1}; a smaller"):
        run.trainer.run()
    assert run.saved == ([5, -5] if bad > 5 else [])
    assert len(run.steps) <= bad + 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_step_finish_and_saves(number: int) -> None:
    def during(step: int) -> None:
        if step == 3:
            os.kill(os.getpid(), number)

    run = Recorded(9, {2, 9}, during=during)
    with pytest.raises(Interrupted) as stop:
        run.trainer.run()
    assert (stop.value.signal, stop.value.step) == (number, 4)
    assert len(run.steps) == 4
    assert run.saved == [2, -2, 4, -4]
    assert [step for step, _, _ in run.evaluations] == [2]
    # What was measured since the last evaluation waits in the state for the next one.
    assert run.state.meter.means()["loss"] == (2 + 3) / 2


def test_a_signal_in_a_step_with_an_evaluation_saves_once() -> None:
    run = Recorded(9, {4, 9}, during=lambda step: step == 3 and os.kill(os.getpid(), 15))
    with pytest.raises(Interrupted):
        run.trainer.run()
    assert run.saved == [4, -4]


def test_a_signal_in_the_last_step_changes_nothing() -> None:
    run = Recorded(4, {4}, during=lambda step: step == 3 and os.kill(os.getpid(), 15))
    run.trainer.run()
    assert run.saved == [4, -4]


def test_a_second_ctrl_c_ends_at_once() -> None:
    def during(step: int) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    run = Recorded(9, {9}, during=during)
    with pytest.raises(KeyboardInterrupt):
        run.trainer.run()
    assert len(run.steps) == 3 and not run.saved


def test_handlers_of_signals_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    Recorded(2, {2}).trainer.run()
    with pytest.raises(TrainingStopped):
        Recorded(2, {2}, loss=lambda step: math.nan).trainer.run()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_it_runs_outside_the_main_thread() -> None:
    run = Recorded(3, {3})
    thread = threading.Thread(target=run.trainer.run)
    thread.start()
    thread.join()
    assert run.saved == [3, -3]


# -- the update that a step makes --


def built(tmp_path: Path, **typed: Any) -> experiment.Experiment:
    fixed = {"dataset": "digits_uniform_0.4", "method": "supervised", "batch_size": 16}
    return experiment.build(config.resolve({**fixed, "checkpoint_path": str(tmp_path), **typed}))


def take_steps(made: experiment.Experiment, rates: list[float]) -> list[Any]:
    """Runs one step per rate and returns the batches."""
    steps = made.steps()
    blocks = made.pipeline.batches(made.strategy, 0, len(rates), block=1)
    for number, (block, rate) in enumerate(zip(blocks, rates, strict=True)):
        steps(block, 0, number, [rate])
    return list(made.pipeline.batches(made.strategy, 0, len(rates)))


def gradients(made: experiment.Experiment, batch: Any) -> list[np.ndarray]:
    """Of the mean cross entropy of a batch at the current weights, without weight decay."""
    with tf.GradientTape() as tape:
        logits = made.model(batch.image, training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch.label, logits))
    return [g.numpy() for g in tape.gradient(loss, made.state.params)]


def values(variables: list[tf.Variable]) -> list[np.ndarray]:
    return [v.numpy() for v in variables]


def assert_close(actual: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-6)


def test_two_accumulated_batches_are_one_update_with_the_mean_gradient(tmp_path: Path) -> None:
    made = built(tmp_path, accumulation_steps=2, l2_weight_decay=0.25)
    start = values(made.state.params)
    reference = built(tmp_path, l2_weight_decay=0.25)
    batches = take_steps(made, [7.0, 0.5])  # the rate of the first is not used
    first, second = (gradients(reference, batch) for batch in batches)
    means = [(a + b) / 2 for a, b in zip(first, second, strict=True)]
    wanted = [g + 0.25 * p for g, p in zip(means, start, strict=True)]
    assert_close(values(made.state.buffers), wanted)
    assert_close(
        values(made.state.params), [p - 0.5 * b for p, b in zip(start, wanted, strict=True)]
    )
    assert all(not s.any() for s in values(made.state.sums))


def test_before_the_last_batch_only_the_sums_change(tmp_path: Path) -> None:
    made = built(tmp_path, accumulation_steps=2)
    start, average = values(made.state.params), values(made.state.average)
    (batch,) = take_steps(made, [0.5])
    np.testing.assert_equal(values(made.state.params), start)
    np.testing.assert_equal(values(made.state.average), average)
    assert not any(b.any() for b in values(made.state.buffers))
    halves = [g / 2 for g in gradients(built(tmp_path), batch)]
    assert_close(values(made.state.sums), halves)
    assert int(made.state.step) == 1


def test_two_plain_steps_follow_momentum_decay_and_average(tmp_path: Path) -> None:
    made = built(tmp_path, momentum=0.5, l2_weight_decay=0.25)
    twin = built(tmp_path)
    params = values(made.state.params)
    buffers = [np.zeros_like(p) for p in params]
    average = params
    batches = take_steps(made, [0.5, 0.25])
    for number, (batch, rate) in enumerate(zip(batches, [0.5, 0.25], strict=True)):
        for variable, value in zip(twin.state.params, params, strict=True):
            variable.assign(value)
        found = gradients(twin, batch)
        buffers = [0.5 * b + g + 0.25 * p for b, g, p in zip(buffers, found, params, strict=True)]
        params = [p - rate * b for p, b in zip(params, buffers, strict=True)]
        kept = float(ema_decay(number))
        average = [kept * a + (1 - kept) * p for a, p in zip(average, params, strict=True)]
    assert_close(values(made.state.params), params)
    assert_close(values(made.state.buffers), buffers)
    assert_close(values(made.state.average), average)


def test_a_clipped_update_has_the_length_of_the_bound(tmp_path: Path) -> None:
    made = built(tmp_path, clip_norm=0.125)
    take_steps(made, [0.1])
    squares = sum(float((b**2).sum()) for b in values(made.state.buffers))
    assert math.sqrt(squares) == pytest.approx(0.125, rel=1e-5)


@pytest.mark.parametrize("strategy", ["none", "mirrored"])
def test_several_steps_in_one_call_are_the_same_bit_for_bit(strategy: str, tmp_path: Path) -> None:
    typed = {"method": "l2r", "l2r_warmup_epochs": 0, "dropout_rate": 0.5, "clip_norm": 0.5}
    typed["meta_partial_level"] = 0  # quick to trace
    rates, states, logged = [0.3, 0.2, 0.1, 0.4], [], []
    for size in (1, 3):
        made = built(tmp_path, distribution_strategy=strategy, **typed)
        steps = made.steps(block=size)
        blocks = made.pipeline.batches(made.strategy, 0, len(rates), block=size)
        found = [
            steps(block, 0, first, rates[first : first + size])
            for first, block in zip(range(0, len(rates), size), blocks, strict=True)
        ]
        logged.append(np.concatenate([scalars.values for scalars in found]))
        everything = [*made.state.network, *made.state.counters, *made.state.buffers]
        states.append(values([*everything, *made.state.average, made.state.ledger.means]))
        assert made.state.step.numpy() == len(rates)
    np.testing.assert_equal(states[0], states[1])
    np.testing.assert_array_equal(*logged)


def test_compiled_by_xla_it_is_the_same_step(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    typed = {"method": "l2r", "l2r_warmup_epochs": 0, "weight_mode": "sigmoid"}
    logged, params = [], []
    for jit in (False, True):
        made = built(tmp_path, jit_compile=jit, **typed)
        (block,) = made.pipeline.batches(made.strategy, 0, 2, block=2)
        logged.append(made.steps(block=2)(block, 0, 0, [0.1, 0.1]).values)
        params.append([*values(made.state.params), *values([made.state.ledger.means])])
    np.testing.assert_allclose(*logged, rtol=1e-3, atol=1e-5)
    for one, other in zip(*params, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    assert "on CPUs forward mode has been measured 2.5 times slower" in caplog.text


def test_xla_is_refused_where_replicas_exchange_sums(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one device alone; give `distribution_strategy=none`$"):
        built(tmp_path, jit_compile=True, distribution_strategy="mirrored")


def test_a_call_may_begin_within_a_block(tmp_path: Path) -> None:
    whole, cut = (built(tmp_path) for _ in range(2))
    for made, parts in ((whole, [(0, 3)]), (cut, [(0, 1), (1, 3)])):
        steps = made.steps(block=3)
        (block,) = made.pipeline.batches(made.strategy, 0, 3, block=3)
        for begin, end in parts:
            assert steps(block, begin, begin, [0.1] * (end - begin)).values.shape[0] == end - begin
    np.testing.assert_equal(values(whole.state.params), values(cut.state.params))

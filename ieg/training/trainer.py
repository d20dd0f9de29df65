"""The training loop: steps, evaluations with checkpoints, and a clean end whatever happens."""

import math
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
import tensorflow as tf
from rich.console import Console

from ieg.checkpoints import Checkpoints
from ieg.data.pipeline import EpochPlan, Pipeline
from ieg.errors import TrainingStopped
from ieg.methods import Method, Predict
from ieg.training.progress import ProgressBar
from ieg.training.schedules import Schedule
from ieg.training.state import TrainState
from ieg.training.step import Scalars, TrainSteps
from ieg.training.workers import Workers

#: Steps whose scalars stay on the device before the host looks at them.
_STEPS_PER_LOOK = 20


@dataclass(frozen=True)
class Plan:
    """Length of a run, and its evaluations.

    Attributes:
      last_step: number of steps of the whole run.
      evaluate_after: steps after which the network is evaluated and saved.
    """

    last_step: int
    evaluate_after: frozenset[int]


class Interrupted(Exception):
    """Ctrl-C or SIGTERM; everything is saved, and the run can be resumed.

    Attributes:
      signal: number of the signal.
      step: number of steps done and saved.
    """

    def __init__(self, signal_number: int, step: int) -> None:
        super().__init__(f"signal {signal_number} at step {step}")
        self.signal = signal_number
        self.step = step


class Trainer:
    """Training loop of one method on one data set.

    Args:
      strategy: distribution over replicas.
      workers: the processes of the strategy.
      method: computes a step.
      pipeline: batches.
      state: variables that training changes.
      steps: the compiled steps.
      schedule: 0-based step → learning rate.
      plan: length of the run, and its evaluations.
      checkpoints: checkpoints of the state.
      predict: passes over the training images, for the method's work between epochs.
      evaluate: called at the planned steps with the step, the learning rate, and the means of the
        training scalars since the last call.
      saved: called with the step after every checkpoint.
      console: shows progress.
    """

    def __init__(
        self,
        *,
        strategy: tf.distribute.Strategy,
        workers: Workers,
        method: Method,
        pipeline: Pipeline,
        state: TrainState,
        steps: TrainSteps,
        schedule: Schedule,
        plan: Plan,
        checkpoints: Checkpoints,
        predict: Predict,
        evaluate: Callable[[int, float, Mapping[str, float]], None],
        saved: Callable[[int], None],
        console: Console,
    ) -> None:
        self._strategy = strategy
        self._workers = workers
        self._method = method
        self._pipeline = pipeline
        self._state = state
        self._steps = steps
        self._schedule = schedule
        self._plan = plan
        self._checkpoints = checkpoints
        self._predict = predict
        self._evaluate = evaluate
        self._saved = saved
        self._console = console
        self._unread: list[Scalars] = []
        self._unread_steps = 0
        self._rates: list[float] = []
        self._looked = 0.0

    def run(self) -> None:
        """Train from the step of the state to the end of the plan.

        Raises:
          Interrupted: Ctrl-C or SIGTERM came; raised after the running step and a checkpoint.
          TrainingStopped: the loss or the gradient is not finite; the last checkpoint stays.
        """
        first = int(self._state.step.numpy())
        progress = ProgressBar(
            self._console,
            first=first,
            last=self._plan.last_step,
            steps_per_epoch=self._pipeline.steps_per_epoch,
            batch_size=self._pipeline.batch_size,
        )
        self._looked = time.monotonic()
        with _StopSignals() as stop, progress:
            for steps, place, block in self._parts(first):
                rate = self._train(steps, place, block)
                done = steps.stop
                if self._unread_steps >= _STEPS_PER_LOOK:
                    progress.show(done, rate, self._look(done))
                if done in self._plan.evaluate_after:
                    self._look(done)
                    self._evaluate(done, rate, self._state.meter.means())
                    self._state.meter.clear()
                    self._save(done)
                    self._looked = time.monotonic()
                received = self._received(stop)
                if received and done < self._plan.last_step:
                    self._look(done)
                    if done not in self._plan.evaluate_after:
                        self._save(done)
                    raise Interrupted(received, done)

    def examples_per_second(self) -> float | None:
        """Training images per second in this process; None if it has trained no step.

        The median over the intervals between two looks at the device, so that the few with steps
        to be traced do not count; evaluations are left out.
        """
        return statistics.median(self._rates) if self._rates else None

    def _parts(self, first: int) -> Iterator[tuple[range, int, Any]]:
        """Yield the steps of one call, the place of their batches in a block, and the block.

        A call ends with its block, at a planned evaluation, and before a step of another kind.
        """
        for steps, block in self._blocks(first):
            begin = steps.start
            for step in steps:
                done = step + 1
                if (
                    done == steps.stop
                    or done in self._plan.evaluate_after
                    or self._steps.kind(done) != self._steps.kind(step)
                ):
                    yield range(begin, done), begin - steps.start, block
                    begin = done

    def _blocks(self, first: int) -> Iterator[tuple[range, Any]]:
        """Yield steps with their batches up to the end of the plan.

        If a method works between epochs, its batches begin anew with each epoch.
        """
        last, length = self._plan.last_step, self._pipeline.steps_per_epoch
        by_epoch, size = self._method.by_epoch, self._steps.block
        while first < last:
            stop = min(last, (first // length + 1) * length) if by_epoch else last
            plan = self._before_epoch(first) if by_epoch else EpochPlan()
            blocks = self._pipeline.batches(self._strategy, first, stop, plan, block=size)
            for begin, block in zip(range(first, stop, size), blocks, strict=True):
                yield range(begin, min(begin + size, stop)), block
            first = stop

    def _before_epoch(self, first: int) -> EpochPlan:
        """Work of the method before an epoch, and the plan of its steps.

        A run that resumes within an epoch has done that work before; only the plan is made again.
        """
        epoch, within = divmod(first, self._pipeline.steps_per_epoch)
        variables = self._state.method_variables
        if not within:
            self._state.meter.add(self._method.on_epoch(epoch, variables, self._predict))
        return self._method.plan(epoch, variables)

    def _train(self, steps: range, place: int, block: Any) -> float:
        """Run some steps and return the last learning rate."""
        rates = [self._schedule(step) for step in steps]
        self._unread.append(self._steps(block, place, steps.start, rates))
        self._unread_steps += len(steps)
        return rates[-1]

    def _look(self, done: int) -> dict[str, float]:
        """Read the scalars that are still on the device and return the newest."""
        scalars: dict[str, float] = {}
        first = done - self._unread_steps
        rows = [(names, row) for names, values in self._unread for row in np.asarray(values)]
        for offset, (names, row) in enumerate(rows):
            scalars = dict(zip(names, row.tolist(), strict=True))
            for name in scalars.keys() & {"loss", "gradient_norm"}:
                if not math.isfinite(scalars[name]):
                    raise TrainingStopped(
                        f"{name.replace('_', ' ')} is {scalars[name]} at step "
                        f"{first + offset + 1}; a smaller `learning_rate` or `clip_norm=5` may "
                        "help, as a run of its own with another `checkpoint_path`"
                    )
            self._state.meter.add(scalars)
        if self._unread:
            now = time.monotonic()
            images = self._unread_steps * self._pipeline.batch_size
            self._rates.append(images / max(now - self._looked, 1e-9))
            self._looked = now
        self._unread.clear()
        self._unread_steps = 0
        return scalars

    def _received(self, stop: "_StopSignals") -> int:
        """Number of the signal that asks this or any other worker to stop; 0 for none.

        Several workers ask each other only at looks at the device, which come at the same step.
        """
        if self._workers.count > 1 and self._unread:
            return 0
        return max(self._workers.gather(stop.received))

    def _save(self, done: int) -> None:
        """Save a checkpoint after `done` steps."""
        if self._workers.is_chief:
            self._checkpoints.save(done)
        self._saved(done)


class _StopSignals:
    """Context that remembers Ctrl-C and SIGTERM; a second Ctrl-C ends the process at once."""

    def __init__(self) -> None:
        self.received = 0

    def __enter__(self) -> "_StopSignals":
        # Python lets only the main thread handle signals; in others they keep their effect.
        here = threading.current_thread() is threading.main_thread()
        watched = (signal.SIGINT, signal.SIGTERM) if here else ()
        self._before = {number: signal.getsignal(number) for number in watched}
        for number in self._before:
            signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number

"""Progress of a run: a bar on a terminal, plain lines in a file."""

import time
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_LINE_EVERY_SECONDS = 10.0


class ProgressBar:
    """Display of step, epoch, learning rate, loss, accuracy, examples/s and time left.

    Use it as a context manager.

    Args:
      console: output.
      first: steps already done.
      last: steps of the whole run.
      steps_per_epoch: for the epoch number.
      batch_size: global batch, for examples/s.
    """

    def __init__(
        self, console: Console, *, first: int, last: int, steps_per_epoch: int, batch_size: int
    ) -> None:
        self._console = console
        self._first, self._last = first, last
        self._steps_per_epoch, self._batch_size = steps_per_epoch, batch_size
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed}/{task.total}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=last, completed=first)
        self._started = self._last_line = time.monotonic()

    def __enter__(self) -> "ProgressBar":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, step: int, learning_rate: float, scalars: Mapping[str, float]) -> None:
        """Update the display.

        Args:
          step: steps done.
          learning_rate: of the last step.
          scalars: of the last step, among them loss and train_accuracy.
        """
        now = time.monotonic()
        rate = (step - self._first) * self._batch_size / max(now - self._started, 1e-9)
        text = (
            f"epoch {(step - 1) // self._steps_per_epoch} lr {learning_rate:.3g} "
            f"loss {scalars['loss']:.3f} acc {scalars['train_accuracy']:.3f} {rate:,.0f} img/s"
        )
        self._bar.update(self._task, completed=step, description=text)
        if not self._console.is_terminal and now - self._last_line > _LINE_EVERY_SECONDS:
            left = (self._last - step) * self._batch_size / rate
            self._console.print(
                f"step {step}/{self._last} {text} {left:.0f} s left", highlight=False
            )
            self._last_line = now

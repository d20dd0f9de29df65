"""Progress of features that are being computed: a bar on a terminal, plain lines in a file."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ieg.features import store

_LINE_EVERY_SECONDS = 10.0


@contextlib.contextmanager
def shown(console: Console) -> Iterator[store.Progress]:
    """Yield a function that shows how many images are done, images/s and the time left.

    Nothing is shown while everything is there already.

    Args:
      console: where to print.
    """
    bar = Progress(
        TextColumn("features of images"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} img/s"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task("", total=None, rate=0.0, start=False, visible=False)
    begin: tuple[float, int] | None = None
    last_line = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal begin, last_line
        now = time.monotonic()
        if begin is None:
            if done < total:
                begin = (now, done)
            return
        rate = (done - begin[1]) / max(now - begin[0], 1e-9)
        if not bar.tasks[task].started:
            bar.start_task(task)
        bar.update(task, completed=done, total=total, rate=rate, visible=done < total)
        if not console.is_terminal and now - last_line > _LINE_EVERY_SECONDS:
            last_line = now
            console.print(f"features of {done:,} of {total:,} images, {rate:.0f} img/s")

    with bar:
        yield show

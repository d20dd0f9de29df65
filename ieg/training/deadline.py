"""A time limit for calls of TensorFlow that keep Python's lock and do not heed signals."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

# No thread of this process could run meanwhile, so another process looks at the clock. It ends
# when its input does, so also with this process.
_WATCH = """
import os, select, signal, sys
seconds, process, line = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if not select.select([sys.stdin], [], [], seconds)[0]:
    print(line, file=sys.stderr, flush=True)
    os.kill(process, signal.SIGKILL)
"""


@contextlib.contextmanager
def within(seconds: float, line: str) -> Iterator[None]:
    """Kill this process, after a line on standard error, unless the block ends in time.

    Args:
      seconds: that the block may take.
      line: what to print.
    """
    command = [sys.executable, "-I", "-c", _WATCH, str(seconds), str(os.getpid()), line]
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        watcher.communicate()

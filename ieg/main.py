"""`python -m ieg.main --method=...`: one command, and one line for what ends it early."""

import signal
import sys
from collections.abc import Sequence

from ieg import later


def main(argv: Sequence[str]) -> int:
    """Run one command.

    Args:
      argv: program name and flags.
    Returns:
      exit status: 0 done; 1 training cannot go on; 2 bad input; 128 + n stopped by signal n.
    """
    try:
        try:
            later.postpone()
            from ieg import dispatch  # takes a second, in which somebody may lose patience
        except ModuleNotFoundError as error:
            print(f"error: {later.missing(error.name)}", file=sys.stderr)
            return 2
        return dispatch.run(argv)
    except KeyboardInterrupt:
        print("stopped: interrupted; the last checkpoint stays", file=sys.stderr)
        return 128 + signal.SIGINT


def command() -> int:
    """Run the command line of this process: the console script `ieg`."""
    return main(sys.argv)


if __name__ == "__main__":
    sys.exit(command())

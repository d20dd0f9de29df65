"""Memory that this process has needed."""

import sys
from pathlib import Path

try:
    import resource
except ImportError:  # on Windows, which keeps no such number for a process
    resource = None  # type: ignore[assignment]


def peak_bytes() -> int | None:
    """The largest resident size of this process so far, in bytes; None where nobody counts it."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux getrusage inherits the peak of the process that started us
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        if "VmHWM" in lines:
            return int(lines["VmHWM"].split()[0]) * 1024
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts in bytes

"""Quality of each part of the audit.

python -m benchmarks.audit labels
python -m benchmarks.audit labels_on_features DIR
python -m benchmarks.audit copies DIR
python -m benchmarks.audit outliers DIR
python -m benchmarks.audit neighbors --rows 10000 100000 1000000

One file per part, which has a `main(argv)`; `--help` behind a part shows what it takes.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Run one part; return the exit status."""
    parts = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    if not argv or argv[0] not in parts:
        print(f"error: expected one of {', '.join(parts)}", file=sys.stderr)
        return 2
    status: int = import_module(f"benchmarks.audit.{argv[0]}").main(argv[1:])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Import TensorFlow without the dozen lines that it prints before any log level applies."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def _stderr_kept_back() -> Iterator[None]:
    """Hold back the output of compiled code to stderr, unless the block raises an error."""
    sys.stderr.flush()
    before = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        except Exception:
            written.seek(0)
            os.write(before, written.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _stderr_kept_back():
    import tensorflow  # noqa: F401

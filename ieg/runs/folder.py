"""The folder of one run: its names, its files, and the process that it belongs to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ieg import atomic
from ieg.errors import InputError
from ieg.runs import files
from ieg.runs.metrics import Metrics

try:
    import fcntl
except ImportError:  # on Windows, where nothing keeps a second process out
    fcntl = None  # type: ignore[assignment]

#: Written before training begins.
CONFIG, DATA, PARAMETERS, SPLIT = "config.json", "data.json", "params.csv", "split.csv"
LABEL_CORRECTIONS = "label_corrections.csv"
#: Written while it goes on.
METRICS, PROGRESS, DAMAGED_IMAGES = "metrics.csv", "progress.json", "damaged_images.csv"
#: Written at its end.
RESULT, EXAMPLES, CONFUSION, PAGE = "result.json", "examples.csv", "confusion.csv", "report.html"
AUDIT, LABEL_AUDIT = "audit.json", "label_audit.csv"
ANNOTATORS, CONSENSUS = "annotators.csv", "consensus.csv"
#: Written before training on features.
COPIES, OUTLIERS, CONDITION = "copies.csv", "outliers.csv", "condition.csv"


class RunFolder:
    """`<root>/<dataset>/<network>/<method>/seed<seed>` with config, metrics, result and figures.

    Nothing is written before `open` is called.

    Args:
      path: the folder.

    Attributes:
      metrics: rows of metrics.csv.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.events = path / "events"
        self.figures = path / "figures"
        self.metrics = Metrics(path / METRICS)
        self._lock: TextIO | None = None

    @classmethod
    def of(cls, root: str, dataset: str, network: str, method: str, seed: int) -> "RunFolder":
        """The folder of a run by the settings that name it."""
        return cls(Path(root).expanduser() / dataset / network / method / f"seed{seed}")

    def open(self) -> None:
        """Create the folder and take it for this process until that ends, however it ends.

        Raises:
          InputError: it cannot be written to, or another process trains there.
        """
        try:
            self.figures.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.path / ".lock", "a")  # noqa: SIM115 - held until close
        except OSError as error:
            raise InputError(
                f"cannot write to {self.path}: {error.strerror}; choose another `checkpoint_path`"
            ) from None
        try:
            if fcntl is not None:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another process is training in {self.path}") from None
        except OSError as error:
            raise InputError(f"cannot lock {self.path}: {error.strerror}") from None
        self.metrics.forget()  # another process may have written until now

    def close(self) -> None:
        """Give the folder free."""
        if self._lock:
            self._lock.close()

    def read_config(self) -> dict[str, Any] | None:
        """The resolved values with their origins, or None when the folder holds no run.

        Raises:
          InputError: the file is damaged.
        """
        return files.read_json(self.path / CONFIG, {"values": dict})

    def read_result(self) -> dict[str, Any] | None:
        """The result of a finished run, or None.

        Raises:
          InputError: the file is damaged.
        """
        return files.read_json(self.path / RESULT, {"steps": int, "top1": float})

    def forget_result(self) -> None:
        """Delete the result: the run is not finished, or no longer."""
        (self.path / RESULT).unlink(missing_ok=True)

    def read_audit(self) -> dict[str, Any] | None:
        """Facts of the label audit, such as the noise rate, or None without one.

        Raises:
          InputError: the file is damaged.
        """
        return files.read_json(self.path / AUDIT, {"suspicious": int, "noise_rate": float})

    def read_confusion(self, class_names: tuple[str, ...]) -> np.ndarray | None:
        """[K, K] counts of test images, rows are labels and columns predictions; None without.

        Raises:
          InputError: the file is damaged.
        """
        path = self.path / CONFUSION
        table = files.read_table(path, required=class_names)
        if table is None:
            return None
        columns = [files.numbers(path, n, table[n], int, np.int64) for n in class_names]
        return np.stack(columns, axis=1)

    def read_seconds(self) -> float:
        """Seconds that this run has taken so far, over all its processes.

        Raises:
          InputError: the file is damaged.
        """
        progress = files.read_json(self.path / PROGRESS, {"seconds": float})
        return progress["seconds"] if progress else 0.0

    def write_progress(self, step: int, seconds: float) -> None:
        """Write where the run stands; the clock is kept here, out of the checkpoint."""
        self.write_json(PROGRESS, {"step": step, "seconds": seconds})

    def read_damaged(self) -> dict[str, str]:
        """Path → reason, of the image files that an earlier process could not decode.

        Raises:
          InputError: the table is damaged itself.
        """
        table = files.read_table(self.path / DAMAGED_IMAGES, required=["path", "reason"])
        return dict(zip(table["path"], table["reason"], strict=True)) if table else {}

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write config.json, result.json or any other JSON object."""
        files.write_json(self.path / name, content)

    def write_text(self, name: str, text: str) -> None:
        """Write a file of text, whose line ends stay as they are."""
        with atomic.text(self.path / name) as file:
            file.write(text)

    def write_arrays(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Write arrays by name as one .npz file."""
        with atomic.replacing(self.path / name) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)

    def write_table(self, name: str, columns: Mapping[str, Any]) -> None:
        """Write columns of equal length as CSV; nan and None become empty cells."""
        files.write_table(self.path / name, columns)

    def write_row(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a CSV file with one row; None becomes an empty cell."""
        files.write_row(self.path / name, values)

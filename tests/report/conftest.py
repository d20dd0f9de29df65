"""Made-up run folders, laid out as a run leaves them."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

RESULT: dict[str, Any] = {
    "method": "l2r",
    "dataset": "digits_uniform_0.4",
    "network": "cnn",
    "seed": 0,
    "steps": 300,
    "seconds": 1234.6,
    "examples_per_second": 5000.0,
    "peak_memory_bytes": 400_000_000,
    "noise_rate_asked": 0.4,
    "noise_rate": 0.3978,
    "top1": 0.9,
    "top1_raw": 0.88,
    "top1_best": 0.9125,
    "best_step": 1200,
    "top5": 0.99,
    "balanced_accuracy": 0.89,
    "ece": 0.05,
    "wrong_label_fit": 0.031,
    "wrong_label_fit_best": 0.03,
    "clean_train": 0.95,
    "clean_train_best": 0.96,
    "recovered": 0.875,
    "recovered_best": 0.88,
}
METRICS: dict[str, list[Any]] = {
    "step": [100, 200, 300],
    "loss": [2.0, 1.0, 0.5],
    "top1": [0.5, 0.8, 0.9],
    "top1_raw": [0.4, 0.7, 0.88],
    "clean_train": [0.6, "", 0.95],
    "wrong_label_fit": [0.1, 0.05, 0.031],
    "recovered": [0.5, 0.8, 0.875],
}
EXAMPLES: dict[str, list[Any]] = {
    "index": [0, 1, 2, 3],
    "given_label": [3, 1, 4, 1],
    "true_label": [3, 1, 5, ""],
    "visits": [30, 30, 29, 30],
    "loss": [0.1, 0.2, 3.0, ""],
}

WriteRun = Callable[..., Path]


def write_table(file: Path, columns: Mapping[str, Sequence[object]]) -> None:
    with file.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """write_run(name, metrics=..., examples=..., **result) → the folder; defaults are above."""

    def write(
        name: str = "run",
        metrics: Mapping[str, Sequence[object]] = METRICS,
        examples: Mapping[str, Sequence[object]] = EXAMPLES,
        **result: object,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"values": {}, "origins": {}}))
        (folder / "result.json").write_text(json.dumps(RESULT | result))
        write_table(folder / "metrics.csv", metrics)
        write_table(folder / "examples.csv", examples)
        return folder

    return write

"""What several tests of whole runs need: run folders and how to compare them."""

import csv
from pathlib import Path

import numpy as np
import tensorflow as tf

from ieg.main import main


def train(root: Path, *flags: str) -> Path:
    """Trains in this process and returns the run folder, the only one below `root`."""
    assert main(["ieg", f"--checkpoint_path={root}", *flags]) == 0
    run = only_run(root)
    assert_audited(run)
    return run


def assert_audited(run: Path) -> None:
    """Whatever the method: label_audit.csv has the rows of examples.csv, by falling score."""
    with open(run / "label_audit.csv", newline="") as file:
        audited = list(csv.DictReader(file))
    with open(run / "examples.csv", newline="") as file:
        examples = {row["index"]: row for row in csv.DictReader(file)}
    scores = [float(row["score"]) for row in audited]
    assert (
        scores and scores == sorted(scores, reverse=True) and 0 <= min(scores) <= max(scores) <= 1
    )
    assert {row["index"] for row in audited} <= examples.keys()
    evidence = examples[audited[0]["index"]].keys() - {"path", "given_class", "given_label"}
    for row in audited:
        for name in evidence - {"true_label"}:
            assert row[name] == examples[row["index"]][name]


def only_run(root: Path) -> Path:
    """The run folder below the root of run folders."""
    (config,) = root.rglob("config.json")
    return config.parent


def tensors(run: Path, step: int) -> dict[str, np.ndarray]:
    """Every value of a checkpoint; the description of the object graph is no value."""
    reader = tf.train.load_checkpoint(str(run / "checkpoints" / f"step-{step}"))
    names = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    return {name: np.array(reader.get_tensor(name)) for name in names}


def assert_same_checkpoint(one: Path, other: Path, step: int) -> None:
    """Every value is equal to the last bit."""
    first, second = tensors(one, step), tensors(other, step)
    assert first.keys() == second.keys()
    kinds = {name.split("/")[0] for name in first}
    assert kinds >= {"step", "network", "buffers", "ledger", "meter"}
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name, strict=True)
        assert value.tobytes() == second[name].tobytes()  # 0.0 equals -0.0, bits do not


def rows(run: Path) -> list[dict[str, str]]:
    """The cells of metrics.csv as they are written, without the clock."""
    with open(run / "metrics.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert table and all(row.pop("seconds") for row in table)
    return table


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """When each file was changed last, and what it holds; a folder holds nothing."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }

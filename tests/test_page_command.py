"""report.html of real runs: written at the end of training and remade by --mode=audit."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ieg.main import main
from tests import runs
from tests.data import trees

SMALL = (
    "--method=l2r",
    "--dataset=digits_uniform_0.4",
    "--l2r_warmup_epochs=0",
    "--max_iteration=4",
    "--eval_freq=2",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of a finished run."""
    root = tmp_path_factory.mktemp("trained") / "runs"
    runs.train(root, *SMALL)
    return root


def data_of(run: Path) -> tuple[dict[str, Any], list[str]]:
    """The rows and the thumbnails that the page of a run holds."""
    text = (run / "report.html").read_text(encoding="utf-8")
    blocks = re.findall(r'<script id="[\w-]+" type="application/json">(.*?)</script>', text)
    rows, thumbnails = map(json.loads, blocks)
    return rows, thumbnails


def audit_of(run: Path) -> list[dict[str, str]]:
    with open(run / "label_audit.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_page_shows_what_the_run_wrote(trained: Path) -> None:
    run = runs.only_run(trained)
    audit, (rows, thumbnails) = audit_of(run), data_of(run)
    names = rows["classes"]
    assert rows["index"] == [int(row["index"]) for row in audit]
    assert [names[k] for k in rows["given"]] == [row["given_label"] for row in audit]
    assert [names[k] for k in rows["suggested"]] == [row["suggested_label"] for row in audit]
    assert [names[k] for k in rows["true"]] == [row["true_label"] for row in audit]
    assert rows["score"] == pytest.approx([float(row["score"]) for row in audit], rel=1e-5)
    assert rows["path"] is None and rows["pixelated"]
    assert {"loss", "agreement", "weight"} <= set(rows["evidence"])
    assert len(thumbnails) == len(audit) == 1387
    text = (run / "report.html").read_text()
    result = json.loads((run / "result.json").read_text())
    for shown in (
        f"{100 * result['top1']:.2f} %",
        *("Test accuracy", "Training loss", "Loss", "Weight", "Confusion matrix"),
        *("Accuracy per class", "Accuracy by shots", "--l2r_warmup_epochs", "top-5 accuracy"),
    ):
        assert shown in text


def test_the_confusion_matrix_is_kept(trained: Path) -> None:
    with open(runs.only_run(trained) / "confusion.csv", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["", *map(str, range(10))] and [line[0] for line in lines] == header[1:]
    counts = [[int(cell) for cell in line[1:]] for line in lines]
    result = json.loads((runs.only_run(trained) / "result.json").read_text())
    assert sum(map(sum, counts)) == 360
    assert sum(counts[k][k] for k in range(10)) == round(360 * result["top1"])
    assert [counts[k][k] / sum(counts[k]) for k in range(10)] == result["per_class"]


def test_another_audit_makes_the_page_anew(
    trained: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = runs.only_run(trained)
    page, (before, _) = run / "report.html", data_of(run)
    command = ["ieg", "--mode=audit", f"--checkpoint_path={trained}", *SMALL[:2]]
    assert main([*command, "--restore_step=2"]) == 0
    assert f"saved as {page}" in capfd.readouterr().out
    after, _ = data_of(run)
    assert "at step 2" in page.read_text() and after["score"] != before["score"]
    assert after["key"] == before["key"]  # decisions stay with their labels


def test_names_of_files_and_classes_are_shown_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    trees.write_folder(folder)
    odd = {"ant": "<i>ant<", "bee": "Füße & Co"}
    for old, new in odd.items():
        for part in folder.iterdir():
            (part / old).rename(part / new)
    image = next((folder / "train" / "Füße & Co").iterdir())
    image.rename(image.with_name("=1,'x\" <script>&.jpg"))
    run = runs.train(
        tmp_path / "runs",
        f"--dataset=folder:{folder}",
        "--backbone=none",
        *("--method=supervised", "--network_name=cnn", "--image_size=8", "--batch_size=6"),
        *("--max_iteration=2", "--eval_freq=2"),
    )
    rows, thumbnails = data_of(run)
    assert set(odd.values()) <= set(rows["classes"])
    assert sorted(rows["path"]) == sorted(row["path"] for row in audit_of(run))
    assert any(path.endswith("=1,'x\" <script>&.jpg") for path in rows["path"])
    assert len(thumbnails) == len(rows["path"]) and rows["pixelated"]
    assert rows["true"] == [-1] * len(rows["path"])
    text = (run / "report.html").read_text()
    assert "label probably" in text and "top-5" not in text  # of three classes

"""Findings on the images of a run: tables, numbers and warnings of a folder with planted faults."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ieg.audit.condition import Finding
from ieg.main import main
from ieg.report.findings import Findings
from tests import runs
from tests.data import trees
from tests.features.tiny import save_network


def photograph(path: Path, label: int, number: int) -> None:
    """Coarse noise, as different from others as photographs are, around the color of a class."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([label, number])
    coarse = rng.normal(60, 40, (7, 9, 3)) + 100 * np.eye(3)[label]
    small = Image.fromarray(np.clip(coarse, 0, 255).astype(np.uint8))
    small.resize((90, 70), Image.Resampling.BICUBIC).save(path, quality=95)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two groups of copies, a dark image and a damaged one, and a backbone."""
    root = tmp_path_factory.mktemp("findings")
    train, test = root / "photos/train", root / "photos/test"
    for label, name in enumerate(trees.CLASSES):
        for number in range(12):
            photograph(train / name / f"{number:02d}.jpg", label, number)
        for number in range(12, 15):
            photograph(test / name / f"{number:02d}.jpg", label, number)
    shutil.copy(train / "ant/03.jpg", train / "bee/copy.jpg")
    with Image.open(test / "cat/13.jpg") as image:
        image.resize((72, 56)).save(train / "cat/smaller.jpg", quality=95)
    Image.new("RGB", (90, 70), (9, 9, 9)).save(train / "ant/dark.png")
    whole = (train / "bee/05.jpg").read_bytes()
    (train / "bee/torn.jpg").write_bytes(whole[: len(whole) // 2])
    save_network(root / "tiny.keras")
    return root


def command(photos: Path, root: Path, *flags: str, status: int = 0) -> None:
    words = [f"--dataset=folder:{photos / 'photos'}", f"--backbone=file:{photos / 'tiny.keras'}"]
    words += [f"--feature_dir={photos / 'features'}", f"--checkpoint_path={root}"]
    assert main(["ieg", *words, "--damaged_limit=0.1", *flags]) == status


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def assert_found(run: Path) -> None:
    """The planted faults, and no others."""
    copies = [
        (r["group"], r["kind"], r["path"], r["given_label"]) for r in table(run / "copies.csv")
    ]
    assert copies == [
        ("1", "exact", "train/ant/03.jpg", "ant"),
        ("1", "exact", "train/bee/copy.jpg", "bee"),
        ("2", "near", "train/cat/smaller.jpg", "cat"),
        ("2", "near", "test/cat/13.jpg", "cat"),
    ]
    splits = [(row["split"], row["index"]) for row in table(run / "copies.csv")[2:]]
    assert splits == [("train", "39"), ("test", "7")]
    bad = {row["path"]: row["problem"] for row in table(run / "condition.csv")}
    assert bad == {"train/bee/torn.jpg": "damaged", "train/ant/dark.png": "constant"}
    assert table(run / "outliers.csv")[0]["path"] == "train/ant/dark.png"
    facts = json.loads((run / "audit.json").read_text())
    assert facts["copies"] == {"groups": 2, "images": 4, "labels_differ": 1, "leaks": 1}
    assert facts["outliers"] == len(table(run / "outliers.csv"))
    assert facts["condition"] == {"damaged": 1, "constant": 1}


def test_an_audit_needs_no_run(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(photos, tmp_path, "--mode=audit")
    (page,) = tmp_path.rglob("report.html")
    run = page.parent
    assert_found(run)
    assert not (run / "config.json").exists() and not (run / "result.json").exists()
    audited = table(run / "label_audit.csv")
    assert "nothing is trained" in capsys.readouterr().out
    assert audited[0]["path"] in ("train/bee/copy.jpg", "train/ant/dark.png")
    text = page.read_text()
    assert "none: an audit without training" in text
    (block,) = re.findall('<script id="audit-rows" type="application/json">(.*?)</script>', text)
    shown = json.loads(block)
    assert [section["title"] for section in shown["sections"]] == [
        *("Copies", "Outliers", "Bad condition"),
    ]
    paths = [*shown["path"], *(other["path"] for other in shown["others"])]
    groups = [group["rows"] for group in shown["sections"][0]["groups"]]
    assert [[paths[row] for row in rows] for rows in groups] == [
        ["train/ant/03.jpg", "train/bee/copy.jpg"],
        ["train/cat/smaller.jpg", "test/cat/13.jpg"],
    ]
    others = {(other["split"], other["path"]) for other in shown["others"]}
    assert {("test", "test/cat/13.jpg"), ("train", "train/bee/torn.jpg")} <= others
    (pictures,) = re.findall('<script id="audit-thumbnails" type="[a-z/]*">(.*?)</script>', text)
    assert json.loads(pictures).keys() == {str(row) for row in range(len(paths))}
    decisions = tmp_path / "decisions.csv"
    decisions.write_text("path,decision\ntrain/bee/copy.jpg,drop\ntrain/bee/torn.jpg,drop\n")
    command(photos, tmp_path / "again", "--mode=audit", f"--label_corrections={decisions}")
    (corrected,) = (tmp_path / "again").rglob("audit.json")
    facts = json.loads(corrected.read_text())
    assert facts["copies"] == {"groups": 1, "images": 2, "labels_differ": 0, "leaks": 1}
    assert facts["condition"] == {"constant": 1}
    assert '"decision":"drop"' in (corrected.parent / "report.html").read_text()
    command(photos, tmp_path)  # which the audit is not in the way of
    assert table(run / "label_audit.csv")[0]["score"] == audited[0]["score"]
    assert (run / "result.json").exists()


def test_thresholds_are_settable(photos: Path, tmp_path: Path) -> None:
    """A copy at half its size is none, nor is a dark image of brightness 9/255 without contrast."""
    limits = "copy=1,outlier=1e6,constant=0,dark=0.03,blurred=0,grey=0"
    command(photos, tmp_path, "--mode=audit", f"--audit_thresholds={limits}")
    (copies,) = tmp_path.rglob("copies.csv")
    assert {row["kind"] for row in table(copies)} == {"exact"}
    assert not table(copies.with_name("outliers.csv"))
    bad = {row["path"]: row["problem"] for row in table(copies.with_name("condition.csv"))}
    assert bad == {"train/bee/torn.jpg": "damaged"}


@pytest.mark.parametrize("flag", ["--method=fsr", "--audit_folds=2", "--finetune_epochs=1"])
def test_other_audits_need_a_run(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    command(photos, tmp_path, "--mode=audit", flag, status=2)
    (line,) = capsys.readouterr().err.splitlines()
    assert "train one first" in line and "takes --method=gaussian on a frozen --backbone" in line
    assert not list(tmp_path.iterdir())


def test_a_training_warns_of_copies_and_leaves_the_tables(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(photos, tmp_path)
    run = runs.only_run(tmp_path)
    assert_found(run)
    printed = capsys.readouterr().out
    first, last = (
        printed.index("warning: copies in training and test"),
        printed.index("images: 4 in groups of copies"),
    )
    assert first < printed.index("step 1") < last
    assert "warning: copies with different labels (groups: 1)" in printed
    for name in ("copies.csv", "outliers.csv", "condition.csv"):
        (run / name).unlink()
    command(photos, tmp_path, "--mode=audit")
    assert_found(run)


def test_many_constant_images_are_told() -> None:
    def warnings(constant: int, count: int) -> list[str]:
        rows = np.arange(count)
        bad = [Finding(row, "constant", 0.0, 0.01) for row in range(constant)]
        return Findings(["train"] * count, rows, [""] * count, rows, [], {}, bad, {}).warnings()

    (line,) = warnings(2, 20)
    assert line.startswith("warning: 2 of 20 images")
    assert not warnings(1, 9) and not warnings(2, 21)

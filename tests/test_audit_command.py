"""The label audit of whole runs: what it says, stopped folds, decisions that return."""

import contextlib
import csv
import io
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ieg import folds
from ieg.main import main
from tests import runs
from tests.data import trees

DIGITS = (
    "--dataset=digits_uniform_0.4",
    "--method=supervised",
    "--seed=5",
    "--batch_size=50",
    "--max_iteration=60",
    "--eval_freq=60",
)
FILES = (
    "--method=supervised",
    "--network_name=cnn",
    "--backbone=none",
    "--image_size=8",
    "--batch_size=6",
    "--max_iteration=4",
    "--eval_freq=4",
)
#: Names that a CSV file has to quote, one that is no ASCII, and one that is no UTF-8.
ODD = ('a, "b".jpg', "é ü.jpg", "<b>&.jpg", os.fsdecode(b"\xff.jpg"))


def command(root: Path, *flags: str, status: int = 0) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["ieg", f"--checkpoint_path={root}", *flags]) == status
    return printed.getvalue()


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def run_below(root: Path) -> Path:
    """The run folder itself, not those of its folds."""
    (config,) = (path for path in root.rglob("config.json") if "fold" not in path.parent.name)
    return config.parent


def held_out(fold: Path) -> set[int]:
    with np.load(fold / folds.SCORES) as arrays:
        return set(arrays["index"].tolist())


@pytest.fixture(scope="module")
def by_folds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The root of a short run with two folds, and what it printed."""
    root = tmp_path_factory.mktemp("folds") / "runs"
    return root, command(root, *DIGITS, "--audit_folds=2")


def test_wrong_labels_come_first_and_a_line_says_how_well(by_folds: tuple[Path, str]) -> None:
    root, printed = by_folds
    run = run_below(root)
    rows, facts = table(run / "label_audit.csv"), json.loads((run / "audit.json").read_text())
    wrong = [row["given_label"] != row["true_label"] for row in rows]
    assert np.mean(wrong[:100]) == facts["precision_at_100"] > 0.95
    assert np.mean(wrong[: sum(wrong)]) == pytest.approx(facts["precision_at_wrong"])
    assert facts["noise_rate"] == pytest.approx(np.mean(wrong), abs=0.1)
    assert facts["suspicious"] == sum(float(row["score"]) > 0.5 for row in rows)
    assert (facts["step"], facts["audit_folds"], facts["examples"]) == (60, 2, 1437)
    assert facts["class_names"] == [str(k) for k in range(10)]
    np.testing.assert_allclose(np.sum(facts["transition_matrix"], axis=1), 1)
    # All labels were held out from one of the folds; four in ten of them are wrong.
    assert facts["held_out"] == 1437 and facts["reliable"] is True
    assert 0.4 < facts["held_out_agreement"] < 0.6 and facts["chance_agreement"] < 0.12
    itself, careful = (line for line in printed.splitlines() if line.startswith("label audit"))
    assert f"AUROC {facts['auroc']:.4f}, average precision" in careful
    assert careful.startswith(f"label audit by 2 folds: {facts['suspicious']} of 1,437 labels are")
    assert itself.startswith("label audit: ")
    # With two visits of each image the running loss says how little the network knew at first.
    assert float(itself.split("AUROC ")[1].split(",")[0]) > 0.95


def test_no_fold_trains_on_what_it_scores(by_folds: tuple[Path, str]) -> None:
    run = run_below(by_folds[0])
    everything = {int(row["index"]) for row in table(run / "examples.csv")}
    parts = [run / "fold1", run / "fold2"]
    assert held_out(parts[0]) | held_out(parts[1]) == everything
    assert not held_out(parts[0]) & held_out(parts[1])
    for part in parts:
        trained = {int(row["index"]) for row in table(part / "examples.csv")}
        assert trained == everything - held_out(part)
        assert json.loads((part / "data.json").read_text())["training_images"] == len(trained)
        assert not (part / "label_audit.csv").exists()


def test_folds_that_were_stopped_go_on(
    by_folds: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, saved = folds.save, []

    def once(experiment: object) -> None:
        if saved:
            raise KeyboardInterrupt
        saved.append(save(experiment))

    monkeypatch.setattr(folds, "save", once)
    command(tmp_path, *DIGITS, "--audit_folds=2", status=130)
    run = run_below(tmp_path)
    first = runs.snapshot(run / "fold1")
    assert not (run / "fold2" / folds.SCORES).exists()
    assert json.loads((run / "audit.json").read_text())["audit_folds"] == 0
    monkeypatch.undo()
    printed = command(tmp_path, *DIGITS, "--audit_folds=2")
    assert printed.count("finished already") == 2 and "going on from step 60" in printed
    assert runs.snapshot(run / "fold1") == first
    for name in ("label_audit.csv", "audit.json"):
        whole = run_below(by_folds[0]) / name
        assert (run / name).read_text() == whole.read_text()


def test_an_audit_is_made_again_from_the_checkpoint(by_folds: tuple[Path, str]) -> None:
    root, run = by_folds[0], run_below(by_folds[0])
    names = ("label_audit.csv", "audit.json")
    before = [(run / name).read_text() for name in names]
    assert "label audit: " in command(root, *DIGITS[:3], "--mode=audit", "--audit_folds=0")
    runs.assert_audited(run)
    facts = json.loads((run / "audit.json").read_text())
    result = json.loads((run / "result.json").read_text())
    assert (facts["held_out"], facts["held_out_agreement"]) == (360, result["top1"])
    assert [(run / name).read_text() for name in names] != before
    assert "label audit by 2 folds" in command(root, *DIGITS[:3], "--mode=audit")
    assert [(run / name).read_text() for name in names] == before


def test_a_network_that_has_learned_nothing_carries_no_audit(tmp_path: Path) -> None:
    printed = command(tmp_path, *DIGITS[:4], "--max_iteration=2", "--eval_freq=2",
                      "--learning_rate=1e-7")  # fmt: skip
    run = run_below(tmp_path)
    facts = json.loads((run / "audit.json").read_text())
    assert facts["reliable"] is False and facts["held_out"] == 360
    said = "this audit, its network cannot tell the classes apart: of 360 labels"
    assert f"label audit: warning: do not go by {said}" in printed
    gallery = (run / "report.html").read_text().split("<h2>Audit</h2>")[1]
    assert gallery.startswith('<p class="warning" role="note">Do not go by ' + said)


def test_folds_that_do_not_fit(
    by_folds: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = by_folds[0]
    for path, flags, words in (
        (root, ["--audit_folds=3"], "fold1 is audit fold 1 of 2, not 1 of 3; give as many"),
        (root, ["--mode=audit", "--audit_folds=3"], "fold3 has not been trained; --mode=train"),
        (tmp_path / "no", ["--audit_folds=1"], "--audit_folds=1: must be at least 2, or 0"),
        (tmp_path / "no", ["--audit_folds=2000"], "there are only 1437 training images"),
        (tmp_path / "no", ["--mode=audit"], "no run in"),
    ):
        before = runs.snapshot(root)
        flags = [*(DIGITS[:3] if "--mode=audit" in flags else DIGITS), *flags]
        assert main(["ieg", f"--checkpoint_path={path}", *flags]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line
        assert runs.snapshot(root) == before and not (tmp_path / "no").exists()


def test_fewer_folds_than_were_trained_score_too_few_labels(
    by_folds: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = shutil.copytree(by_folds[0], tmp_path / "runs")
    for number in (1, 2):  # what the first two of three would have left
        file = run_below(root) / f"fold{number}" / folds.SCORES
        with np.load(file) as arrays:
            fewer = {name: values[:479] for name, values in arrays.items()}
        np.savez(file, **fewer)
    before = runs.snapshot(root)
    assert main(["ieg", f"--checkpoint_path={root}", *DIGITS[:3], "--mode=audit"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--audit_folds=2: these folds score 958 of 1,437 labels, because " in line
    assert runs.snapshot(root) == before


def test_folds_are_no_runs_of_their_own_in_tables(by_folds: tuple[Path, str]) -> None:
    from ieg.report import table as report

    (result,) = report.read_results(by_folds[0])
    assert result["fold"] is None


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Images and a class with odd names, and the run folder of a training on them."""
    photos = trees.write_folder(tmp_path_factory.mktemp("data") / "photos", train=6)
    (photos / "train" / "cat").rename(photos / "train" / 'cat, "big"')
    (photos / "test" / "cat").rename(photos / "test" / 'cat, "big"')
    for k, name in enumerate(ODD):
        trees.write_image(photos / "train" / "ant" / name, 0, 50 + k)
    root = tmp_path_factory.mktemp("audited")
    command(root, f"--dataset=folder:{photos}", "--backbone=none", *FILES)
    return photos, run_below(root)


def test_names_of_files_and_classes_come_back_as_they_are(audited: tuple[Path, Path]) -> None:
    photos, run = audited
    rows = table(run / "label_audit.csv")
    assert {row["path"] for row in rows} >= {f"train/ant/{name}" for name in ODD}
    assert {row["given_label"] for row in rows} == {"ant", "bee", 'cat, "big"'}
    assert all((photos / row["path"]).is_file() for row in rows)


@pytest.mark.parametrize("mode", ["evaluation", "visualize", "audit", "export", "predict"])
def test_a_folder_that_has_changed_is_not_the_one_that_was_trained_on(
    audited: tuple[Path, Path], mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, run = audited
    folder, before = photos / "train" / "ant", runs.snapshot(run)
    flags = (
        f"--dataset=folder:{photos}",
        "--backbone=none",
        *FILES[:2],
        f"--mode={mode}",
        f"--input={folder}",
    )
    image = folder / ODD[1]
    moved = image.rename(folder / "0.jpg")  # as many as before, in another order
    try:
        assert main(["ieg", f"--checkpoint_path={run.parents[3]}", *flags]) == 2
    finally:
        moved.rename(image)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {run} belongs to a run on other files or labels: images of")
    assert runs.snapshot(run) == before


def test_decisions_return_into_the_next_training(
    audited: tuple[Path, Path], tmp_path: Path
) -> None:
    photos, run = audited
    decisions = table(run / "label_audit.csv")
    odd = [row for row in decisions if row["path"].removeprefix("train/ant/") in ODD]
    for row in decisions:
        row |= {"decision": "fine", "new_label": ""}
    for row, label in zip(odd, ("bee", 'cat, "big"', "", ""), strict=True):
        row |= {"decision": "wrong", "new_label": label}
    file = write(tmp_path / "my decisions, 1.csv", decisions)
    flags = (f"--dataset=folder:{photos}", "--backbone=none", f"--label_corrections={file}", *FILES)
    printed = command(tmp_path / "runs", *flags)
    said = "corrected 2 labels changed and 2 images left out, 18 fine and 0 unsure labels kept, by"
    assert f"{said} {file}" in printed
    corrected = run_below(tmp_path / "runs")
    assert "_corrected-" in corrected.parts[-4]
    examples = {row["path"]: row["given_class"] for row in table(corrected / "examples.csv")}
    assert examples[odd[0]["path"]] == "bee" and examples[odd[1]["path"]] == 'cat, "big"'
    assert not {odd[2]["path"], odd[3]["path"]} & examples.keys() and len(examples) == 20
    assert json.loads((corrected / "data.json").read_text())["label_corrections"] == {
        "file": str(file), "relabelled": 2, "dropped": 2, "fine": 18, "unsure": 0, "probe": 0,
    }  # fmt: skip
    result = json.loads((corrected / "result.json").read_text())
    assert corrected.parts[-4].endswith(f"_corrected-{result['settings']['label_corrections']}")
    text = (corrected / "report.html").read_text(encoding="utf-8")
    (rows,) = re.findall(r'<script id="audit-rows" type="application/json">(.*?)</script>', text)
    columns = ("index", "path", "given_label", "decision", "new_label")
    assert json.loads(rows)["earlier"] == [
        {name: row[name] for name in columns} for row in decisions
    ]
    copy = corrected / "label_corrections.csv"
    assert copy.read_bytes() == file.read_bytes()
    moved = file.rename(tmp_path / "elsewhere.csv")
    flags = (flags[0], *FILES)
    assert "finished already" in command(tmp_path / "runs", *flags, f"--label_corrections={moved}")
    moved.write_text("index,new_label\n")  # what is decided later stands for another run
    for mode in ("train", "evaluation"):
        again = (*flags, f"--label_corrections={copy}", f"--mode={mode}")
        printed = command(tmp_path / "runs", *again)
        assert ("finished already" if mode == "train" else "class bee") in printed


def test_a_folder_that_changed_since_the_audit(
    audited: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, run = audited
    row = table(run / "label_audit.csv")[0] | {"decision": "fine", "new_label": ""}
    for changed, words in (
        ({"path": "train/ant/gone.jpg"}, "line 2: train/ant/gone.jpg is none of the 22 training"),
        ({"given_label": "dog"}, "and the file was made when it was 'dog'"),
        ({"decision": "wrong", "new_label": "dog"}, "'dog' is no class of this data set"),
    ):
        file = write(tmp_path / "decisions.csv", [row | changed])
        flags = [
            f"--dataset=folder:{photos}",
            "--backbone=none",
            *FILES,
            f"--label_corrections={file}",
        ]
        assert main(["ieg", f"--checkpoint_path={tmp_path / 'no'}", *flags]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and words in line
        assert not (tmp_path / "no").exists()

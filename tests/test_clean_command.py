"""--mode=clean: the decisions applied, as a folder or a table that can be trained on."""

import csv
from pathlib import Path

import numpy as np
import pytest

from ieg.data import dataset
from ieg.data.settings import DataSettings
from ieg.main import main
from tests.data import trees

DECISIONS = """path,decision,new_label
train/ant/00.jpg,wrong,bee
train/ant/01.jpg,wrong,
train/bee/02.jpg,drop,
train/cat/01.jpg,fine,
train/cat/02.jpg,relabel,bee
"""
#: The training images after the decisions; 00.jpg and 02.jpg were in bee before.
CLEANED = {
    "ant/02.jpg": "train/ant/02.jpg",
    "bee/00.jpg": "train/ant/00.jpg",
    "bee/00-2.jpg": "train/bee/00.jpg",
    "bee/01.jpg": "train/bee/01.jpg",
    "bee/02.jpg": "train/cat/02.jpg",
    "cat/00.jpg": "train/cat/00.jpg",
    "cat/01.jpg": "train/cat/01.jpg",
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "decisions.csv").write_text(DECISIONS)
    return trees.write_folder(tmp_path / "photos", train=3, test=1, probe=1)


def clean(photos: Path, *flags: str) -> int:
    decisions = f"--label_corrections={photos.parent / 'decisions.csv'}"
    return main(["ieg", "--mode=clean", f"--dataset=folder:{photos}", decisions, *flags])


def labelled(name: str) -> tuple[list[str], dict[str, str]]:
    """Class names, and the file → its class of the training split of a data set."""
    found = dataset.prepare(DataSettings(dataset=name), seed=0, own_probe=True)
    used = found.train_indices
    paths = [Path(found.train.images.root, p.decode()).resolve() for p in found.train.images.paths]
    labels = {str(paths[i]): found.class_names[found.given_labels[i]] for i in used}
    assert found.probe_size == 3 and len(found.evaluation.labels) == 3
    return list(found.class_names), labels


@pytest.mark.parametrize("copy", [False, True])
def test_a_folder(
    copy: bool, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new" / "cleaned"
    assert clean(photos, f"--output={new}", *["--copy_files"] * copy) == 0
    said = "7 examples to train on, 2 of them with another label, 2 left out; saved as "
    assert said in capsys.readouterr().out
    found = {str(p.relative_to(new / "train")): p for p in (new / "train").rglob("*.jpg")}
    assert found.keys() == CLEANED.keys()
    for name, path in found.items():
        assert path.is_symlink() != copy
        assert path.read_bytes() == (photos / CLEANED[name]).read_bytes()
    for split in ("test", "probe"):
        assert len(list((new / split).rglob("*.jpg"))) == 3
    if not copy:
        assert labelled(f"folder:{new}") == labelled_by_decisions(photos)


def labelled_by_decisions(photos: Path) -> tuple[list[str], dict[str, str]]:
    files = {str((photos / old).resolve()): new.split("/")[0] for new, old in CLEANED.items()}
    return list(trees.CLASSES), files


def test_a_table(photos: Path, tmp_path: Path) -> None:
    new = tmp_path / "cleaned.csv"
    assert clean(photos, f"--output={new}") == 0
    assert labelled(f"csv:{new}") == labelled_by_decisions(photos)


def test_a_table_of_examples_in_memory(tmp_path: Path) -> None:
    decisions, new = tmp_path / "decisions.csv", tmp_path / "cleaned.csv"
    decisions.write_text("index,new_label\n3,7\n")
    flags = ["--dataset=digits", f"--label_corrections={decisions}", f"--output={new}"]
    assert main(["ieg", "--mode=clean", *flags]) == 0
    rows = list(csv.DictReader(new.open()))
    train = [row for row in rows if row["split"] == "train"]
    assert (len(train), len(rows)) == (1437, 1797)
    labels = dataset.prepare(DataSettings(dataset="digits"), seed=12345).given_labels.copy()
    labels[3] = 7
    np.testing.assert_array_equal([int(row["label"]) for row in train], labels)
    assert main(["ieg", "--mode=clean", *flags[:2], f"--output={tmp_path / 'folder'}"]) == 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--output={tmp}/decisions.csv"], "decisions.csv exists, and nothing is overwritten"),
        (["--output={tmp}/photos.old"], "photos.old exists, and nothing is overwritten"),
        (["--output={tmp}/photos/clean"], "photos/clean: lies in the data set itself"),
        (["--output={tmp}/decisions.csv/x"], "cannot write "),
        ([], "--mode=clean needs a place to write to: --output=FOLDER or NAME.csv"),
        (["--output={tmp}/x", "--label_corrections={tmp}/no.csv"], "cannot read "),
    ],
)
def test_bad_input_is_refused(
    flags: list[str],
    message: str,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "photos.old").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert clean(photos, *(flag.format(tmp=tmp_path) for flag in flags)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_decisions_are_needed(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ieg", "--mode=clean", f"--dataset=folder:{photos}", "--output=x"]) == 2
    assert "--mode=clean needs decisions to apply: --label_corr" in capsys.readouterr().err


def test_a_class_that_is_no_folder(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    rows = [f"photos/{p.relative_to(photos)},{p.parent.name}/x" for p in photos.rglob("*.jpg")]
    table.write_text("\n".join(["path,label", *rows]) + "\n")
    (tmp_path / "one.csv").write_text("path,decision\nphotos/train/ant/00.jpg,drop\n")
    flags = [f"--dataset=csv:{table}", f"--label_corrections={tmp_path / 'one.csv'}"]
    assert main(["ieg", "--mode=clean", *flags, f"--output={tmp_path / 'x'}"]) == 2
    assert "the class 'ant/x' is no name for a folder" in capsys.readouterr().err

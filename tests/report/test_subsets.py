"""Curves of groups of images and the same as sheets."""

from pathlib import Path

import numpy as np
import pytest

from ieg.drawing import panels
from ieg.errors import InputError
from ieg.report import spreadsheet, subsets

ROWS = [
    {"step": 10.0, "epoch": 1.0, "top1": 0.5, "recovered": 0.4, "wrong_label_fit": None,
     "wrong_label_entropy": 0.9, "test_entropy": 0.8, "learning_rate": 0.1},
    {"step": 20.0, "epoch": 2.0, "top1": 0.7, "recovered": 0.6, "wrong_label_fit": 0.1,
     "wrong_label_entropy": 0.5, "test_entropy": 0.3, "learning_rate": 0.01},
]  # fmt: skip
METRICS = {
    name: np.array([np.nan if row[name] is None else row[name] for row in ROWS]) for name in ROWS[0]
}


def curves(axes):
    return {line.get_label(): line.get_ydata().tolist() for line in axes.lines}


def test_panels_of_what_is_known(tmp_path: Path) -> None:
    figure = panels.draw(METRICS, subsets.PANELS, tmp_path / "subsets.pdf")
    assert (tmp_path / "subsets.pdf").read_bytes().startswith(b"%PDF")
    accuracy, entropy = figure.axes
    assert (accuracy.get_title(), entropy.get_title()) == ("Accuracy", "Entropy of predictions")
    assert curves(accuracy) == {
        "test images": [0.5, 0.7],
        "wrong label: true class (corrected)": [0.4, 0.6],
        "wrong label: as labeled (memorized)": [0.1],
    }
    # Both readings of the noisy subset are one line, named after the images.
    assert curves(entropy) == {
        "test images": [0.8, 0.3],
        "training images, wrong label": [0.9, 0.5],
    }


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    steps = {"step": METRICS["step"]}
    assert panels.draw(steps, subsets.PANELS, tmp_path / "a.png") is None
    assert not list(tmp_path.iterdir())


def test_sheets_have_a_column_for_each_group() -> None:
    found = subsets.sheets(ROWS)
    assert list(found) == ["accuracy", "loss", "normalised_entropy", "max_p", "metadata"]
    assert found["accuracy"] == {
        "step": [10, 20],
        "epoch": [1, 2],
        "clean_test": [0.5, 0.7],
        "noisy_subset": [None, 0.1],
        "clean_subset": [None, None],
        "cleaned_noisy_subset": [0.4, 0.6],
    }
    entropy = found["normalised_entropy"]
    assert entropy["noisy_subset"] == entropy["cleaned_noisy_subset"] == [0.9, 0.5]
    assert found["metadata"] == {"step": [10, 20], "epoch": [1, 2], "learning_rate": [0.1, 0.01]}


def test_a_file_for_spreadsheets(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = tmp_path / "record.xlsx"
    path.write_text("old")
    spreadsheet.write(path, subsets.sheets(ROWS))
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["accuracy", "loss", "normalised_entropy", "max_p", "metadata"]
    assert list(book["accuracy"].values) == [
        ("step", "epoch", "clean_test", "noisy_subset", "clean_subset", "cleaned_noisy_subset"),
        (10, 1, 0.5, None, None, 0.4),
        (20, 2, 0.7, 0.1, None, 0.6),
    ]
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match=r"^cannot write .*: Is a directory$"):
        spreadsheet.write(tmp_path, subsets.sheets(ROWS))


def test_without_openpyxl_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"^`write_xlsx`: needs openpyxl: pip install openpyxl"):
        spreadsheet.write(tmp_path / "record.xlsx", {})
    assert not list(tmp_path.iterdir())

"""Labels in metadata.csv and metadata.jsonl, as Hugging Face's ImageFolder has them."""

import json
from pathlib import Path

import pytest

from ieg.data import dataset
from ieg.data.settings import DataSettings
from ieg.errors import InputError
from tests.data import trees

SPLITS = {"train": 4, "test": 2}


def images(root: Path) -> dict[str, str]:
    """`SPLIT/NUMBER.jpg` of each class, with its label."""
    labels = {}
    for split, count in SPLITS.items():
        for k, name in enumerate(trees.CLASSES):
            for number in range(count):
                path = f"{split}/{k}{number}.jpg"
                trees.write_image(root / path, k, number)
                labels[path] = name
    return labels


def loaded(root: Path) -> dict[str, str]:
    found = dataset.prepare(DataSettings(dataset=f"folder:{root}"), seed=0)
    labels = {}
    for split in (found.train, found.evaluation):
        for path, k in zip(split.images.paths, split.labels, strict=True):
            labels[path.decode()] = found.class_names[k]
    assert len(found.evaluation.labels) == 6 and len(found.train.labels) == 12
    return labels


def test_one_csv_whose_paths_name_the_splits(tmp_path: Path) -> None:
    labels = images(tmp_path)
    rows = [f"{path},x,{name}" for path, name in labels.items()]
    (tmp_path / "metadata.csv").write_text("\n".join(["file_name,caption,label", *rows]))
    assert loaded(tmp_path) == labels


def test_a_column_split(tmp_path: Path) -> None:
    labels = images(tmp_path)
    (tmp_path / "train").rename(tmp_path / "images")
    for path in (tmp_path / "test").iterdir():
        path.rename(tmp_path / "images" / f"t{path.name}")
    flat = {p.replace("train/", "images/").replace("test/", "images/t"): p for p in labels}
    rows = [f"{new},{labels[old]},{old.split('/')[0]}" for new, old in flat.items()]
    (tmp_path / "metadata.csv").write_text("\n".join(["file_name,label,split", *rows]))
    assert loaded(tmp_path) == {new: labels[old] for new, old in flat.items()}


def test_json_lines_in_each_split(tmp_path: Path) -> None:
    labels = images(tmp_path)
    numbers = {path: trees.CLASSES.index(name) for path, name in labels.items()}
    for split in SPLITS:
        lines = [
            json.dumps({"file_name": path.split("/")[1], "label": k, "objects": {"box": [1, 2]}})
            for path, k in numbers.items()
            if path.startswith(split)
        ]
        (tmp_path / split / "metadata.jsonl").write_text("\n".join(lines) + "\n\n")
    assert loaded(tmp_path) == {path: str(k) for path, k in numbers.items()}


def test_metadata_without_labels_leaves_the_class_folders(tmp_path: Path) -> None:
    trees.write_folder(tmp_path, train=4, test=2)
    (tmp_path / "train" / "metadata.csv").write_text("file_name,caption\nant/00.jpg,an ant\n")
    labels = loaded(tmp_path)
    assert labels["train/bee/00.jpg"] == "bee"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"metadata.csv": "name,label\nx,y\n"}, "metadata.csv lacks the column file_name; it has"),
        (
            {
                "train/metadata.csv": "file_name,label\n00.jpg,a\n",
                "test/metadata.csv": "file_name\n",
            },
            "test/metadata.csv lacks the column label; it has file_name",
        ),
        ({"metadata.jsonl": '{"file_name": 1}\n{"file'}, "metadata.jsonl, line 2 is no JSON: "),
        ({"metadata.jsonl": "[1]\n"}, "metadata.jsonl, line 1 is no JSON object"),
        ({"metadata.csv": "a\n", "metadata.jsonl": ""}, "has metadata.csv and metadata.jsonl; kee"),
        ({"metadata.csv": "file_name,label\ntrain/00.jpg,\n"}, "has no label in line 2"),
    ],
)
def test_bad_files_are_refused(files: dict[str, str], message: str, tmp_path: Path) -> None:
    images(tmp_path)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        loaded(tmp_path)

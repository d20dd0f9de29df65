"""Bad image folders and tables: one clear line, status 1 or 2, and nothing written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ieg.main import main
from tests.data import trees

SMALL = ("--method=supervised", "--network_name=cnn", "--batch_size=4", "--max_iteration=2")

Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Refused:
    """Runs a command that must fail and returns its one line of error."""

    def run(*flags: str) -> str:
        capfd.readouterr()
        status = main(["ieg", *SMALL, f"--checkpoint_path={tmp_path / 'runs'}", *flags])
        captured = capfd.readouterr()
        (line,) = captured.err.splitlines()
        assert line.startswith("error: ")
        assert status in (1, 2)
        assert not (tmp_path / "runs").exists()
        return line

    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return trees.write_folder(tmp_path / "photos", train=3, test=1)


def contains(line: str, *parts: str) -> None:
    for part in parts:
        assert part in line, line


NAMES = [
    ("--dataset=folder:", "the path is missing", "folder:PATH"),
    ("--dataset=folder", "folder takes a path: folder:PATH"),
    ("--dataset=folder_uniform_0.4", "folder takes a path"),
    ("--dataset=folder:/no/such/place", "there is no such folder"),
    ("--dataset=csv:/no/such/labels.csv", "cannot read /no/such/labels.csv: No such file"),
    ("--dataset=zip:/photos.zip", "unknown data set", "csv:PATH or folder:PATH"),
    ("--dataset=folder:/photos --noise=foggy_1", "--noise=foggy_1", "unknown noise type 'foggy'"),
    ("--dataset=folder:/photos --noise=uniform", "the noise ratio is missing"),
    ("--dataset=digits --noise=uniform_0.4", "is a part of the name: --dataset=digits_uniform_0.4"),
    ("--dataset=digits --image_size=32", "--image_size=32: for data sets of image files"),
    ("--dataset=digits --use_imagenet_as_eval", "--use_imagenet_as_eval: for webvisionmini"),
    ("--dataset=digits --image_size=-1", "--image_size=-1: must be at least 0"),
    ("--dataset=digits --damaged_limit=1.5", "--damaged_limit=1.5: must be at least 0 and at most"),
    ("--dataset=webvisionmini_uniform_0.4", "has labels of a web search of its own"),
]


@pytest.mark.parametrize("case", NAMES, ids=lambda case: case[0])
def test_names_and_flags(refused: Refused, case: tuple[str, ...]) -> None:
    contains(refused(*case[0].split()), *case[1:])


def test_a_path_without_what_it_is(
    refused: Refused, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos.parent / "labels.csv").write_text("path,label\n")
    monkeypatch.setenv("HOME", str(photos.parent))
    for path, typed in (
        (photos, f"folder:{photos}"),
        ("~/photos", "folder:~/photos"),
        (photos.parent / "labels.csv", f"csv:{photos.parent / 'labels.csv'}"),
    ):
        assert refused(f"--dataset={path}").startswith(f"error: --dataset={typed} is what to type")
    contains(refused(f"--dataset={photos}/none"), "unknown data set")


def test_a_folder_with_one_class(refused: Refused, tmp_path: Path) -> None:
    trees.write_classes(tmp_path / "photos" / "train", 2, ["ant"])
    contains(
        refused(f"--dataset=folder:{tmp_path / 'photos'}", "--backbone=none"),
        "only the class ant",
        "at least two",
    )


def test_a_folder_without_classes(refused: Refused, tmp_path: Path) -> None:
    trees.write_image(tmp_path / "photos" / "0.jpg")
    contains(
        refused(f"--dataset=folder:{tmp_path / 'photos'}", "--backbone=none"),
        "no class",
        "at least two",
    )


def test_empty_classes(refused: Refused, photos: Path) -> None:
    for name in ("dog", "eel", "fox", "gnu"):
        (photos / "train" / name).mkdir()
    (photos / "train" / "dog" / "0.jpg").touch()
    line = refused(f"--dataset=folder:{photos}", "--backbone=none")
    contains(line, "4 classes have no image", "dog, eel, fox and 1 more")


def test_classes_that_are_not_trained_on(refused: Refused, photos: Path) -> None:
    trees.write_image(photos / "test" / "dog" / "0.jpg")
    contains(
        refused(f"--dataset=folder:{photos}", "--backbone=none"), "not among those to train on: dog"
    )


def test_test_images_without_training_images(refused: Refused, tmp_path: Path) -> None:
    trees.write_classes(tmp_path / "test", 2)
    contains(
        refused(f"--dataset=folder:{tmp_path}", "--backbone=none"),
        "a folder test but none called train",
    )


def test_a_class_that_is_too_small_to_be_split(refused: Refused, tmp_path: Path) -> None:
    trees.write_classes(tmp_path / "photos", 3)
    trees.write_image(tmp_path / "photos" / "dog" / "0.jpg")
    contains(
        refused(f"--dataset=folder:{tmp_path / 'photos'}", "--backbone=none"),
        "less than two images: dog",
    )


def test_images_of_a_size_that_the_network_cannot_take(refused: Refused, photos: Path) -> None:
    line = refused(
        f"--dataset=folder:{photos}",
        "--backbone=none",
        "--network_name=resnet20",
        "--image_size=30",
    )
    contains(line, "resnet20 halves the image twice", "30x30")


def test_methods_that_need_clean_images(refused: Refused, photos: Path) -> None:
    for method in ("l2r", "ieg"):
        line = refused(f"--dataset=folder:{photos}", "--backbone=none", f"--method={method}")
        contains(line, "clean probe images", "--method=fsr")


TABLES = [
    ("path,kind", ["a.jpg,0"], "lacks the column label", "path,label[,split,true_label]"),
    ("a.jpg,0", ["b.jpg,1"], "lacks the column path and label", "is 'a.jpg,0'"),
    ("path,label,label", ["a.jpg,0,1"], "has the column label more than once"),
    ("path,label", ["a.jpg,0", "b.jpg,1,2"], "line 3: 3 cells, but the first line has 2"),
    ("path,label", ["a.jpg,0", "b, c.jpg,1"], "line 3: 3 cells", "must stand in quotes"),
    ("path,label", ["a.jpg,0", '"b.jpg,1', "c.jpg,1"], "no CSV file", "stand in quotes"),
    ("path,label", ['a.jpg,"0"x'], "no CSV file", "stand in quotes"),
    ("path,label", ['"a.jpg\nb.jpg",0'], "line 3: path must be one line of text"),
    ("path,label", ["a.jpg,", "b.jpg,0", "c.jpg,nan"], "no label in line 2, 4 (empty, nan)"),
    ("path,label,Set", ["a.jpg,0,train", "b.jpg,0,test", "c.jpg,1,trian"],
     "line 4: Set must be train, test, validation, probe or empty, not 'trian'"),
    ("path,label,set,phase", ["a.jpg,0,train,test", "b.jpg,0,test,train"],
     "names splits in set and phase; call the right column split"),
    ("filename,image,label", ["a.jpg,a.jpg,0"], "columns filename and image; call the right one"),
    ("path,label", ["http://a.org/b.jpg,0"], "line 2: http://a.org/b.jpg is an address; download"),
    ("path,label", [r"a\1.jpg,0", r"a\2.jpg,1"], "no class",
     r"left out: 2 missing: a\1.jpg, a\2.jpg"),
    ("path,label", ["a.jpg,0", "b.jpg,0"], "only the class 0", "at least two"),
    ("path,label", [], "no class"),
    ("path,label", ["a.jpg,0", "b.jpg,1", "a.jpg,1"], "a.jpg stands in lines 2 and 4"),
    ("path,label,split", ["a.jpg,0,", "b.jpg,1,", "c.jpg,2,test"],
     "label must be a class that rows to train on have, and is not for 2 (line 4)"),
    ("path,label,true_label", ["a.jpg,0,", "b.jpg,1,cat"],
     "true_label must be a class", "cat (line 3)"),
    ("path,label", ["a.jpg,0", "b.jpg,1"], "less than two images: 0, 1"),
]  # fmt: skip


@pytest.mark.parametrize("case", TABLES, ids=lambda case: case[2])
def test_tables(refused: Refused, tmp_path: Path, case: tuple) -> None:
    header, rows, *parts = case
    for name in "abc":
        trees.write_image(tmp_path / f"{name}.jpg")
    path = trees.write_table(tmp_path / "labels.csv", rows, header)
    contains(refused(f"--dataset=csv:{path}", "--backbone=none"), *parts)


def test_an_empty_table_and_one_of_other_bytes(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"")
    contains(refused(f"--dataset=csv:{path}", "--backbone=none"), "lacks the column path and label")
    path.write_bytes("path,label\nä.jpg,0\n".encode("latin-1"))
    contains(refused(f"--dataset=csv:{path}", "--backbone=none"), "no CSV file in UTF-8")


def test_noise_on_labels_that_have_true_ones(refused: Refused, tmp_path: Path) -> None:
    for number in range(4):
        trees.write_image(tmp_path / f"{number}.jpg")
    rows = [f"{number}.jpg,{number % 2},{number % 2}" for number in range(4)]
    path = trees.write_table(tmp_path / "labels.csv", rows, "path,label,true_label")
    line = refused(f"--dataset=csv:{path}", "--backbone=none", "--noise=uniform_0.4")
    contains(line, "given and true labels of its own, so no noise")


def test_data_sets_that_are_not_there(refused: Refused, tmp_path: Path) -> None:
    line = refused("--dataset=imagenet", f"--dataset_dir={tmp_path}")
    contains(line, f"ImageNet is not in {tmp_path}", "official archives", "TensorFlow Datasets")
    trees.write_imagenet(tmp_path, val=0)
    trees.write_image(tmp_path / "imagenet" / "val" / "ILSVRC2012_val_00000001.JPEG")
    line = refused("--dataset=imagenet", f"--dataset_dir={tmp_path}")
    contains(line, "needs class folders such as val/n01440764")
    line = refused("--dataset=webvisionmini", f"--dataset_dir={tmp_path}")
    contains(line, "WebVision 1.0 is not complete", "synsets.txt")


def test_damaged_lists_of_webvision(refused: Refused, tmp_path: Path) -> None:
    trees.write_webvision(tmp_path, train=1)
    info = tmp_path / "webvision" / "info"
    flags = ("--dataset=webvisionmini", f"--dataset_dir={tmp_path}", "--image_size=8")
    line = refused(*flags, "--use_imagenet_as_eval")
    contains(line, "ImageNet is not in", "class folders")
    lines = (info / "train_filelist_google.txt").read_text().splitlines()
    (info / "train_filelist_google.txt").write_text("\n".join(lines[1:]))
    contains(refused(*flags), "classes without any training image", "thing 0")
    (info / "train_filelist_google.txt").write_text("google/q0000/0.jpg")
    contains(refused(*flags), "line 1: must be a path and the number of a class")
    (info / "train_filelist_google.txt").write_text("google/gone.jpg 0")
    contains(refused(*flags), "none of the images that")
    (info / "synsets.txt").write_text("n01440764 tench")
    contains(refused(*flags), "must begin with 50 lines")


def test_probe_images_beside_bare_class_folders(refused: Refused, tmp_path: Path) -> None:
    for name in ("cat", "dog", "probe"):
        trees.write_image(tmp_path / "photos" / name / "a.jpg")
    contains(
        refused(f"--dataset=folder:{tmp_path / 'photos'}", "--backbone=none"),
        "a folder probe but none called",
    )


def test_a_folder_in_the_place_of_an_image(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    table = trees.write_table(tmp_path / "labels.csv", ["a.jpg,cat", "a.jpg,dog"])
    contains(refused(f"--dataset=csv:{table}", "--backbone=none"), "labels.csv")

"""Folders and tables as people have them: what they mean, in which split, or one clear line."""

import codecs
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ieg.data import listing
from ieg.data.left_out import LeftOut
from ieg.data.sources import REGISTRY, Request, Source
from ieg.errors import InputError
from tests.data import trees
from tests.datasets import prepare


@pytest.fixture
def root(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Path:
    """Folder of the data; warnings are recorded."""
    caplog.set_level(logging.WARNING, "ieg")
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def load(kind: str, path: Path) -> Source:
    return REGISTRY.get(kind).load(Request(path=str(path), seed=1, image_size=8))


def touch(root: Path, *paths: str) -> None:
    """Files that are listed and never decoded."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"an image")


def classes(root: Path, folder: str, count: int, names: Sequence[str] = ("ant", "bee")) -> None:
    touch(root, *(f"{folder}/{name}/{k}.jpg" for name in names for k in range(count)))


def counts(source: Source) -> dict[str, int]:
    """Number of images by split and top folder."""
    splits = {"train": source.train, "test": source.test, "validation": source.validation}
    found: dict[str, int] = {}
    for name, split in splits.items():
        for path in () if split is None else split.images.paths:
            key = f"{name} < {os.fsdecode(path).split('/')[0]}"
            found[key] = found.get(key, 0) + 1
    return found


SPLITS = [
    (("Train", "Test"), {"train < Train": 6, "test < Test": 2}, None),
    (("TRAIN", "testing"), {"train < TRAIN": 6, "test < testing": 2}, None),
    (("training_set", "test_set"), {"train < training_set": 6, "test < test_set": 2}, None),
    (("train", "tests"), {"train < train": 6, "test < tests": 2}, None),
    *(
        (
            ("train", name),
            {"train < train": 6, f"test < {name}": 2, f"validation < {name}": 2},
            f"accuracy is measured on {name}, since there is no test split",
        )
        for name in ("valid", "Val", "validation")
    ),
    (
        ("train", "val", "test"),
        {"train < train": 6, "validation < val": 2, "test < test": 2},
        "val is used by --eval_split=validation alone",
    ),
    (("train", "test", "Probe"), {"train < train": 6, "train < Probe": 2, "test < test": 2}, None),
    (
        ("train", "test", "old"),
        {"train < train": 6, "test < test": 2},
        "files left out: 1 beside the folders that are read: old/",
    ),
]


@pytest.mark.parametrize(
    ("folders", "found", "said"), SPLITS, ids=lambda x: "-".join(x) if isinstance(x, tuple) else ""
)
def test_split_folders_are_known_in_any_spelling(
    root: Path,
    caplog: pytest.LogCaptureFixture,
    folders: tuple[str, ...],
    found: dict[str, int],
    said: str | None,
) -> None:
    for number, folder in enumerate(folders):
        classes(root, folder, 1 if number else 3)
    source = load("folder", root)
    assert source.class_names == ("ant", "bee")
    assert counts(source) == found
    assert caplog.messages == [said] * (said is not None)


def test_accuracy_is_measured_on_the_validation_split_of_a_folder(root: Path) -> None:
    for folder, count in (("train", 3), ("val", 2), ("test", 1)):
        trees.write_classes(root / folder, count)
    data = prepare(f"folder:{root}", image_size=8, eval_split="validation")
    assert len(data.train_indices) == 9
    assert [os.fsdecode(path)[:4] for path in data.evaluation.images.paths] == ["val/"] * 6
    np.testing.assert_array_equal(data.evaluation.labels, [0, 0, 1, 1, 2, 2])


def test_class_folders_that_are_called_like_a_split(root: Path) -> None:
    classes(root, ".", 5, ("valid", "invalid"))
    assert load("folder", root).class_names == ("invalid", "valid")
    (root / "valid").rename(root / "Train")
    with pytest.raises(InputError, match="if Train is a class, put all class folders into a folde"):
        load("folder", root)
    (root / "invalid").rename(root / "Test")  # two classes, or splits without labels
    with pytest.raises(InputError, match=r"no class; .*left out: 5 beside .*Train/0.jpg"):
        load("folder", root)
    (root / "train").mkdir()
    for name in ("Train", "Test"):
        (root / name).rename(root / "train" / name)
    assert load("folder", root).class_names == ("Test", "Train")


REFUSED = [
    (("train/ant", "train/bee", "Train/ant"), "folders Train and train, each of which could be"),
    (("train/ant", "train/bee", "test/ant", "Test/bee"), "each of which could be the test split"),
    (("photos/ant", "photos/bee"), r"\(is it .*/photos/photos that you mean\?\)"),
    (("my/train/ant", "my/train/bee", "__MACOSX/my"), r"\(is it .*/my that you mean\?\)"),
    (("train/ant", "train/bee", "test"), r"test has no image in folders of the classes; left out"),
    (("train/ant", "train/bee", "test/dog"), "not among those to train on: dog"),
    (
        ("ant/train", "ant/test", "bee/train", "bee/test"),
        r"ant has folders of splits \(test, train\)",
    ),
    (
        ("data/train/ant", "data/val/ant", "other"),
        r"data has folders of splits .*such as .*train/d",
    ),
    (("ant", "b\ne"), r"the class b'b\\ne'; rename it"),
    (("ant", os.fsdecode(b"\xe4meise")), r"the class b'\\xe4meise'; rename it"),
]


@pytest.mark.parametrize(
    ("folders", "message"),
    REFUSED,
    ids=lambda x: "-".join(x).encode("ascii", "replace").decode() if isinstance(x, tuple) else "",
)
def test_folders_that_leave_open_what_is_meant(
    root: Path, folders: tuple[str, ...], message: str
) -> None:
    touch(root, *(f"{folder}/{k}.jpg" for folder in folders for k in range(2)))
    with pytest.raises(InputError, match=message):
        load("folder", root)


def test_an_error_says_what_was_left_out(root: Path) -> None:
    touch(root, *(f"{name}/{k}.cr2" for name in ("ant", "bee") for k in range(2)))
    with pytest.raises(InputError) as error:
        load("folder", root)
    assert str(error.value) == (
        f"2 classes have no image in {root}: ant, bee; left out: 4 with endings of no image: "
        "ant/0.cr2, ant/1.cr2, bee/0.cr2 and 1 more"
    )


def test_every_ending_of_an_image_is_listed(root: Path) -> None:
    names = ["a.JPG", "b.jpe", "c.jfif", "d.webp", "e.TIFF", "f.heic", "g.avif", "h.txt", "jpg"]
    touch(root, *names)
    left_out = LeftOut()
    assert listing.images_below(root, "", left_out) == names[:-2]
    assert sorted(left_out.foreign) == ["h.txt", "jpg"]


def test_what_systems_leave_behind_is_no_image(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    classes(root, ".", 5)
    touch(root, "@eaDir/x/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/ant/._0.jpg", ".DS_Store")
    touch(root, "ant/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg", "ant/._1.jpg", "ant/Thumbs.db")
    touch(root, "bee/.ipynb_checkpoints/0-checkpoint.jpg", "stray.jpg", "bee/red/deep.jpg")
    source = load("folder", root)
    assert source.class_names == ("ant", "bee")
    assert len(source.train.labels) + len(source.test.labels) == 11
    assert caplog.messages == [
        "files left out: 7 hidden or of the system: .DS_Store, @eaDir/, __MACOSX/ and 4 more",
        "files left out: 1 beside the folders that are read: stray.jpg",
    ]


def test_links_into_themselves_are_not_followed(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    classes(root, ".", 5)
    (root / "ant" / "again").symlink_to("..")  # has the bees, too
    (root / "ant" / "self").symlink_to("self")
    source = load("folder", root)
    ants = [
        p for split in (source.train, source.test) for p in split.images.paths[split.labels == 0]
    ]
    assert sorted(ants) == [f"ant/{k}.jpg".encode() for k in range(5)]
    assert caplog.messages == [
        "files left out: 1 with endings of no image: ant/self",
        "files left out: 1 linked into themselves: ant/again",
    ]


@pytest.mark.parametrize(("trained", "tested"), [("ant", "Ant"), ("caf\u00e9", "cafe\u0301")])
def test_one_class_in_two_spellings(
    root: Path, caplog: pytest.LogCaptureFixture, trained: str, tested: str
) -> None:
    classes(root, "train", 2, (trained, "bee"))
    classes(root, "test", 1, (tested, "bee"))
    source = load("folder", root)
    assert set(source.class_names) == {trained, "bee"}
    np.testing.assert_array_equal(np.sort(source.test.labels), [0, 1])
    assert caplog.messages == [f"{root}/test/{tested} is read as images of the class {trained}"]


def write(root: Path, header: str, rows: Sequence[str], **how: str) -> Path:
    """A table of images a0.jpg and so on, whose rows name them by number."""
    touch(root, *(f"in/{k}.jpg" for k in range(8)))
    text = "\n".join([header, *rows]) + "\n"
    path = root / "labels.csv"
    path.write_bytes(how.get("mark", b"") + text.encode(how.get("encoding", "utf-8")))
    return path


def labels(source: Source) -> dict[str, str]:
    """Path → class, of all splits."""
    return {
        os.fsdecode(path): source.class_names[label]
        for split in (source.train, source.test)
        for path, label in zip(split.images.paths, split.labels, strict=True)
    }


WANTED = {f"in/{k}.jpg": ("ant", "bée")[k % 2] for k in range(8)}
PLAIN = [f"{path},{label}" for path, label in WANTED.items()]
TABLES = {
    "comma": ("path,label", PLAIN, {}),
    "byte order mark": ("path,label", PLAIN, {"mark": codecs.BOM_UTF8}),
    "UTF-16": ("path,label", PLAIN, {"encoding": "utf-16"}),
    "semicolon": ("path;label", [row.replace(",", ";") for row in PLAIN], {}),
    "tab": ("path\tlabel", [row.replace(",", "\t") for row in PLAIN], {}),
    "quotes": ('"path","label"', [f'"{path}","{label}"' for path, label in WANTED.items()], {}),
    "capitals": (" Path ,LABEL", PLAIN, {}),
    "other names": ("file name,class", PLAIN, {}),
    "spaces": ("path,label", [f" {path} , {label} " for path, label in WANTED.items()], {}),
    "empty lines": ("path,label", ["", *PLAIN, ",", ""], {}),
    "a separator too many": ("path,label", [f"{row}," for row in PLAIN], {}),
    "index of pandas": (",path,label", [f"{k},{row}" for k, row in enumerate(PLAIN)], {}),
    "backslashes": ("path,label", [row.replace("/", "\\") for row in PLAIN], {}),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_as_other_programs_write_it(root: Path, name: str) -> None:
    header, rows, how = TABLES[name]
    assert labels(load("csv", write(root, header, rows, **how))) == WANTED


@pytest.mark.parametrize(
    ("header", "words", "said"),
    [
        ("path,label,split", ("Train", "TEST"), None),
        ("path,label,Split", ("training", "testing"), None),
        ("path,label,set", ("train", "test"), "the column set is read as split"),
        ("path,label,split", ("train", "val"),
         "accuracy is measured on the validation split, since there is no test split"),
    ],
)  # fmt: skip
def test_the_split_column_in_any_spelling(
    root: Path,
    caplog: pytest.LogCaptureFixture,
    header: str,
    words: tuple[str, str],
    said: str | None,
) -> None:
    rows = [f"{row},{words[k > 5]}" for k, row in enumerate(PLAIN)]
    source = load("csv", write(root, header, rows))
    assert source.test.images.paths.tolist() == [b"in/6.jpg", b"in/7.jpg"]
    assert caplog.messages == [said] * (said is not None)


def test_columns_that_are_not_read_are_named(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [f"{row},{k % 3},me" for k, row in enumerate(PLAIN)]
    load("csv", write(root, "path,label,set,author", rows))
    assert caplog.messages == ["columns that are not read: set, author"]


def test_true_labels_in_another_spelling(root: Path) -> None:
    rows = [f"{row},{('bée', 'nan', '')[k % 3]},train" for k, row in enumerate(PLAIN[:6])]
    rows += [f"{row},,test" for row in PLAIN[6:]]
    source = load("csv", write(root, "path,label,True label,split", rows))
    np.testing.assert_array_equal(source.train.true_labels, [1, -1, -1, 1, -1, -1])


def test_numbers_that_pandas_has_turned_into_floats(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    numbers = ["0", "0.0", "2.0", "10"] * 2
    rows = [f"in/{k}.jpg,{number}" for k, number in enumerate(numbers)]
    source = load("csv", write(root, "path,label", rows))
    assert source.class_names == ("0", "2", "10")
    assert labels(source)["in/1.jpg"] == "0"
    assert caplog.messages == ["labels such as 0.0 are read as 0"]


def test_classes_that_are_nearly_the_same_are_named(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [f"in/{k}.jpg,{('ant', 'Ant')[k % 2]}" for k in range(8)]
    assert load("csv", write(root, "path,label", rows)).class_names == ("Ant", "ant")
    said = "classes that are nearly the same: 'Ant' and 'ant'; if they are one, give them one name"
    assert caplog.messages == [said]


def test_paths_are_those_of_the_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces in a name, the home folder, and `..` behind a link."""
    touch(root, "in/ a.jpg", "far/away/b.jpg", "far/c.jpg", "c.jpg", "home/d.jpg")
    (root / "link").symlink_to("far/away")
    monkeypatch.setenv("HOME", str(root / "home"))
    rows = ["in/ a.jpg,ant", "far/away/b.jpg,ant", "link/../c.jpg,bee", "c.jpg,bee", "~/d.jpg,bee"]
    wanted = {"in/ a.jpg", "far/away/b.jpg", "link/../c.jpg", "c.jpg", f"{root}/home/d.jpg"}
    assert labels(load("csv", write(root, "path,label", rows))).keys() == wanted
    rows += ["link/b.jpg,bee"]
    with pytest.raises(InputError, match="link/b.jpg stands in lines 3 and 7 with different"):
        load("csv", write(root, "path,label", rows))

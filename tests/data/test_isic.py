"""ISIC-2019: its ground truth, splits drawn and given, probe sets, noise, marks and views."""

import dataclasses
import functools
import json
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment import area, weak
from ieg.augment.weak import WeakAugmentation
from ieg.data import isic_tables
from ieg.data.dataset import Dataset
from ieg.data.files import FileImages
from ieg.data.isic_tables import CLASSES
from ieg.data.pipeline import Pipeline
from ieg.data.sources import isic
from ieg.errors import InputError
from tests import runs
from tests.data import trees
from tests.datasets import prepare

COUNTS = {"MEL": 12, "NV": 20, "BCC": 8, "AK": 6, "BKL": 6, "DF": 4, "VASC": 4, "SCC": 6}
TOTAL = sum(COUNTS.values())
FILE = "ISIC_2019_Training_GroundTruth.csv"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("isic")
    trees.write_isic(root, COUNTS)
    return root


def ready(root: Path, name: str = "isic2019", **options: object) -> Dataset:
    settings = {"seed": 1, "probe_ratio": 0.1, "dataset_dir": str(root), "image_size": 8}
    return prepare(name, **{**settings, **options})


def names(images: FileImages) -> list[str]:
    return [Path(path.decode()).stem for path in images.paths]


def of_the_tree(stems: list[str]) -> list[int]:
    """The class of each image, which its name says."""
    return [int(stem[5]) for stem in stems]


def test_the_split_is_four_to_one_without_the_probe_images(tree: Path) -> None:
    data = ready(tree)
    train, test = names(data.train.images), names(data.evaluation.images)
    clean = [train[i] for i in data.probe_indices.ravel()]
    trained = [train[i] for i in data.train_indices]
    assert (len(trained), len(test)) == (48, 13)  # of 61, rounded down
    assert len({*trained, *test, *clean}) == TOTAL
    assert Counter(CLASSES[k] for k in of_the_tree(clean)) == isic.PROBE_SIZES["isic2019"]
    np.testing.assert_array_equal(data.true_labels, of_the_tree(train))
    np.testing.assert_array_equal(data.evaluation.labels, of_the_tree(test))
    assert data.class_names == CLASSES and data.class_counts[8] == 0
    assert data.note == "isic2019-like (48 images, 13 to test)"
    assert Counter(data.made_split["split"]) == {"train": 48, "test": 13, "probe": 5}
    assert names(ready(tree).evaluation.images) == test
    assert names(ready(tree, seed=2).evaluation.images) != test


def test_of_more_images_the_official_numbers_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isic.listing, "is_usable", lambda *_: True)
    rows = [
        f"ISIC_{k}{number:06d},{','.join(str(float(k == j)) for j in range(9))}"
        for k, name in enumerate(CLASSES[:-1])
        for number in range(900)
    ]
    trees.write_table(tmp_path / FILE, rows, ",".join(isic_tables.HEADER))
    data, noisy = {}, {}
    for name in isic.PROBE_SIZES:
        data[name] = ready(tmp_path, name)
        noisy[name] = ready(tmp_path, f"{name}_symmetric_0.4")
        assert data[name].note is None
        assert (len(data[name].train_indices), len(data[name].evaluation.labels)) == (5000, 1250)
        assert noisy[name].noise.measured == 0.4
    five = noisy["isic2019"]
    for name, other in noisy.items():
        # Another probe set leaves images and wrong labels as they are.
        assert names(other.train.images)[:5000] == names(five.train.images)[:5000]
        np.testing.assert_array_equal(other.given_labels[:5000], five.given_labels[:5000])
        probe = other.probe_indices.ravel()
        np.testing.assert_array_equal(other.given_labels[probe], other.true_labels[probe])
        counts = Counter(CLASSES[k] for k in other.true_labels[probe])
        assert counts == isic.PROBE_SIZES[name]
    assert [data[name].probe_size for name in isic.PROBE_SIZES] == [5, 125, 120]
    # Uniform over the eight others: of 2,000 wrong labels an eighth of all classes alike is UNK.
    wrong = five.given_labels[five.train_indices] != five.true_labels[five.train_indices]
    assert wrong.sum() == 2000
    assert 180 < np.sum(five.given_labels == 8) < 320
    assert noisy["isic2019_balanced"].probe_indices.shape == (1, 120)


def marked(rows: list[str], kind: str) -> list[str]:
    """Lines of a marked list: of every third image the label becomes UNK."""
    lines = []
    for number, row in enumerate(rows):
        name, *columns = row.split(",")
        true, wrong = columns.index("1.0"), number % 3 == 0
        words = [str(int(wrong)), str(true if wrong else 0), name]
        given = ["0.0"] * 8 + ["1.0"] if wrong else columns
        start = {"given": words, "old": [words[0], name], "plain": [name]}[kind]
        lines.append(",".join([" ".join(start), *(columns if kind == "plain" else given)]))
    return lines


def write_lists(root: Path, kind: str) -> Path:
    rows = (root / FILE).read_text().splitlines()[1:]
    folder = root / f"lists_{kind}"
    folder.mkdir()
    files = {
        "markedgiven_train_0.4.csv": [*marked(rows[5:40], kind), "", ""],
        "sub_test.csv": [",".join(isic_tables.HEADER), *rows[40:]],
        "sub_clean.csv": rows[:7],  # of which two are trained on
    }
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("kind", ["plain", "given", "old"])
def test_given_lists_with_and_without_marks(
    tree: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_lists(tree, kind)
    with caplog.at_level(logging.WARNING):
        data = ready(tree, f"isic2019_split:{folder}")
    assert caplog.messages[0].startswith("files left out: 2 that are listed elsewhere too: ")
    assert (len(data.train_indices), len(data.evaluation.labels), data.probe_size) == (35, 26, 5)
    train = data.train_indices
    np.testing.assert_array_equal(data.true_labels, of_the_tree(names(data.train.images)))
    wrong = data.given_labels[train] != data.true_labels[train]
    expected = np.arange(35) % 3 == 0 if kind != "plain" else np.zeros(35, bool)
    np.testing.assert_array_equal(wrong, expected)
    assert (data.given_labels[train][wrong] == 8).all()
    assert data.noise.measured == expected.mean()
    if kind == "plain":
        noisy = ready(tree, f"isic2019_split:{folder}", noise="symmetric_0.2")
        assert noisy.noise.measured == 7 / 35
    else:
        with pytest.raises(InputError, match="has given and true labels of its own"):
            ready(tree, f"isic2019_split:{folder}", noise="symmetric_0.2")


LINE = "ISIC_0000001,1.0,0,0,0,0,0,0,0,0"
BAD_TRUTH = {
    "image,MEL,NV": ([], "lacks BCC, AK, BKL, DF, VASC, SCC, UNK"),
    "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK,AGE": ([], "has AGE too many"),
    "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK": ([LINE, LINE], "1 images more than once"),
    " image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK": ([LINE + ",0"], "line 2: 11 columns"),
    "image ,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK": ([LINE.replace("1.0", "0.5")], "line 2: one of"),
    "image, MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK": ([LINE], "none of the 1 images .*ISIC_0000001.jpg"),
    LINE: ([], "a list without a header goes with `dataset=isic2019_split:FOLDER`"),
}


@pytest.mark.parametrize("header", BAD_TRUTH)
def test_ground_truth_that_is_not_as_it_should_be(tmp_path: Path, header: str) -> None:
    rows, message = BAD_TRUTH[header]
    trees.write_table(tmp_path / FILE, rows, header)
    with pytest.raises(InputError, match=message) as raised:
        ready(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "lists no image"),
        (["2 0 " + LINE], "must begin with a name, 'MARK NAME' or 'MARK CLASS NAME'"),
        (["1 9 " + LINE], "class 0 to 8"),
        (["1 0 " + LINE], "the mark of ISIC_0000001 does not fit its label MEL"),
        (["1 3 " + LINE], "its label MEL and its true class BCC"),
        (["0 0 " + LINE], "its label MEL and its true class BCC"),
        ([LINE], "line 1: ISIC_0000001 is not MEL but BCC in the ground truth; wrong labels must"),
        (
            ["0 " + LINE.replace("0001", "0002"), LINE.replace("0001", "0003")],
            "lines with marks and lines without",
        ),
        (["1 " + LINE.replace("0001", "0002")], "its true class is not said"),
    ],
)
def test_lists_that_are_not_as_they_should_be(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    (tmp_path / "train.csv").write_text("\n".join(lines))
    with pytest.raises(InputError, match=message):
        isic_tables.read_list(tmp_path / "train.csv", {"ISIC_0000001": 2})


def test_folders_of_lists_that_do_not_fit_together(tmp_path: Path) -> None:
    rows = trees.write_isic(tmp_path, {"NV": 4, "MEL": 2})
    asked = functools.partial(ready, tmp_path, f"isic2019_split:{tmp_path / 'lists'}")
    with pytest.raises(InputError, match=r"of \*train\*.csv it has none"):
        asked()
    for name in ("a_train.csv", "b_test.csv"):
        trees.write_table(tmp_path / "lists" / name, rows[1:], rows[0])
    with pytest.raises(InputError, match="6 images are in the lists to train and to test on"):
        asked()
    trees.write_table(tmp_path / "lists" / "c_train.csv", rows)
    with pytest.raises(InputError, match=r"it has a_train.csv, c_train.csv"):
        asked()


def test_images_that_are_missing_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    missing = ("ISIC_1000003", "ISIC_1000004")
    trees.write_isic(tmp_path, COUNTS, missing=missing)
    with caplog.at_level(logging.WARNING):
        data = ready(tmp_path)
    paths = ", ".join(f"ISIC_2019_Training_Input/{name}.jpg" for name in missing)
    assert caplog.messages == [f"files left out: 2 missing: {paths}"]
    assert not set(names(data.train.images)) & set(missing)
    with pytest.raises(InputError, match="12 images of class MEL are there; 33 are to be probe"):
        ready(tmp_path, "isic2019_clean125")


def test_views_are_turned_cropped_and_centred(tree: Path) -> None:
    data = ready(tree)
    assert data.train.images.area == area.TrainingArea(smallest=0.3, rotation=180)
    pipeline = Pipeline(data, batch_size=6, seed=1, probe_size=6)
    centred = pipeline.batch(tf.constant(0, tf.int64), 0, 1)
    data = dataclasses.replace(data, weak=data.weak._replace(mean=None))
    plain = Pipeline(data, batch_size=6, seed=1).batch(tf.constant(0, tf.int64), 0, 1)
    expected = (plain.image.numpy() + 1) / 2 - [0.485, 0.456, 0.406]
    np.testing.assert_allclose(centred.image, expected, atol=1e-6)
    back = weak.to_pixels(centred.image, WeakAugmentation(0, True, mean=(0.485, 0.456, 0.406)))
    np.testing.assert_array_equal(back, weak.to_pixels(plain.image, weak.PLAIN))
    # Of five probe images each comes before one comes again.
    labels = centred.probe.label.numpy().tolist()
    assert sorted(set(labels[:5])) == [0, 2, 3, 5, 7] and labels[5] in labels[:5]


def test_a_run_reports_balanced_accuracy_and_the_recall_of_each_class(
    tree: Path, tmp_path: Path
) -> None:
    run = runs.train(
        tmp_path,
        *("--dataset=isic2019_symmetric_0.4", f"--dataset_dir={tree}", "--image_size=8"),
        *("--method=l2r", "--l2r_warmup_epochs=0", "--network_name=cnn", "--batch_size=8"),
        *("--max_iteration=3", "--eval_freq=3"),
    )
    result = json.loads((run / "result.json").read_text())
    recalls = result["per_class"]
    assert len(recalls) == 9 and recalls[8] is None  # no image truly is UNK
    measured = [recall for recall in recalls if recall is not None]
    assert result["balanced_accuracy"] == pytest.approx(np.mean(measured))
    assert (result["noise_rate_asked"], result["noise_rate"]) == (0.4, 19 / 48)

"""Tables with the labels of several people: their consensus is trained on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ieg.data.sources import REGISTRY, Request, Source
from ieg.errors import InputError

#: Three people on twelve images, "" for no label. All agree but on one image of each class, where
#: one person errs, each of them once.
PEOPLE = ("ann", "bob", "cid")
TRUE = ["ant", "bee", "cat"] * 4
GIVEN = [[name, name, name] for name in TRUE]
GIVEN[0][0], GIVEN[1][1], GIVEN[2][2] = "bee", "cat", "ant"
GIVEN[3] = ["ant", "", ""]
SPLITS = ["train"] * 9 + ["test"] * 3


def read(root: Path, header: str, rows: Sequence[str]) -> Source:
    for k in range(12):
        (root / f"{k}.jpg").write_bytes(b"never decoded")
    path = root / "labels.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return REGISTRY.get("csv").load(Request(path=str(path), seed=1))


def long(given: Sequence[Sequence[str]] = GIVEN) -> list[str]:
    """One person after the other, so that the labels of an image are far apart."""
    return [
        f"{k}.jpg,{labels[j]},{person},{SPLITS[k]}"
        for j, person in enumerate(PEOPLE)
        for k, labels in enumerate(given)
        if labels[j]
    ]


def wide() -> list[str]:
    return [f"{k}.jpg,{','.join(labels)},{SPLITS[k]}" for k, labels in enumerate(GIVEN)]


LONG, WIDE = "path,label,annotator,split", "path,label_1,Label 2,label_4,split"


@pytest.mark.parametrize(
    ("header", "rows", "names"),
    [(LONG, long(), PEOPLE), (WIDE, wide(), ("label_1", "Label 2", "label_4"))],
    ids=["long", "wide, with a gap"],
)
def test_the_consensus_is_trained_on_and_tested_with(
    tmp_path: Path, header: str, rows: list[str], names: tuple[str, ...]
) -> None:
    source = read(tmp_path, header, rows)
    assert source.class_names == ("ant", "bee", "cat")
    np.testing.assert_array_equal(source.train.labels, [0, 1, 2] * 3)
    np.testing.assert_array_equal(source.test.labels, [0, 1, 2])
    assert source.annotations is not None
    found = sorted(zip(*(column.tolist() for column in source.annotations), strict=True))
    assert found == sorted(
        (k, name, source.class_names.index(label))
        for k in range(9)
        for name, label in zip(names, GIVEN[k], strict=True)
        if label
    )


def test_labels_follow_their_images_into_a_split_that_is_drawn(tmp_path: Path) -> None:
    source = read(tmp_path, "path,label,annotator", [row.rpartition(",")[0] for row in long()])
    assert source.annotations is not None
    paths = [path.decode() for path in source.train.images.paths]
    named = {
        (paths[k], person, source.class_names[label])
        for k, person, label in zip(*source.annotations, strict=True)
    }
    rows = [tuple(row.split(",")) for row in long()]
    assert named == {(path, name, label) for path, label, name, _ in rows if path in paths}
    assert len(paths) == 9


def test_of_one_person_nothing_can_be_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = read(tmp_path, LONG, [row for row in long() if ",ann," in row])
    assert source.annotations is None
    np.testing.assert_array_equal(source.train.labels, [1, 1, 2, 0, 1, 2, 0, 1, 2])
    assert caplog.messages == ["all labels are those of ann: there is no consensus"]


ERRORS = {
    "nobody is named": (LONG, [*long(), "0.jpg,ant,,train"], r"whose label it is in line 36:"),
    "no label": (LONG, [*long(), "0.jpg,,dan,train"], r"has no label in line 36 \(empty\)"),
    "no label of anybody": (WIDE, [*wide(), "0.jpg,,nan,,train"], r"no label in line 14 \(empty\)"),
    "a column twice": ("path,label_1,label 1,split", ["0.jpg,ant,ant,train"], "more than once"),
    "both forms": (
        "path,annotator,label_1,label_2",
        ["0.jpg,ann,ant,bee"],
        "has labels in label_1, label_2 and in a column label or annotator",
    ),
    "the consensus beside the labels": (
        "path,label,label_1,label_2",
        ["0.jpg,ant,ant,bee"],
        "has labels in label_1, label_2 and in a column label or annotator",
    ),
    "two labels of one person": (
        LONG,
        [*long(), "1.jpg,cat,ann,train"],
        "1.jpg stands in lines 3 and 36 with different labels by ann",
    ),
    "two splits of one image": (
        LONG,
        [*long(), "1.jpg,bee,dan,test"],
        "1.jpg stands in lines 3 and 36 with different splits or true labels",
    ),
    "a class that nothing is": (
        LONG,
        [*long(), "1.jpg,bees,dan,train"],
        r"by consensus no image to train on is of the class bees \(line 36\)",
    ),
    "a class of test images alone": (
        LONG,
        [*long(), "9.jpg,dog,dan,test"],
        r"label must be a class .* and is not for dog \(line 36\)",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_tables(tmp_path: Path, case: str) -> None:
    header, rows, message = ERRORS[case]
    with pytest.raises(InputError, match=message):
        read(tmp_path, header, rows)

"""A person's decisions on given labels: what they do to a training set, and what is refused."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from ieg.data import corrections, names
from ieg.data.corrections import Corrections
from ieg.errors import InputError
from tests.data import trees
from tests.datasets import prepare

CLASSES = ("ant", "bee", "cat, big")
GIVEN = np.array([0, 1, 2, 0, 1, 2, 0])
IN_USE = np.array([0, 1, 2, 3, 4, 6])  # example 5 is a probe example
FILES = np.array(
    [b"a.jpg", b'b,"1".jpg', "é.jpg".encode(), b"\xff.jpg", b"e.jpg", b"f.jpg", b"g.jpg"]
)
HEADER = "index,path,given_label,suggested_label,score,decision,new_label"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*rows: str, header: str = HEADER) -> Path:
        return trees.write_table(tmp_path / "decisions.csv", rows, header)

    return write


def apply(
    path: Path, files: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, Corrections]:
    probe = np.array([5])
    return corrections.apply(path, GIVEN, IN_USE, probe, class_names=CLASSES, files=files)


def test_wrong_labels_change_or_leave_and_others_stay(write: Write) -> None:
    path = write(
        '0,,ant,bee,0.9,wrong,"cat, big"',
        "1,,bee,bee,0.2,fine,",
        "2,,,,,unsure,",
        "3,,ant,bee,0.8,wrong,",
        "4,,bee,ant,0.6,,",
        "5,,ant,bee,0.7,wrong,bee",
    )
    given, in_use, done = apply(path)
    assert given.tolist() == [2, 1, 2, 0, 1, 2, 0] and GIVEN[0] == 0
    assert in_use.tolist() == [0, 1, 2, 4, 6]
    assert done == Corrections(str(path), relabelled=1, dropped=1, fine=1, unsure=1, probe=1)


def test_an_image_is_dropped_whatever_its_label(write: Write) -> None:
    path = write("0,,ant,,,drop,", "1,,,,,drop,", "3,,,,,fine,", "3,,,,,drop,")
    given, in_use, done = apply(path)
    assert given.tolist() == GIVEN.tolist() and in_use.tolist() == [2, 4, 6]
    assert done == Corrections(str(path), relabelled=0, dropped=3, fine=0, unsure=0, probe=0)


def test_a_path_says_more_than_an_index_that_may_have_moved(write: Write, tmp_path: Path) -> None:
    path = write('9,"b,""1"".jpg",bee,,,wrong,ant', '9,é.jpg,"cat, big",,,fine,')
    given, _, done = apply(path, FILES)
    assert given.tolist() == [0, 0, 2, 0, 1, 2, 0] and done.fine == 1
    path.write_bytes(HEADER.encode() + b"\n7,\xff.jpg,ant,,,wrong,bee\n")
    assert apply(path, FILES)[0].tolist() == [0, 1, 2, 1, 1, 2, 0]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_short_table_of_new_labels(write: Write, mark: str) -> None:
    path = write("0,bee", "1,bee", "2,", header=f"{mark}index,new_label")
    given, in_use, done = apply(path)
    assert given.tolist() == [1, 1, 2, 0, 1, 2, 0] and len(in_use) == 6
    assert (done.relabelled, done.dropped, done.fine) == (1, 0, 0)


def test_decisions_on_a_corrected_run_stand_below_those_that_it_was_corrected_by(
    write: Write,
) -> None:
    path = write("0,,ant,,,wrong,bee", "0,,bee,,,wrong,ant", "1,,bee,,,wrong,ant", "1,,ant,,,fine,")
    given, _, done = apply(path)
    assert given.tolist() == [0, 0, 2, 0, 1, 2, 0]
    assert (done.relabelled, done.fine) == (1, 1)  # image 0 is what it was


def test_of_several_decisions_on_an_image_the_last_counts(write: Write) -> None:
    """Without given_label any later row may come; with it, it must know what the earlier did."""
    path = write("0,fine,", "0,wrong,bee", '0,wrong,"cat, big"', "1,unsure,", "1,fine,", "1,,",
                 header="index,decision,new_label")  # fmt: skip
    given, in_use, done = apply(path)
    assert given.tolist() == [2, 1, 2, 0, 1, 2, 0] and in_use.tolist() == IN_USE.tolist()
    assert done == Corrections(str(path), relabelled=1, dropped=0, fine=1, unsure=0, probe=0)
    path = write("0,bee", '0,"cat, big"', header="index,new_label")
    assert apply(path)[0][0] == 2 and apply(path)[2].relabelled == 1
    path = write("0,relabel,bee", "1,relabel,ant", "0,fine,", header="index,decision,new_label")
    assert apply(path)[0].tolist() == [1, 0, 2, 0, 1, 2, 0]
    path = write("0,,ant,,,wrong,bee", '0,,ant,,,wrong,"cat, big"')
    with pytest.raises(InputError, match=r"line 3: .* is labelled 'bee' since line 2, and this li"):
        apply(path)


def test_an_unknown_path_is_told_what_paths_look_like(write: Write) -> None:
    for path, files, words in (
        ("x.jpg", FILES, "x.jpg is none of the 7 training images of this run: paths look like a.j"),
        ("/my photos/g.jpg", FILES, "of this run: paths look like g.jpg"),
        ("a.jpg", None, "which are no files: leave path empty and give index"),
    ):
        with pytest.raises(InputError, match=words):
            apply(write(f"0,{path},,,,fine,"), files)


REFUSED = [
    (["8,,,,,fine,"], ("line 2: image 8 is none of the 7 training images",)),
    (["-1,,,,,fine,"], ("line 2: image -1 is none of",)),
    (["0,x.jpg,,,,fine,"], ("x.jpg is none of the",)),
    ([",,,,,fine,"], ("line 2: index or path must name",)),
    (["0,,ant,,,wrong,dog"], ("line 2: 'dog' is no class", "has ant, bee, cat, big")),
    (["0,,bee,,,fine,"], ("image 0 is labelled 'ant' now", "when it was 'bee'", "`seed`")),
    (["0,,,,,relabel,"], ("line 2: relabel needs a new_label",)),
    (["0,,,,,drop,bee"], ("line 2: drop takes no new_label",)),
    (["0,,,,,drop,", "0,,,,,fine,"], ("line 3: image 0 is dropped in line 2 already",)),
    (["0,,,,,maybe,"], ("decision must be wrong, fine, unsure, drop or empty, not 'maybe'",)),
    (["0,,,,,wrong,ant"], ("wrong does not go with the new label 'ant'",)),
    (["0,,,,,fine,bee"], ("fine does not go with the new label 'bee'",)),
    (["0,,,,,unsure"], ("line 2: 6 cells, but the first line has 7",)),
    (["0,,,,,wrong,", "0,,,,,fine,"], ("line 3: image 0 is dropped in line 2 already",)),
    (["2,,,,,wrong,"], ("leaves no image to train on that is labelled 'cat, big'",)),
    (['0,"a"b,,,,,'], ("is no CSV file",)),
]


@pytest.mark.parametrize(("rows", "words"), REFUSED)
def test_what_does_not_fit_is_refused(
    write: Write, rows: Sequence[str], words: Sequence[str]
) -> None:
    with pytest.raises(InputError, match="^`label_corrections`: ") as refused:
        apply(write(*rows))
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize("header", ["path,score", "decision,new_label", "", "index decision"])
def test_columns_that_are_needed(write: Write, header: str) -> None:
    with pytest.raises(InputError, match="must have the columns index or path, and decision or"):
        apply(write(header=header))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    missing = str(tmp_path / "no.csv")
    for call in (
        lambda: prepare("digits", seed=1, probe_ratio=0, label_corrections=missing),
        lambda: names.parse("digits").folder(missing),
    ):
        with pytest.raises(InputError, match=r"cannot read .*no\.csv: No such file"):
            call()


def test_digits_are_corrected_after_noise_and_without_the_probe_set(write: Write) -> None:
    plain = prepare("digits_uniform_0.4", seed=3, probe_ratio=0.035)
    wrong = [i for i in plain.train_indices if plain.given_labels[i] != plain.true_labels[i]]
    rows = [f"{i},,{plain.given_labels[i]},,,wrong,{plain.true_labels[i]}" for i in wrong[:200]]
    rows += [f"{i},,,,,wrong," for i in wrong[200:250]]
    path = write(*rows, f"{plain.probe_indices[0, 0]},,7,,,wrong,3")
    data = prepare("digits_uniform_0.4", seed=3, probe_ratio=0.035, label_corrections=str(path))
    np.testing.assert_array_equal(data.probe_indices, plain.probe_indices)
    np.testing.assert_array_equal(
        data.train_indices, np.setdiff1d(plain.train_indices, wrong[200:250])
    )
    assert data.corrections is not None
    assert data.corrections[1:] == (200, 50, 0, 0, 1)
    left = len(wrong) - 250
    assert data.noise.measured == pytest.approx(left / (len(plain.train_indices) - 50))
    assert data.digest is not None and plain.digest is None


def test_other_decisions_are_another_folder_and_another_digest(write: Write) -> None:
    found = set()
    for label in ("1", "2", "2"):
        path = str(write("0,,,,,wrong,", f"1,,,,,wrong,{label}"))
        data = prepare("digits_uniform_0.8", seed=3, probe_ratio=0, label_corrections=path)
        name = names.parse("digits_uniform_0.8").folder(path)
        assert name.startswith("digits_uniform_0.8_corrected-") and len(name) == 37
        found.add((name, data.digest))
    assert len(found) == 2

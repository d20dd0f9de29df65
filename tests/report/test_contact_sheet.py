import itertools
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.colors
import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from ieg.drawing import canvas
from ieg.errors import InputError
from ieg.report.contact_sheet import ROWS_PER_BLOCK, contact_sheet

NAMES = ("cat", "dog", "bird")
GIVEN = np.array([2, 0, 2, 0, 0])
TRUE = np.array([2, 0, 1, 0, -1])


def shades(count: int, height: int, width: int, first: int = 100) -> np.ndarray:
    """Images of one colour each, which no text has: red is first, first + 1, ..."""
    images = np.zeros((count, height, width, 3), np.uint8)
    images[..., 0] = np.arange(first, first + count)[:, None, None]
    images[..., 2] = 255
    return images


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def pixels(path: Path) -> np.ndarray:
    image = matplotlib.image.imread(path)[..., :3]
    return np.round(255 * image).astype(int)


def area(image: np.ndarray, red: int) -> tuple[int, int, int, int]:
    """Top, left, height and width of the rectangle that a shade fills."""
    rows, columns = np.nonzero((image == [red, 0, 255]).all(axis=2))
    top, left = rows.min(), columns.min()
    height, width = rows.max() - top + 1, columns.max() - left + 1
    assert len(rows) == height * width
    return top, left, height, width


def test_rows_are_given_labels_and_views_stand_side_by_side(tmp_path: Path) -> None:
    views = {"weak": shades(5, 8, 8, 10), "strong": shades(5, 8, 8, 60)}
    path = tmp_path / "sheet.png"
    true = np.where(TRUE == 1, 2, TRUE)  # without a wrong one, whose frame would cover pixels
    contact_sheet(views, GIVEN, true, NAMES, path)
    image = pixels(path)
    weak = [area(image, 10 + i) for i in range(5)]
    strong = [area(image, 60 + i) for i in range(5)]
    assert {place[2:] for place in weak + strong} == {(72, 72)}  # nine times as large
    for one, other in zip(weak, strong, strict=True):
        assert other[0] == one[0] and other[1] == one[1] + 72 + 1
    tops, lefts = [place[0] for place in weak], [place[1] for place in weak]
    assert tops[1] == tops[3] == tops[4] < tops[0] == tops[2]  # cats, then birds; no dogs
    assert lefts[1] == lefts[0] < lefts[3] == lefts[2] < lefts[4]


def test_labels_are_written_and_wrong_ones_framed(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    views = {"weak": shades(5, 8, 8), "strong": shades(5, 8, 8)}
    figure = contact_sheet(views, GIVEN, TRUE, NAMES, path, title="five images")
    written = texts(figure)
    assert written[0] == "five images"
    assert written.count("weak") == written.count("strong") == 3  # above the three columns
    bold = [text for text in figure.axes[0].texts if text.get_weight() == "bold"]
    assert sorted(text.get_text() for text in bold) == ["bird", "cat", "dog"]  # two rows, one wrong
    plain = [text.get_text() for text in figure.axes[0].texts if text not in bold]
    assert sorted(text for text in plain if text in NAMES) == ["bird", "cat", "cat"]
    (frame,) = figure.axes[0].patches
    assert frame.get_edgecolor() == matplotlib.colors.to_rgba(canvas.VERMILLION)
    (wrong,) = [text for text in bold if text.get_text() == "dog"]
    left, right = frame.get_x(), frame.get_x() + frame.get_width()
    assert left < wrong.get_position()[0] < right
    assert frame.get_y() + frame.get_height() < wrong.get_position()[1]
    assert (pixels(path) == [213, 94, 0]).all(axis=2).sum() > 500


def test_one_view_of_images_that_are_not_square(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    figure = contact_sheet({"weak": shades(1, 32, 20)}, np.array([1]), np.array([1]), NAMES, path)
    assert area(pixels(path), 100)[2:] == (64, 40)
    assert "strong" not in texts(figure)


def test_one_channel_is_grey(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    image = np.full((1, 8, 8, 1), 100, np.uint8)
    contact_sheet({"weak": image}, np.array([1]), np.array([1]), NAMES, path)
    grey = (pixels(path) == 100).all(axis=2).sum()
    assert 72 * 72 <= grey < 72 * 72 + 100  # some of the letters' edges are grey as well


def test_large_images_are_averaged(tmp_path: Path) -> None:
    stripes = shades(1, 224, 224, 100)
    stripes[:, :, ::2, 0] = 120
    path = tmp_path / "sheet.png"
    contact_sheet({"weak": stripes}, np.array([0]), np.array([0]), NAMES, path)
    assert area(pixels(path), 110)[2:] == (112, 112)


def test_many_classes_go_on_in_another_block(tmp_path: Path) -> None:
    count = ROWS_PER_BLOCK + 1
    path = tmp_path / "sheet.png"
    labels = np.arange(count)
    names = [f"class {i}" for i in labels]
    figure = contact_sheet({"weak": shades(count, 8, 8)}, labels, labels, names, path)
    image = pixels(path)
    first, second, last = area(image, 100), area(image, 101), area(image, 100 + count - 1)
    assert second[0] > first[0] and second[1] == first[1]
    assert last[0] == first[0] and last[1] > first[1] + 72
    assert texts(figure).count("weak") == 2


def test_names_of_classes_are_written_in_full(tmp_path: Path) -> None:
    long = "a class whose name is LONG, as WWW names and 25 $ or 30 $ may be"
    given, true = np.array([0, 0, 1]), np.array([0, 1, 0])
    path = tmp_path / "sheet.png"
    names = (long, "dog", "bird")
    figure = contact_sheet({"weak": shades(3, 8, 8)}, given, true, names, path)
    assert texts(figure).count(long) == 3
    renderer = figure.canvas.get_renderer()
    height, width = pixels(path).shape[:2]
    boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts if text.get_text()]
    places = [area(pixels(path), 100 + i) for i in range(3)]
    for box in boxes:
        assert box.x0 >= 0 and box.x1 <= width
        for top, left, rows, columns in places:
            across = box.x1 > left and box.x0 < left + columns
            assert not (across and box.y1 > height - top - rows and box.y0 < height - top)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_a_name_without_glyphs_warns_of_nothing(tmp_path: Path) -> None:
    names, label = ("花 🐈", "dog"), np.array([0])
    command = "import numpy as np; from ieg.report.contact_sheet import contact_sheet; "
    image = "np.zeros((1, 8, 8, 3), np.uint8)"
    command += f"contact_sheet(dict(a={image}), np.{label!r}, np.{label!r}, {names}, 'a.png')"
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "") and (tmp_path / "a.png").exists()


@pytest.mark.parametrize("count", [1, 6])
def test_a_long_title_stays_on_the_sheet(tmp_path: Path, count: int) -> None:
    labels = np.zeros(count, int)
    title = "What IS shown: " + "some words of a WIDE heading, " * 12
    path = tmp_path / "sheet.png"
    images = shades(count, 32, 32)
    figure = contact_sheet({"weak": images}, labels, labels, NAMES, path, title=title)
    renderer = figure.canvas.get_renderer()
    heading = [text for text in figure.axes[0].texts if text.get_fontsize() == 9]
    assert " ".join(text.get_text() for text in heading) == title.strip()
    for text in heading:
        assert text.get_window_extent(renderer).x1 <= pixels(path).shape[1]
    assert area(pixels(path), 100)[2:] == (64, 64)  # nothing is written across an image


def test_another_file_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must end in one of"):
        contact_sheet(
            {"weak": shades(1, 8, 8)}, np.array([0]), np.array([0]), NAMES, tmp_path / "a.doc"
        )

"""Figures of trust by rank and of margins, for few and many classes."""

from pathlib import Path

import numpy as np
import pytest

from ieg.errors import InputError
from ieg.methods.dynamic import figures


def names(count: int) -> list[str]:
    return [str(k) for k in range(count)]


def test_a_panel_for_each_class_with_its_trust_and_the_clean_share(tmp_path: Path) -> None:
    table = np.arange(40).reshape(10, 4) / 40
    used = np.ones([10, 4], bool)
    used[7:, 2] = False
    path = tmp_path / "rank_weights.png"
    measured = [0.5, 0.6, 0.7, 0.8]
    figure = figures.rank_weights(
        table, used, names(4), path, clean_share=0.6, measured=measured, title="some run"
    )
    assert path.read_bytes().startswith(b"\x89PNG")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == [f"given label {k}" for k in range(4)]
    for k, axes in enumerate(shown):
        nominal, true = (line.get_xdata()[0] for line in axes.lines)
        assert (nominal, true) == (pytest.approx(6), pytest.approx(10 * measured[k]))
        unused, blue = (points.get_offsets() for points in axes.collections)
        assert len(unused) == (3 if k == 2 else 0)
        ranks = np.flatnonzero(used[:, k])
        np.testing.assert_allclose(blue, np.stack([ranks, table[ranks, k]], axis=1))
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [
        "nominal share of right labels",
        "true share of right labels in the class",
        "rank without an example",
    ]


@pytest.mark.parametrize(("classes", "visible"), [(1, 1), (21, 21), (101, 2)])
def test_any_number_of_classes_can_be_drawn(tmp_path: Path, classes: int, visible: int) -> None:
    table = np.tile(np.linspace(1, 0, 6)[:, np.newaxis], [1, classes])
    figure = figures.rank_weights(
        table, table >= 0, names(classes), tmp_path / "figure.png", clean_share=0.8
    )
    # Above 100 classes: one picture and the bar of its colors.
    assert sum(axes.get_visible() for axes in figure.axes) == visible
    if classes > 100:
        np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), table.T)


def test_margins_are_drawn_less_their_mean(tmp_path: Path) -> None:
    figure = figures.class_margins([3.0, 1.0, 2.0], names(3), tmp_path / "margins.png")
    drawn = figure.axes[0].lines[-1]
    np.testing.assert_allclose(drawn.get_ydata(), [1, -1, 0])
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == names(3)


def test_marks_that_do_not_fit_the_table_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected 2 names and marks \[5, 2\]"):
        figures.rank_weights(
            np.ones([5, 2]), np.ones([4, 2]), names(2), tmp_path / "a.png", clean_share=1
        )


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a figure must end in one of"):
        figures.class_margins([1.0, 2.0], names(2), tmp_path / "margins.doc")

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from matplotlib.axes import Axes

from ieg.drawing import canvas, histogram, panels
from ieg.errors import InputError
from ieg.report import compare, figures
from ieg.runs import read_run

WriteRun = Callable[..., Path]
NAN = float("nan")
METRICS = {
    "step": np.array([100.0, 200.0, 300.0]),
    "loss": np.array([2.0, 1.0, 0.5]),
    "top1": np.array([0.5, 0.8, 0.9]),
    "top1_raw": np.array([0.4, 0.7, 0.85]),
    "wrong_label_fit": np.array([0.1, NAN, 0.3]),
}


def curves_of(axes: Axes) -> dict[str, list[list[float]]]:
    return {str(line.get_label()): np.asarray(line.get_xydata()).tolist() for line in axes.lines}


def legend_of(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def outlines_of(axes: Axes) -> list[np.ndarray]:
    """The heights of each histogram, which is drawn as a filled patch and an outline."""
    outlines: list[Any] = [patch for patch in axes.patches if not patch.get_fill()]
    return [outline.get_data().values for outline in outlines]


def pixels_of(path: Path) -> tuple[int, int]:
    image = matplotlib.image.imread(path)
    assert image.std() > 0.01, "the picture is blank"
    return image.shape[1], image.shape[0]


class TestLearningCurves:
    def test_three_panels_with_the_numbers_given(self, tmp_path: Path) -> None:
        path = tmp_path / "curves.png"
        figure = panels.draw(METRICS, figures.LEARNING, path, title="digits, noise rate 0.398")
        accuracy, loss, fit = figure.axes
        assert figure.get_suptitle() == "digits, noise rate 0.398"
        assert curves_of(accuracy) == {
            "top1_raw (no weight averaging)": [[100, 0.4], [200, 0.7], [300, 0.85]],
            "top1": [[100, 0.5], [200, 0.8], [300, 0.9]],
        }
        assert curves_of(loss) == {"loss": [[100, 2.0], [200, 1.0], [300, 0.5]]}
        assert list(curves_of(fit).values()) == [[[100, 0.1], [300, 0.3]]]
        assert legend_of(fit) == ["wrong label: predicts it (memorized)"]
        assert all(axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)
        width, height = figure.get_size_inches() * 120
        assert pixels_of(path) == (round(width), round(height))

    def test_no_third_panel_without_true_labels(self, tmp_path: Path) -> None:
        metrics = METRICS | {"wrong_label_fit": np.full(3, NAN)}
        figure = panels.draw(metrics, figures.LEARNING, tmp_path / "curves.png")
        assert [axes.get_title() for axes in figure.axes] == ["Test accuracy", "Training loss"]

    def test_a_single_evaluation_is_visible(self, tmp_path: Path) -> None:
        metrics = {name: values[:1] for name, values in METRICS.items()}
        figure = panels.draw(metrics, figures.LEARNING, tmp_path / "curves.png")
        assert {line.get_marker() for axes in figure.axes for line in axes.lines} == {"o"}


class TestMethodCurves:
    CURVES = {  # noqa: RUF012
        "Margin": {"margin_clean": "clean label", "margin_wrong": "wrong label"},
        "Dictionary": {"purity": "share of right labels"},
        "Nothing known": {"gone": "gone"},
    }

    def test_panels_as_asked_for_in_the_colors_of_clean_and_wrong(self, tmp_path: Path) -> None:
        numbers = {"margin_clean": [1, 2, 3], "margin_wrong": [0, -1, -2], "purity": [0.5, NAN, 1]}
        metrics = METRICS | {name: np.array(v, float) for name, v in numbers.items()}
        metrics["gone"] = np.full(3, NAN)
        path = tmp_path / "fsr.png"
        figure = panels.draw(
            metrics, figures.method_panels(metrics, self.CURVES), path, title="fsr on digits"
        )
        assert figure is not None and pixels_of(path)
        margin, dictionary = figure.axes
        assert [axes.get_title() for axes in figure.axes] == ["Margin", "Dictionary"]
        assert legend_of(margin) == ["clean label", "wrong label"]
        assert [line.get_color() for line in margin.lines] == [canvas.BLUE, canvas.VERMILLION]
        assert list(curves_of(dictionary).values()) == [[[100, 0.5], [300, 1]]]
        assert dictionary.get_ylabel() == "share of right labels"

    def test_nothing_known(self, tmp_path: Path) -> None:
        path = tmp_path / "fsr.png"
        assert panels.draw(METRICS, figures.method_panels(METRICS, self.CURVES), path) is None
        assert not path.exists()


class TestConfusion:
    def test_counts_are_written_and_colour_is_the_share_of_the_row(self, tmp_path: Path) -> None:
        path = tmp_path / "confusion.png"
        matrix = [[6, 2, 0], [0, 0, 0], [1, 0, 3]]
        figure = figures.confusion(matrix, ["cat", "dog", "ship"], path, row_label="given label")
        axes = figure.axes[0]
        written = {text.get_position(): text.get_text() for text in axes.texts}
        assert written[(1, 0)] == "2"  # column 1, row 0
        assert written[(0, 2)] == "1"
        assert len(written) == 9
        share = np.asarray(axes.images[0].get_array())
        np.testing.assert_allclose(share, [[0.75, 0.25, 0.0], [0.0, 0.0, 0.0], [0.25, 0.0, 0.75]])
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["cat", "dog", "ship"]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "given label")
        assert min(pixels_of(path)) >= 400

    @pytest.mark.parametrize(
        ("classes", "numbers", "names"), [(20, 400, True), (21, 0, True), (121, 0, False)]
    )
    def test_many_classes(self, tmp_path: Path, classes: int, numbers: int, names: bool) -> None:
        labels = [f"class {i}" for i in range(classes)]
        figure = figures.confusion(np.eye(classes, dtype=int), labels, tmp_path / "confusion.png")
        axes = figure.axes[0]
        assert len(axes.texts) == numbers
        shown = [tick.get_text() for tick in axes.get_yticklabels()]
        assert (shown == labels) is names

    def test_names_must_fit_the_matrix(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"expected a matrix \[2, 2\], got \[3, 3\]"):
            figures.confusion(np.eye(3), ["a", "b"], tmp_path / "confusion.png")


class TestCleanAndWrongHistogram:
    def test_shares_counts_and_means(self, tmp_path: Path) -> None:
        path = tmp_path / "loss.png"
        values = [0.0, 0.0, 1.0, 4.0, 4.0, NAN]
        wrong = [False, False, False, True, True, True]
        figure = figures.clean_and_wrong_histogram(values, wrong, "loss (nats)", path)
        (axes,) = figure.axes
        clean, memorized = outlines_of(axes)
        bins = histogram.BINS
        assert (clean[0], clean[bins // 4]) == pytest.approx((2 / 3, 1 / 3))
        assert memorized[-1] == 1.0
        assert clean.sum() == pytest.approx(1)
        assert memorized.sum() == pytest.approx(1)
        assert legend_of(axes) == [
            "clean label: 3 examples, mean 0.333",
            "wrong label: 2 examples, mean 4",
        ]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("loss (nats)", "share of the group")
        assert pixels_of(path) == (660, 480)

    def test_log_scale_only_when_bars_would_be_too_low_to_see(self, tmp_path: Path) -> None:
        wrong = np.arange(4000) % 2 == 0
        even = np.linspace(0, 1, 4000)
        mostly_zero = np.where(even < 0.9, 0.0, 10 * even - 9)
        scales = [
            figures.clean_and_wrong_histogram(values, wrong, "weight", tmp_path / "w.png")
            .axes[0]
            .get_yscale()
            for values in (even, mostly_zero, np.where(even < 0.9999, 0.0, even))
        ]
        # 10 % spread over forty low bars need it; a single example in the last bar does not.
        assert scales == ["linear", "log", "linear"]

    def test_without_wrong_labels_one_group_is_drawn(self, tmp_path: Path) -> None:
        figure = figures.clean_and_wrong_histogram(
            [1.0, 1.0], [False, False], "loss", tmp_path / "loss.png"
        )
        assert legend_of(figure.axes[0]) == ["clean label: 2 examples, mean 1"]

    def test_says_what_is_wrong(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="expected finite numbers for 'loss', got none"):
            figures.clean_and_wrong_histogram([NAN], [True], "loss", tmp_path / "a.png")
        with pytest.raises(ValueError, match=r"a mark for each value, got \(1,\) for \(2,\)"):
            figures.clean_and_wrong_histogram([1.0, 2.0], [True], "loss", tmp_path / "a.png")


class TestComparison:
    WEIGHTED = {  # noqa: RUF012
        "index": [0, 1, 2, 3],
        "given_label": [0, 1, 1, 1],
        "true_label": [0, 0, 1, ""],
        "weight": [0.5, 0.1, 0.75, 9.0],
    }

    def test_accuracy_of_each_run_and_the_weights_of_the_one_that_has_them(
        self, write_run: WriteRun, tmp_path: Path
    ) -> None:
        plain = write_run("plain", method="supervised")
        weighted = write_run("weighted", examples=self.WEIGHTED)
        path = tmp_path / "comparison.png"
        figure = compare.comparison([read_run(plain), read_run(weighted)], path)
        left, right = figure.axes
        assert figure.get_suptitle() == "digits_uniform_0.4, noise rate 0.398, network cnn"
        line = [[100, 0.5], [200, 0.8], [300, 0.9]]
        assert curves_of(left) == {"supervised": line, "l2r": line}
        assert right.get_title() == "Example weights of l2r"
        assert legend_of(right) == [
            "clean label: 2 examples, mean 0.625",
            "wrong label: 1 examples, mean 0.1",
        ]
        assert pixels_of(path) == (1260, 480)

    def test_no_long_name_is_cut_off(self, write_run: WriteRun, tmp_path: Path) -> None:
        long = {"dataset": "folder:" + "images/" * 20, "method": "my_method_" * 8}
        run = read_run(write_run(examples=self.WEIGHTED, **long))
        figure = compare.comparison([run], tmp_path / "comparison.png")
        (left, right), bounds = figure.axes, figure.bbox
        legend, (heading,) = left.get_legend(), figure.texts
        assert legend is not None
        for artist in (legend, heading, right.title):
            extent = artist.get_window_extent()
            assert bounds.x0 <= extent.x0 < extent.x1 <= bounds.x1, artist
            assert bounds.y0 <= extent.y0 < extent.y1 <= bounds.y1, artist

    def test_one_panel_when_no_run_has_weights(self, write_run: WriteRun, tmp_path: Path) -> None:
        figure = compare.comparison([read_run(write_run())], tmp_path / "comparison.png")
        assert [axes.get_title() for axes in figure.axes] == ["Test accuracy"]

    def test_no_two_of_eight_runs_look_the_same(self, write_run: WriteRun, tmp_path: Path) -> None:
        runs = [read_run(write_run(f"seed{i}", seed=i)) for i in range(8)]
        figure = compare.comparison(runs, tmp_path / "comparison.png")
        looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
        assert len(looks) == 8

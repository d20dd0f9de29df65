import math

import numpy as np
import pytest

from ieg.evaluation import metrics

NAN = float("nan")
LOGITS = np.array([[5.0, 1.0, 3.0], [2.0, 4.0, 1.0], [0.0, 1.0, 2.0], [9.0, 8.0, 7.0]])


def logits_of(*probabilities: list[float]) -> np.ndarray:
    return np.log(np.array(probabilities))


class TestPredictedClasses:
    def test_largest_logit_wins_and_the_lower_index_breaks_a_tie(self) -> None:
        found = metrics.predicted_classes([[0.0, 2.0, 1.0], [3.0, 1.0, 3.0]])
        np.testing.assert_array_equal(found, [1, 0])

    def test_a_row_with_nan_has_no_class(self) -> None:
        found = metrics.predicted_classes([[NAN, 0.0], [9.0, NAN], [0.0, 1.0]])
        np.testing.assert_array_equal(found, [-1, -1, 1])


class TestTopK:
    @pytest.mark.parametrize(("k", "expected"), [(1, 0.25), (2, 0.5), (3, 1.0), (5, 1.0)])
    def test_hand_computed(self, k: int, expected: float) -> None:
        # ranks of the labels, from 1: 1, 2, 3, 3
        assert metrics.top_k_accuracy(LOGITS, [0, 0, 0, 2], k) == expected

    def test_equal_logits_score_as_chance(self) -> None:
        logits = np.zeros((4, 4))
        assert metrics.top_k_accuracy(logits, [0, 1, 2, 3], 1) == 0.25
        assert metrics.top_k_accuracy(logits, [0, 1, 2, 3], 3) == 0.75

    def test_top_1_is_argmax_when_there_are_ties(self) -> None:
        rng = np.random.default_rng(0)
        logits, labels = rng.integers(0, 3, (500, 4)), rng.integers(0, 4, 500)
        expected = np.mean(metrics.predicted_classes(logits) == labels)
        assert metrics.top_k_accuracy(logits, labels, 1) == expected

    @pytest.mark.parametrize("row", [[NAN, 1.0, 0.0], [NAN, NAN, NAN], [1.0, 2.0, NAN]])
    @pytest.mark.parametrize("k", [1, 3])
    def test_nan_is_wrong_whatever_the_label_and_k(self, row: list[float], k: int) -> None:
        assert metrics.top_k_accuracy([row] * 3, [0, 1, 2], k) == 0.0

    def test_infinite_logits_are_ranked(self) -> None:
        logits = [[math.inf, 1.0], [-math.inf, 1.0]]
        assert metrics.top_k_accuracy(logits, [0, 0], 1) == 0.5

    def test_nan_without_examples(self) -> None:
        assert math.isnan(metrics.top_k_accuracy(np.zeros((0, 3)), [], 1))

    def test_says_what_is_wrong(self) -> None:
        with pytest.raises(ValueError, match="k must be at least 1, got 0"):
            metrics.top_k_accuracy(LOGITS, [0, 0, 0, 0], 0)
        with pytest.raises(ValueError, match="at least 0 and at most 2, got 0 to 3"):
            metrics.top_k_accuracy(LOGITS, [0, 1, 2, 3], 1)
        with pytest.raises(ValueError, match=r"\[N, K\] with K > 0, got \(3,\)"):
            metrics.top_k_accuracy([1.0, 2.0, 3.0], [0], 1)
        with pytest.raises(ValueError, match="'logits': 4, 'labels': 1"):
            metrics.top_k_accuracy(LOGITS, [0], 1)


class TestPerClass:
    PREDICTIONS, LABELS = (0, 0, 1, 1, 0, -1), (0, 0, 0, 1, 3, 3)

    def test_hand_computed(self) -> None:
        found = metrics.per_class_accuracy(self.PREDICTIONS, self.LABELS, 4)
        np.testing.assert_array_equal(found, [2 / 3, 1.0, NAN, 0.0])

    def test_balanced_is_the_mean_over_classes_that_are_present(self) -> None:
        found = metrics.balanced_accuracy(self.PREDICTIONS, self.LABELS, 4)
        assert found == pytest.approx((2 / 3 + 1 + 0) / 3)

    def test_balanced_is_nan_without_examples(self) -> None:
        assert math.isnan(metrics.balanced_accuracy([], [], 4))

    def test_says_what_is_wrong(self) -> None:
        with pytest.raises(ValueError, match="predictions must be at least -1 and at most 1"):
            metrics.per_class_accuracy([0, 2], [0, 1], 2)
        with pytest.raises(
            ValueError, match="labels must be at least 0 and at most 1, got -1 to 1"
        ):
            metrics.per_class_accuracy([0, 1], [-1, 1], 2)
        with pytest.raises(ValueError, match="labels must be whole numbers, got float64"):
            metrics.balanced_accuracy([0, 1], [0.0, 1.0], 2)
        with pytest.raises(
            ValueError, match=r"predictions must have the shape \[N\], got \(2, 1\)"
        ):
            metrics.confusion_matrix([[0], [1]], [0, 1], 2)


class TestCalibration:
    # confidence and hit: 0.95 hit, 0.93 miss; 0.65 hit, 0.62 hit
    LOGITS = logits_of([0.95, 0.05], [0.07, 0.93], [0.35, 0.65], [0.62, 0.38])
    LABELS = (0, 0, 1, 0)

    def test_worked_example(self) -> None:
        # bins of 0.1: (0.9, 1] holds two, accuracy 0.5, confidence 0.94; (0.6, 0.7] two, 1, 0.635
        expected = 2 / 4 * (0.94 - 0.5) + 2 / 4 * (1 - 0.635)
        found = metrics.expected_calibration_error(self.LOGITS, self.LABELS, bins=10)
        assert found == pytest.approx(expected)

    def test_with_one_bin_it_is_the_gap_of_the_means(self) -> None:
        found = metrics.expected_calibration_error(self.LOGITS, self.LABELS, bins=1)
        assert found == pytest.approx(abs(3 / 4 - (0.95 + 0.93 + 0.65 + 0.62) / 4))

    def test_fifteen_bins_unless_told(self) -> None:
        logits = logits_of([0.95, 0.05], [0.07, 0.93])  # 14/15 = 0.9333 lies between them
        found = metrics.expected_calibration_error(logits, [0, 0])
        assert found == pytest.approx((0.05 + 0.93) / 2)

    def test_an_edge_belongs_to_the_bin_on_its_left(self) -> None:
        # 0.5 hit and 0.9 miss: in one bin of (0, 0.5], (0.5, 1] each; together they would give 0.2
        logits = [[0.0, 0.0], [math.log(9.0), 0.0]]
        found = metrics.expected_calibration_error(logits, [0, 1], bins=2)
        assert found == pytest.approx((0.5 + 0.9) / 2)

    def test_huge_logits_do_not_overflow(self) -> None:
        logits = np.array([[1e4, 0.0], [0.0, 3e4], [-1e4, -2e4]], np.float32)
        assert metrics.expected_calibration_error(logits, [0, 1, 0]) == 0.0
        assert metrics.expected_calibration_error(logits, [1, 0, 1]) == 1.0

    @pytest.mark.parametrize("bad", [NAN, math.inf])
    def test_nan_when_a_row_has_no_softmax(self, bad: float) -> None:
        assert math.isnan(metrics.expected_calibration_error([[0.0, 1.0], [bad, 0.0]], [1, 1]))

    def test_nan_without_examples(self) -> None:
        assert math.isnan(metrics.expected_calibration_error(np.zeros((0, 3)), []))

    def test_says_what_is_wrong(self) -> None:
        with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
            metrics.expected_calibration_error(self.LOGITS, self.LABELS, bins=0)


class TestConfusionMatrix:
    def test_rows_are_labels_and_columns_predictions(self) -> None:
        found = metrics.confusion_matrix([1, 1, 0, 2, -1], [0, 0, 0, 2, 1], 3)
        np.testing.assert_array_equal(found, [[1, 2, 0], [0, 0, 0], [0, 0, 1]])
        assert found.dtype == np.int64

    def test_empty(self) -> None:
        np.testing.assert_array_equal(metrics.confusion_matrix([], [], 2), np.zeros((2, 2)))

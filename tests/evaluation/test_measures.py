"""Measures as declared: values by hand, and where they are shown."""

import numpy as np
import pytest

from ieg.evaluation import measures
from ieg.evaluation.measures import EvaluationOutputs, Place, TrainingOutputs


def training(predicted: list[int], given: list[int], true: list[int]) -> dict[str, float | None]:
    logits = 9.0 * np.eye(3)[predicted]
    logits[np.array(predicted) < 0] = np.nan
    outputs = TrainingOutputs(logits, np.array(given), np.array(true))
    return measures.values(measures.ON_TRAINING, outputs)


class TestTrainingLabels:
    def test_hand_computed(self) -> None:
        true = [0, 0, 1, 1, 2, 2, 2, -1]
        given = [0, 0, 1, 0, 0, 1, 1, 2]  # three right, four wrong, one unknown
        predicted = [0, 1, 1, 0, 2, 2, 0, 2]  # of the wrong: memorized, recovered twice, neither
        found = training(predicted, given, true)
        assert (found["wrong_label_fit"], found["clean_train"], found["recovered"]) == (
            1 / 4,
            2 / 3,
            2 / 4,
        )
        # A sure network has no loss where it is right and 9 where it is wrong.
        assert found["recovered_loss"] == pytest.approx(9 / 2, abs=1e-3)

    def test_unknown_where_there_is_no_such_example(self) -> None:
        clean = training([0, 0], [0, 1], [0, 1])
        assert np.isnan([clean["wrong_label_fit"], clean["recovered"]]).all()
        assert clean["clean_train"] == 0.5
        assert np.isnan(list(training([-1, 1], [0, 1], [-1, -1]).values())).all()

    def test_no_prediction_is_wrong(self) -> None:
        assert training([-1, -1], [0, 1], [0, 0])["clean_train"] == 0


def test_test_images_by_hand() -> None:
    logits = np.array([[5.0, 1.0, 3.0], [2.0, 4.0, 1.0], [0.0, 1.0, 2.0], [9.0, 8.0, 7.0]])
    outputs = EvaluationOutputs(logits, np.array([0, 1, 2, 2]), np.array([200, 50, 10]))
    found = measures.values(measures.ON_TEST, outputs)
    assert (found["top1"], found["top5"]) == (0.75, 1)
    assert found["balanced_accuracy"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert [found[f"{group}_shot"] for group in ("many", "medium", "few")] == [1, 1, 0.5]


def test_keys_and_titles_tell_measures_apart() -> None:
    declared = [*measures.ON_TEST, *measures.ON_TRAINING, measures.BEST]
    for names in ([m.key for m in declared], [m.title for m in declared]):
        assert len(set(names)) == len(names)


def test_the_best_five_of_five_classes_are_not_shown() -> None:
    for classes, told in ((5, False), (6, True)):
        keys = [m.key for m in measures.shown(Place.EVALUATION, classes)]
        assert ("top5" in keys) is told

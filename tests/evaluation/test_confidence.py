"""Loss, entropy and largest probability: by hand, and where they are not defined."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from ieg.evaluation import confidence, evaluate

#: Probabilities .7 .2 .1, and certainty.
LOGITS = np.array([np.log([0.7, 0.2, 0.1]), [1000.0, 0.0, 0.0]])
ENTROPY = 0.80182


def test_by_hand() -> None:
    assert confidence.mean_loss(LOGITS, [1, 0]) == pytest.approx(-math.log(0.2) / 2)
    assert confidence.mean_loss(LOGITS, [0, 2]) == pytest.approx((1000 - math.log(0.7)) / 2)
    found = confidence.normalized_entropy(LOGITS)
    assert found == pytest.approx(ENTROPY / math.log(3) / 2, rel=1e-4)
    assert confidence.mean_max_probability(LOGITS) == pytest.approx((0.7 + 1) / 2)


def test_equal_logits_are_as_uncertain_as_can_be() -> None:
    assert confidence.normalized_entropy(np.zeros((2, 5))) == pytest.approx(1)
    assert confidence.mean_max_probability(np.zeros((2, 5))) == pytest.approx(0.2)


@pytest.mark.parametrize("logits", [np.zeros((0, 3)), [[math.nan, 0, 0]], [[math.inf, 0, 0]]])
def test_nan_where_there_is_no_softmax(logits: np.ndarray) -> None:
    labels = np.zeros(len(logits), np.int64)
    assert math.isnan(confidence.mean_loss(logits, labels))
    assert math.isnan(confidence.normalized_entropy(logits))
    assert math.isnan(confidence.mean_max_probability(logits))


def test_groups_of_training_images() -> None:
    # One right label, one wrong one, and one of which the truth is unknown.
    logits = np.array([*LOGITS, np.zeros(3)])
    dataset = SimpleNamespace(
        given_labels=np.array([0, 1, 2]),
        true_labels=np.array([0, 0, -1]),
        train=SimpleNamespace(inputs=logits),
    )
    found = evaluate.on_training_labels(lambda images: images, dataset, np.arange(3))
    assert found == {
        "wrong_label_fit": 0.0,
        "clean_train": 1.0,
        "recovered": 1.0,
        "clean_train_loss": pytest.approx(-math.log(0.7)),
        "clean_train_entropy": pytest.approx(ENTROPY / math.log(3), rel=1e-4),
        "clean_train_max_p": pytest.approx(0.7),
        "wrong_label_loss": pytest.approx(1000),
        "wrong_label_entropy": pytest.approx(0, abs=1e-9),
        "wrong_label_max_p": pytest.approx(1),
        "recovered_loss": pytest.approx(0, abs=1e-9),
    }
    found = evaluate.on_training_labels(lambda images: images, dataset, np.arange(1))
    assert [found[name] for name in ("wrong_label_loss", "recovered_loss")] == [None, None]

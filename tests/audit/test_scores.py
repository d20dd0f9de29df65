"""The label audit: scores worked out by hand, and what holds for every table."""

import math
from typing import Any

import numpy as np
import pytest

from ieg import audit
from ieg.audit import scores


def two_classes(logits: list[float]) -> np.ndarray:
    """[n, 2] logits with these differences in favour of class 0."""
    return np.stack([np.array(logits), np.zeros(len(logits))], axis=1)


def noisy(
    count: int = 3000, num_classes: int = 4, sharpness: float = 4.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Logits that know the true class mostly, true and given labels, and the channel between."""
    rng = np.random.default_rng(0)
    true = rng.integers(num_classes, size=count)
    channel = np.full([num_classes, num_classes], 0.1)
    channel[np.arange(num_classes), np.arange(num_classes)] = 0.7
    channel[0] = [0.4, 0.6, 0.0, 0.0]
    given = np.array([rng.choice(num_classes, p=channel[k]) for k in true])
    logits = rng.normal(size=[count, num_classes]) + sharpness * np.eye(num_classes)[true]
    return logits, true, given, channel


def test_the_channel_is_counted_with_one_example_spread_over_all_labels() -> None:
    preferred, given = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    channel = scores.counted_channel(preferred, given, 3)
    third = 1 / 3
    np.testing.assert_allclose(
        channel,
        [
            [(2 + third) / 4, (1 + third) / 4, third / 4],
            [third / 2, (1 + third) / 2, third / 2],
            [third, third, third],
        ],
    )


def test_a_running_loss_takes_the_place_of_the_vote_for_the_given_label() -> None:
    p = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    votes = np.exp(scores.votes(np.log(p), np.array([0, 0]), np.array([-math.log(0.1), np.nan])))
    np.testing.assert_allclose(votes, [[0.1, 0.9 * 0.6, 0.9 * 0.4], [0.5, 0.3, 0.2]])


def test_a_vote_for_the_given_label_alone_leaves_the_others_alike() -> None:
    votes = np.exp(scores.votes([[1000.0, 0.0, 0.0]], np.array([0]), np.array([math.log(2)])))
    np.testing.assert_allclose(votes, [[0.5, 0.25, 0.25]])


def test_scores_by_hand() -> None:
    # Class 0 is preferred in four rows, of which three are labelled 0, and class 1 in one.
    found = audit.estimate([0, 0, 0, 1, 1], logits=two_classes([2.0, 2.0, 2.0, 2.0, -2.0]))
    channel = np.array([[3.5 / 5, 1.5 / 5], [0.5 / 2, 1.5 / 2]])

    def likelihood(t: float) -> float:
        p = 1 / (1 + math.exp(-2 / t))
        own, other = p * channel[0] + (1 - p) * channel[1], (1 - p) * channel[0] + p * channel[1]
        return 3 * math.log(own[0]) + math.log(own[1]) + math.log(other[1])

    temperatures = [2 ** (k / 4) for k in range(-8, 9)]
    assert found.temperature == pytest.approx(max(temperatures, key=likelihood))
    odds = math.exp(2 / found.temperature)
    wrong = odds * channel[0, 1] / (odds * channel[0, 1] + channel[1, 1])
    right = channel[1, 0] / (odds * channel[0, 0] + channel[1, 0])
    last = channel[0, 1] / (channel[0, 1] + odds * channel[1, 1])
    np.testing.assert_allclose(found.score, [right] * 3 + [wrong, last])
    assert found.suggested.tolist() == [0, 0, 0, 0, 1]
    assert found.noise_rate == pytest.approx((3 * right + wrong + last) / 5)
    np.testing.assert_allclose(found.given_probability[[0, 3]], [1 / (1 + math.exp(-2)),
                                                                1 / (1 + math.exp(2))])  # fmt: skip
    mass = np.array([[3 * (1 - right), wrong + last], [3 * right, 2 - wrong - last]])
    np.testing.assert_allclose(found.transition, mass / mass.sum(axis=1, keepdims=True))


def test_noise_rate_and_channel_are_found_without_the_truth() -> None:
    logits, true, given, channel = noisy()
    found, wrong = audit.estimate(given, logits=logits), given != true
    assert found.noise_rate == pytest.approx(wrong.mean(), abs=0.01)
    np.testing.assert_allclose(found.transition, channel, atol=0.04)
    assert audit.measure(found.score, wrong)["auroc"] > 0.98
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):  # scores are probabilities
        group = (found.score >= low) & (found.score < low + 0.2)
        if group.sum() > 50:
            assert abs(found.score[group].mean() - wrong[group].mean()) < 0.15


def test_clean_labels_are_left_alone() -> None:
    logits, true, _, _ = noisy(sharpness=6.0)
    found = audit.estimate(true, logits=logits)
    assert found.noise_rate < 0.01 and np.mean(found.score > audit.THRESHOLD) < 0.01


def test_what_is_sure_but_less_sharp_comes_to_the_same() -> None:
    # exp(4 z_k) is the posterior of these logits by Bayes; on mixed images networks stay below it.
    logits, _, given, _ = noisy()
    sharp, soft = audit.estimate(given, logits=4 * logits), audit.estimate(given, logits=2 * logits)
    assert (sharp.temperature, soft.temperature) == (1.0, 0.5)
    np.testing.assert_allclose(soft.score, sharp.score, atol=1e-9)


def test_memorized_labels_are_found_by_their_running_loss() -> None:
    logits, true, given, _ = noisy()
    rows = np.arange(len(given))
    memorized = logits.copy()
    memorized[rows, given] += 4.0
    loss = -scores.log_softmax(logits)[rows, given]
    wrong = given != true
    blind = audit.measure(audit.estimate(given, logits=memorized).score, wrong)
    seeing = audit.measure(audit.estimate(given, logits=memorized, running_loss=loss).score, wrong)
    assert blind["f1"] < 0.3 and seeing["f1"] > 0.98
    assert seeing["auroc"] > blind["auroc"]


def test_another_label_is_suggested_exactly_where_the_given_one_is_probably_wrong() -> None:
    logits, true, given, _ = noisy(sharpness=2.5)
    found = audit.estimate(given, logits=logits)
    np.testing.assert_array_equal(found.suggested != given, found.score > audit.THRESHOLD)
    assert np.mean(found.suggested == true) > np.mean(given == true)
    assert found.score.min() >= 0 and found.score.max() <= 1


def test_a_few_rows_at_a_time_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, _, given, _ = noisy(200)
    whole = audit.estimate(given, logits=logits)
    monkeypatch.setattr(scores, "_CELLS_AT_ONCE", 28)
    for one, other in zip(whole, audit.estimate(given, logits=logits), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_network_that_diverged_says_nothing() -> None:
    logits = np.full([6, 3], np.nan)
    found = audit.estimate([0, 0, 1, 1, 2, 2], logits=logits)
    np.testing.assert_allclose(found.given_probability, 1 / 3)
    assert np.isfinite(found.score).all()


def test_a_class_that_nothing_is_taken_for_has_an_empty_row() -> None:
    logits = np.array([[800.0, 0.0, -2000.0]] * 4)
    transition = audit.estimate([0, 0, 0, 0], logits=logits).transition
    np.testing.assert_allclose(transition[0], [1, 0, 0])
    assert transition[2].tolist() == [0, 0, 0]


def test_probabilities_are_logits_of_which_the_softmax_is_known() -> None:
    logits, _, given, _ = noisy(200)
    p = np.exp(scores.log_softmax(logits))
    whole, same = audit.estimate(given, logits=logits), audit.estimate(given, probabilities=p)
    np.testing.assert_allclose(same.score, whole.score, rtol=1e-6)
    np.testing.assert_array_equal(same.suggested, whole.suggested)


def test_probabilities_of_zero_and_rows_of_nan_are_taken() -> None:
    p = np.array([[1.0, 0.0], [0.0, 1.0], [np.nan, np.nan], [1.0, 0.0]], np.float32)
    found = audit.estimate([0, 1, 1, 1], probabilities=p)
    assert np.isfinite(found.score).all() and found.score[3] > found.score[1]
    assert found.given_probability[2] == 0.5


P = np.array([[0.9, 0.1], [0.2, 0.8]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either logits or probabilities, got neither"),
        ({"logits": P, "probabilities": P}, "got both"),
        ({"logits": np.zeros([0, 2])}, r"n > 0 and K > 1, got shape \(0, 2\)"),
        ({"logits": np.zeros(2)}, r"got shape \(2,\)"),
        ({"logits": P.astype(str)}, "as numbers, got <U"),
        ({"logits": P[:1]}, r"one label for each of 1 rows of outputs, got shape \(2,\)"),
        ({"labels": [0.0, 1.0], "logits": P}, "whole numbers, got float64; those of names"),
        ({"labels": [0, 2], "logits": P}, "labels from 0 to 1, .* got 0 to 2"),
        ({"labels": [-1, 1], "logits": P}, "got -1 to 1"),
        ({"probabilities": 3 * P}, r"in \[0, 1\], got 0.3 to 2.7; logits are given as"),
        ({"probabilities": P / 2}, "sum to 1, got a sum of 0.5"),
        ({"logits": P, "running_loss": [0.1]}, r"each of 2 examples, got shape \(1,\)"),
    ],
)
def test_bad_arguments_are_explained(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        audit.estimate(**{"labels": [0, 1], **arguments})

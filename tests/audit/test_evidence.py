"""Evidence by hand: votes, the regression without the own example, and the weights of parts."""

import numpy as np
import pytest
from scipy.special import softmax

from ieg.audit import channel, evidence

START = channel.symmetric(0.2, 3)


def classes_and_labels(count: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    true = rng.integers(3, size=count)
    moved = (true + rng.integers(1, 3, size=count)) % 3
    return true, np.where(rng.random(count) < noise, moved, true)


def logits_of(true: np.ndarray, strength: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=[len(true), 3]) + strength * np.eye(3)[true]


def test_votes_of_two_equal_neighbors() -> None:
    features = np.array([[1, 0], [1, 0], [1, 0]], np.float32)
    beliefs = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    votes = np.exp(evidence.neighbor_votes(features, beliefs))
    # Two neighbors with equal weights and the mean of all, (1/2, 1/2), as a third.
    np.testing.assert_allclose(votes[:, 0], [(0.5 + 0 + 0.5) / 3, 0.5, (1 + 0.5 + 0.5) / 3])
    np.testing.assert_allclose(votes.sum(axis=1), 1)


def test_the_regression_leaves_the_own_example_out() -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=[40, 6]).astype(np.float32)
    beliefs = rng.dirichlet([1, 1], size=40)
    changed = beliefs.copy()
    changed[7] = [1.0, 0.0]
    mean, other = beliefs.mean(axis=0), changed.mean(axis=0)
    before = evidence.kernel_regression(features, beliefs)
    after = evidence.kernel_regression(features, changed)
    # The mean of all is what remains of the own example.
    leverage = (after - before)[7] / (other - mean)
    np.testing.assert_allclose(leverage, leverage[0], rtol=1e-4)
    assert np.abs((after - before)[7]).max() < 0.05 < np.abs(after - before).max()


def test_equal_images_tell_classes_apart_by_nothing() -> None:
    beliefs = np.eye(2)[[0, 0, 0, 1]]
    scores = evidence.kernel_regression(np.ones([4, 3], np.float32), beliefs)
    # Left out, each is 1/4 of the way from the mean: -h/(1 - h) (R - mean) with h = 1/4.
    np.testing.assert_allclose(scores, -(beliefs - [0.75, 0.25]) / 3, atol=1e-6)


def test_two_independent_parts_are_better_than_each() -> None:
    true, given = classes_and_labels(3000, 0.3)
    parts = {"one": logits_of(true, 2.0, 3), "other": logits_of(true, 2.0, 4)}
    both = evidence.combine(parts, given, START)
    accuracy = {}
    for name, logits in parts.items():
        alone = evidence.combine({name: logits}, given, START)
        accuracy[name] = (alone.posterior.argmax(axis=1) == true).mean()
        assert both.likelihood > alone.likelihood
    assert (both.posterior.argmax(axis=1) == true).mean() > max(accuracy.values()) + 0.02
    # Logits of unit normals with means two apart are right at weight 2 each.
    np.testing.assert_allclose(list(both.weights.values()), 2, atol=0.35)
    np.testing.assert_allclose(np.diag(both.channel), 0.7, atol=0.05)


def test_noise_gets_no_weight_and_does_no_harm() -> None:
    true, given = classes_and_labels(2000, 0.3)
    good = logits_of(true, 3.0, 3)
    noise = {"noise": np.random.default_rng(9).normal(size=good.shape)}
    alone = evidence.combine({"good": good}, given, START)
    found = evidence.combine({"good": good, **noise}, given, START)
    assert found.likelihood > alone.likelihood - 1e-6
    assert found.weights["noise"] < 0.1 * found.weights["good"]
    np.testing.assert_allclose(found.posterior, alone.posterior, atol=0.15)


@pytest.mark.parametrize("count", [60, 250])
def test_chance_among_few_examples_is_not_fitted(count: int) -> None:
    true, given = classes_and_labels(count, 0.2)
    # Unit normals with means three apart: three times the logits are calibrated.
    head = 3 * logits_of(true, 3.0, 3)
    noisy = channel.GivenLabels(given, np.zeros(count, bool))
    fitted = channel.expectation_maximization(softmax(head, axis=1), noisy, START, 20)
    for seed in range(4):
        noise = np.random.default_rng(seed).normal(size=head.shape)
        found = evidence.combine({"head": head, "noise": noise}, given, fitted)
        assert found.weights == {"head": 1, "noise": 0}


def test_posterior_probability_and_disagreement_follow_from_weights_and_channel() -> None:
    true, given = classes_and_labels(200, 0.3)
    logits = logits_of(true, 3.0, 3)
    found = evidence.combine({"head": logits}, given, START)
    p = softmax(found.weights["head"] * logits, axis=1)
    joint = p * found.channel.T[given]
    tempered = p * found.channel.T[given] ** (1 - (p.argmax(axis=1) != given).mean())
    np.testing.assert_allclose(found.posterior, tempered / tempered.sum(axis=1, keepdims=True))
    alone = evidence.combine({"none": 0 * logits, "head": logits}, given, START)
    np.testing.assert_allclose(alone.probability["head"], found.probability["head"])
    np.testing.assert_allclose(found.likelihood, np.log(joint.sum(axis=1)).mean())
    assert found.disagreement == (logits.argmax(axis=1) != given).mean()


def test_the_gradient_is_that_of_the_loss() -> None:
    true, given = classes_and_labels(50, 0.3)
    logits = np.stack([logits_of(true, 1.0, 3), logits_of(true, 2.0, 4)])
    at, through = np.array([0.7, 1.1]), START.T[given]
    _, gradient = evidence._loss_and_gradient(at, logits, through)
    for j, step in enumerate(1e-5 * np.eye(2)):
        above, _ = evidence._loss_and_gradient(at + step, logits, through)
        below, _ = evidence._loss_and_gradient(at - step, logits, through)
        assert gradient[j] == pytest.approx((above - below) / 2e-5, rel=1e-5)


def test_scores_and_loss_are_pooled_by_the_mean_of_their_log_odds() -> None:
    true = np.arange(200) % 2
    given = np.where(np.arange(200) % 5 == 0, 1 - true, true)
    loss = np.where(given == true, 0.2, 3.0)
    found = evidence.of_training(logits_of(true, 1.0, 3)[:, :2], given, loss)
    p, t, rows = found.probability["head"], found.channel, np.arange(200)
    own, other = p * t[given, given], (1 - p) * t[1 - given, given]
    # Two values of the loss have a score each.
    by_loss = 1 - found.probability["loss"]
    assert len(np.unique(by_loss.round(9))) == 2
    assert by_loss[given != true].min() > 0.5 > by_loss[given == true].max()
    odds = np.sqrt(other / own * by_loss / (1 - by_loss))
    np.testing.assert_allclose(1 - found.posterior[rows, given], odds / (1 + odds), rtol=1e-4)
    np.testing.assert_allclose(found.posterior.sum(axis=1), 1)


def test_a_loss_that_nobody_knows_leaves_the_score_as_it_is() -> None:
    true, given = classes_and_labels(60, 0.3)
    found = evidence.of_training(logits_of(true, 3.0, 3), given, np.full(60, np.nan))
    own = found.posterior[np.arange(60), given]
    np.testing.assert_allclose(found.probability["loss"], own, atol=1e-5)


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_held_out_labels_right_or_wrong_tell_how_sure_a_head_may_be(noise: float) -> None:
    true, given = classes_and_labels(4000, 0.4)
    strong = logits_of(true, 6.0, 3)
    memorized = 0.2 * strong + 0.3 * np.eye(3)[given]  # weak, and it leans to the given label
    held_out, labels = classes_and_labels(1000, noise)
    unknown = np.full(4000, np.nan)
    other = 0.2 * logits_of(held_out, 6.0, 5), labels
    found = evidence.of_training(memorized, given, unknown, other)
    alone = evidence.combine({"head": memorized}, given, START)
    rate = 1 - found.posterior[np.arange(4000), given].mean()
    assert abs(rate - np.mean(given != true)) < 0.02
    assert 1 - alone.posterior[np.arange(4000), given].mean() < rate - 0.1


@pytest.mark.parametrize(
    ("parts", "labels", "message"),
    [
        ({}, [0], "at least one part"),
        ({"head": np.zeros([2, 3])}, [0], r"logits \(1, 3\) of part 'head', got \(2, 3\)"),
        ({"head": np.full([1, 3], np.nan)}, [0], "finite logits of part 'head'"),
        ({"head": np.zeros([1, 3])}, [3], "from 0 to 2"),
    ],
)
def test_bad_input(parts: dict[str, np.ndarray], labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evidence.combine(parts, labels, START)


def test_a_channel_under_which_a_label_is_impossible_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0, got 0.0"):
        evidence.combine({"head": np.zeros([2, 2])}, [0, 1], np.eye(2))

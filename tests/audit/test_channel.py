"""Channels by hand, recovered from labels that went through a known one, and offsets."""

import numpy as np
import pytest

from ieg.audit import channel
from ieg.audit.channel import GivenLabels


def evidence(labels: list[int], clean: tuple[int, ...] = ()) -> GivenLabels:
    given = np.array(labels)
    return GivenLabels(given, np.isin(np.arange(len(given)), clean))


def test_one_round_of_expectation_maximization_by_hand() -> None:
    # Certain features: counts [[2, 1], [0, 1]], a share of 1/4 is wrong, and the prior weighs as
    # 20 examples a class: [[2 + 15, 1 + 5], [0 + 5, 1 + 15]].
    p = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1]])
    found = channel.expectation_maximization(
        p, evidence([0, 0, 1, 1]), channel.symmetric(0.1, 2), 1
    )
    assert found == pytest.approx(np.array([[17 / 23, 6 / 23], [5 / 21, 16 / 21]]))


def test_clean_labels_count_nothing_and_allow_no_other_class() -> None:
    p = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1], [0.9, 0.1]])
    given = evidence([0, 0, 1, 1, 1], clean=(4,))
    found = channel.expectation_maximization(p, given, channel.symmetric(0.1, 2), 1)
    assert found == pytest.approx(np.array([[17 / 23, 6 / 23], [5 / 21, 16 / 21]]))
    assert given.likelihoods(found)[[2, 4]] == pytest.approx(np.array([found[:, 1], [0, 1]]))


def test_rounds_are_those_of_the_formula_whatever_the_order_and_number_of_labels() -> None:
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.ones(4), 30)
    p[:3] = np.eye(4)[:3]
    labels, clean = rng.choice([0, 1, 3], 30), tuple(range(20, 30))  # nobody is called 2
    start = channel.symmetric(0.3, 4)
    expected, n = start, 20
    for _ in range(3):
        r = p[:n] * expected.T[labels[:n]]
        counts = (r / r.sum(axis=1, keepdims=True)).T @ np.eye(4)[labels[:n]]
        expected = counts + 20 * channel.symmetric(1 - np.trace(counts) / n, 4)
        expected = expected / expected.sum(axis=1, keepdims=True)
    found = channel.expectation_maximization(p, evidence(labels.tolist(), clean), start, 3)
    assert found == pytest.approx(expected, rel=1e-12)


def test_known_channel_is_recovered() -> None:
    rng = np.random.default_rng(1)
    true = np.array([[0.6, 0.4, 0], [0, 0.9, 0.1], [0.2, 0.2, 0.6]])
    classes = rng.integers(0, 3, 6_000)
    logits = 3 * np.eye(3)[classes] + rng.normal(size=[6_000, 3])
    given = np.array([rng.choice(3, p=true[k]) for k in classes])
    reading = channel.read(
        logits,
        np.full(3, 1 / 3),
        GivenLabels(given, np.zeros(6_000, bool)),
        channel.symmetric(0.3, 3),
        balanced=True,
        near=None,
    )
    assert reading.channel == pytest.approx(true, abs=0.04)
    # log density ratios of unit normals 3 apart are 3 times the coordinates
    assert reading.sharpness == pytest.approx(3, rel=0.2)
    assert (reading.posterior.argmax(axis=1) == classes).mean() > 0.97
    assert reading.posterior.sum(axis=1) == pytest.approx(np.ones(6_000))


def test_balanced_offset_gives_the_prior_on_average() -> None:
    logits = np.random.default_rng(2).normal(size=[500, 3]) + np.array([2, 0, -1])
    prior = np.array([0.2, 0.3, 0.5])
    offset = np.log(prior)
    for _ in range(3):
        offset = channel.balance(logits, offset, prior)
    assert channel.softmax(logits + offset).mean(axis=0) == pytest.approx(prior, abs=1e-4)


def test_bayes_rule_keeps_the_features_word_where_no_class_can_have_the_label() -> None:
    p = np.array([[0.5, 0.5], [0.3, 0.7]])
    after, evidence_of = channel.posterior(p, np.array([[0.2, 0.6], [0.0, 0.0]]))
    assert after == pytest.approx(np.array([[0.25, 0.75], [0.3, 0.7]]))
    assert evidence_of == pytest.approx([0.4, 0])

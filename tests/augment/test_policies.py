"""Lists of sub-policies and what is drawn from them; the lists themselves are in the reference."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment import operations, policies


@pytest.mark.parametrize("name", policies.NAMES)
def test_every_operation_is_there(name: str) -> None:
    policy = policies.get(name, 3)
    assert policy.operations[0] == "Identity"
    assert set(policy.operations) <= set(operations.OPERATIONS)
    assert len(set(policy.operations)) == len(policy.operations)
    assert np.isfinite(policy.base).all() and np.isfinite(policy.swing).all()


@pytest.mark.parametrize(("channels", "count"), [(3, 14), (1, 13)])
def test_randaugment_draws_operations_and_levels_freely(channels: int, count: int) -> None:
    policy = policies.get("randaug", channels)
    assert len(policy.operations) == count
    assert ("Color" in policy.operations) == (channels == 3)
    assert "Cutout" not in policy.operations
    assert (policy.probability == 0.5).all()
    pairs = set(zip(policy.operation.ravel(), policy.level.ravel(), strict=True))
    assert pairs == {(op, level) for op in range(count) for level in range(1, 10)}
    quadruples = np.concatenate([policy.operation, policy.level], axis=1)
    assert len(np.unique(quadruples, axis=0)) == len(quadruples) == (9 * count) ** 2


def test_each_number_picks_one_sub_policy() -> None:
    policy = policies.get("cifar10", 3)
    middle = tf.constant((np.arange(95) + 0.5) / 95, tf.float32)
    always, positive = tf.zeros([95, 2]), tf.ones([95, 2])
    operation, argument = policies.choose(policy, middle, always, positive)
    expected = np.where(policy.probability > 0, policy.operation, 0)
    np.testing.assert_array_equal(operation, expected)
    levels = policy.level
    amounts = policy.base[policy.operation, levels] + policy.swing[policy.operation, levels]
    np.testing.assert_array_equal(argument, amounts)


def test_the_ends_of_the_numbers_pick_first_and_last() -> None:
    policy = policies.get("randaug", 3)
    ends = tf.constant([0.0, np.nextafter(np.float32(1), np.float32(0))])
    operation, _ = policies.choose(policy, ends, tf.zeros([2, 2]), tf.ones([2, 2]))
    np.testing.assert_array_equal(operation, policy.operation[[0, -1]])


@pytest.mark.parametrize("name", policies.NAMES)
def test_an_operation_is_applied_where_the_draw_is_below_its_probability(name: str) -> None:
    policy = policies.get(name, 3)
    count = len(policy.operation)
    each = tf.constant((np.arange(count) + 0.5) / count, tf.float32)
    probability = tf.constant(policy.probability)
    applied, _ = policies.choose(policy, each, probability - 1e-6, tf.zeros([count, 2]))
    np.testing.assert_array_equal(applied, policy.operation)
    skipped, _ = policies.choose(policy, each, probability, tf.zeros([count, 2]))
    np.testing.assert_array_equal(skipped, 0)


def test_the_swing_is_subtracted_where_the_sign_is_below_one_half() -> None:
    policy = policies.get("cifar10_25", 3)
    each = tf.constant((np.arange(25) + 0.5) / 25, tf.float32)
    at = policy.operation, policy.level
    for sign, direction in ((0.4999, -1), (0.5, 1)):
        _, argument = policies.choose(policy, each, tf.zeros([25, 2]), tf.fill([25, 2], sign))
        np.testing.assert_array_equal(argument, policy.base[at] + direction * policy.swing[at])

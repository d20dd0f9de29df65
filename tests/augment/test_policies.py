"""Lists of sub-policies and what is drawn from them; the lists themselves are in the reference."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.augment import operations, policies

COUNT = 20_000


def uniform(seed: int, *shape: int) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, [seed, 0])


def drawn(name: str, channels: int = 3) -> tuple[np.ndarray, np.ndarray, policies.Policy]:
    policy = policies.get(name, channels)
    operation, argument = policies.choose(
        policy, uniform(1, COUNT), uniform(2, COUNT, 2), uniform(3, COUNT, 2)
    )
    return operation.numpy(), argument.numpy(), policy


def assert_share(values: np.ndarray, expected: float) -> None:
    """Within five standard deviations of a binomial share."""
    allowed = 5 * np.sqrt(max(expected * (1 - expected), 1e-9) / values.size)
    assert abs(values.mean() - expected) < allowed


@pytest.mark.parametrize("name", policies.NAMES)
def test_every_operation_is_there(name: str) -> None:
    policy = policies.get(name, 3)
    assert policy.operations[0] == "Identity"
    assert set(policy.operations) <= set(operations.OPERATIONS)
    assert len(set(policy.operations)) == len(policy.operations)
    assert np.isfinite(policy.base).all() and np.isfinite(policy.swing).all()


@pytest.mark.parametrize(
    ("name", "count"), [("cifar10", 95), ("cifar10_25", 25), ("imagenet", 25), ("randaug", 126**2)]
)
def test_number_of_sub_policies(name: str, count: int) -> None:
    policy = policies.get(name, 3)
    for table in (policy.operation, policy.probability, policy.level):
        assert table.shape == (count, 2)


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


def test_randaugment_draws_each_operation_equally_often() -> None:
    operation, _, policy = drawn("randaug")
    for number in range(1, len(policy.operations)):
        assert_share(operation == number, 0.5 / 14)
    # Not applied, or applied and the operation that does nothing.
    assert_share(operation == 0, 0.5 + 0.5 / 14)


@pytest.mark.parametrize("name", ["cifar10", "cifar10_25", "imagenet"])
def test_autoaugment_applies_operations_with_their_probabilities(name: str) -> None:
    operation, _, policy = drawn(name)
    for number in range(1, len(policy.operations)):
        for place in range(2):
            expected = np.where(policy.operation == number, policy.probability, 0)[:, place].mean()
            assert_share(operation[:, place] == number, expected)


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


def test_probabilities_of_zero_and_one_are_never_and_always() -> None:
    policy = policies.get("imagenet", 3)
    probability = policy.probability.ravel()
    assert 0 in probability and 1 in probability
    sub_policy = tf.constant((np.arange(25) + 0.5) / 25, tf.float32)
    for draw in (0.0, 0.9999999):
        operation, _ = policies.choose(
            policy, sub_policy, tf.fill([25, 2], draw), tf.zeros([25, 2])
        )
        applied = operation.numpy() == policy.operation
        assert applied[policy.probability == 1].all()
        assert not applied[(policy.probability == 0) & (policy.operation > 0)].any()


def test_geometry_goes_either_way_and_colors_do_not() -> None:
    operation, argument, policy = drawn("randaug")
    for name in ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"):
        assert_share(argument[operation == policy.operations.index(name)] < 0, 0.5)
    for name in ("Solarize", "Posterize", "Color", "Contrast", "Brightness", "Sharpness"):
        assert (argument[operation == policy.operations.index(name)] > 0).all()


def test_blends_of_the_25_go_either_way_from_the_image() -> None:
    operation, argument, policy = drawn("cifar10_25")
    factors = argument[operation == policy.operations.index("Brightness")]
    assert_share(factors < 1, 0.5)
    assert factors.min() >= 0.1 - 1e-6 and factors.max() <= 1.9 + 1e-6

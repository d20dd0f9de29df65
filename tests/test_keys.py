"""Random numbers as a function of seed, purpose and step."""

import numpy as np
import pytest
import tensorflow as tf

from ieg import keys

WORDS = [642241134, 525122912]  # of seed 7 and "noise"


def test_the_same_seed_and_purpose_give_the_same_numbers() -> None:
    np.testing.assert_array_equal(
        keys.generator(7, "noise").random(5), keys.generator(7, "noise").random(5)
    )


@pytest.mark.parametrize(("seed", "purpose"), [(8, "noise"), (7, "probe"), (7, "eison")])
def test_another_seed_or_purpose_gives_other_numbers(seed: int, purpose: str) -> None:
    numbers = keys.generator(7, "noise").random(5)
    assert not np.isclose(numbers, keys.generator(seed, purpose).random(5)).any()


def test_drawing_leaves_the_global_state_of_numpy_alone() -> None:
    np.random.seed(0)
    expected = np.random.random()
    np.random.seed(0)
    keys.generator(0, "noise").random(5)
    assert np.random.random() == expected


def test_words_are_the_same_in_every_process() -> None:
    # Runs are resumed by other processes, so neither number may depend on this one.
    np.testing.assert_array_equal(keys.words(7, "noise", 2), WORDS)
    assert keys.words(7, "noise", 2).dtype == np.uint32


def test_stateless_seeds_differ_by_seed_purpose_and_step() -> None:
    kinds = [(s, p, t) for s in (0, 1) for p in ("shuffle", "weak view") for t in (0, 1, 2**31 - 1)]
    seeds = [keys.stateless_seed(s, p, tf.constant(t, tf.int64)) for s, p, t in kinds]
    assert {seed.dtype for seed in seeds} == {tf.int32}
    assert {tuple(seed.shape) for seed in seeds} == {(2,)}
    assert len({tuple(seed.numpy()) for seed in seeds}) == len(kinds)


def test_stateless_seed_is_the_same_in_a_compiled_function() -> None:
    compiled = tf.function(lambda step: keys.stateless_seed(3, "weak view", step))
    for step in (0, 5):
        step = tf.constant(step, tf.int64)
        np.testing.assert_array_equal(compiled(step), keys.stateless_seed(3, "weak view", step))

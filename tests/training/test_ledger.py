"""Running means per example: worked out by hand, with repeats, and on two replicas."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import tensorflow as tf

from ieg.training import devices
from ieg.training.ledger import DECAY, Ledger


def record(ledger: Ledger, index: Sequence[int], **values: Sequence[float]) -> None:
    ledger.record(tf.constant(index), {n: tf.constant(v) for n, v in values.items()})


def test_the_mean_of_one_value_is_that_value() -> None:
    ledger = Ledger(3, ("loss",))
    record(ledger, [1], loss=[2.5])
    assert ledger.read()["loss"][1] == pytest.approx(2.5, rel=1e-6)


def test_the_mean_is_corrected_for_its_start_at_zero() -> None:
    # After x = 1, 3, 2 with d = 0.9: (0.1·0.81·1 + 0.1·0.9·3 + 0.1·2) / (1 - 0.9³)
    assert DECAY == 0.9
    ledger = Ledger(2, ("loss",))
    for value in (1.0, 3.0, 2.0):
        record(ledger, [1], loss=[value])
    np.testing.assert_allclose(ledger.read()["loss"][1], 0.551 / 0.271, rtol=1e-6)
    np.testing.assert_array_equal(ledger.read()["visits"], [0, 3])


def test_columns_are_kept_apart() -> None:
    ledger = Ledger(4, ("loss", "weight"))
    record(ledger, [2, 0], weight=[0.25, 0.5], loss=[1.0, 2.0])
    read = ledger.read()
    assert list(read) == ["visits", "loss", "weight"]
    np.testing.assert_allclose(read["loss"][[0, 2]], [2.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(read["weight"][[0, 2]], [0.5, 0.25], rtol=1e-6)


def test_an_example_never_visited_is_unknown() -> None:
    ledger = Ledger(3, ("loss",))
    record(ledger, [0, 2], loss=[0.0, 1.0])
    read = ledger.read()
    assert np.isnan(read["loss"][1])
    assert not np.isnan(read["loss"][[0, 2]]).any()
    np.testing.assert_array_equal(read["visits"], [1, 0, 1])


def test_whole_numbers_and_booleans_may_be_recorded() -> None:
    ledger = Ledger(2, ("agreement",))
    ledger.record(tf.constant([0, 1]), {"agreement": tf.constant([True, False])})
    np.testing.assert_allclose(ledger.read()["agreement"], [1.0, 0.0])


def test_an_example_twice_in_one_batch_is_two_visits_of_its_mean() -> None:
    # After 1 and 3 together and then 5: (0.19·2·0.9 + 0.1·5) / (1 - 0.9³)
    ledger = Ledger(2, ("loss",))
    record(ledger, [1, 1], loss=[1.0, 3.0])
    np.testing.assert_allclose(ledger.read()["loss"][1], 2.0, rtol=1e-6)
    record(ledger, [1], loss=[5.0])
    np.testing.assert_array_equal(ledger.read()["visits"], [0, 3])
    np.testing.assert_allclose(ledger.read()["loss"][1], 0.842 / 0.271, rtol=1e-6)


def test_the_mean_of_a_value_many_times_in_each_batch_is_that_value() -> None:
    ledger = Ledger(1, ("loss",))
    for _ in range(20):
        record(ledger, [0] * 40, loss=[1.5] * 40)
    np.testing.assert_allclose(ledger.read()["loss"], [1.5], rtol=1e-6)


def on_two_replicas(parts: Sequence[tuple[Sequence[int], Mapping[str, Sequence[float]]]]) -> Ledger:
    """A ledger after one batch whose parts the replicas recorded."""
    strategy = devices.strategy("mirrored")
    assert strategy.num_replicas_in_sync == 2
    with strategy.scope():
        ledger = Ledger(6, ("loss", "weight"))

    @tf.function
    def step(index: tf.Tensor, values: Mapping[str, tf.Tensor]) -> None:
        strategy.run(ledger.record, args=(index, values))

    index = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group][0])
    )
    values = {
        name: strategy.experimental_distribute_values_from_function(
            lambda context, name=name: tf.constant(parts[context.replica_id_in_sync_group][1][name])
        )
        for name in ("loss", "weight")
    }
    step(index, values)
    step(index, values)
    return ledger


def test_two_replicas_keep_identical_tables_of_the_whole_batch() -> None:
    parts = [
        ([4, 0], {"loss": [1.0, 0.5], "weight": [0.1, 0.2]}),
        ([3, 5], {"loss": [2.0, 4.0], "weight": [0.3, 0.4]}),
    ]
    mirrored = on_two_replicas(parts)
    single = Ledger(6, ("loss", "weight"))
    for _ in range(2):
        record(single, [4, 0, 3, 5], loss=[1.0, 0.5, 2.0, 4.0], weight=[0.1, 0.2, 0.3, 0.4])
    for name in ("means", "visits"):
        first, second = (v.numpy() for v in getattr(mirrored, name).values)
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(first, getattr(single, name).numpy())
    np.testing.assert_array_equal(single.visits, [2, 0, 0, 2, 2, 2])

"""Dropout whose masks follow a counter."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.networks.own_layers.dropout import CountedDropout

RATE = 0.25
ONES = tf.ones([40, 50])


@pytest.fixture
def dropout() -> CountedDropout:
    layer = CountedDropout(RATE)
    layer.build(ONES.shape)
    return layer


def test_dropout_keeps_its_input_in_inference(dropout: CountedDropout) -> None:
    np.testing.assert_array_equal(dropout(ONES), ONES)
    np.testing.assert_array_equal(dropout(ONES, training=False), ONES)
    assert int(dropout.counter) == 0


def test_dropout_draws_another_mask_at_each_step(dropout: CountedDropout) -> None:
    masks = [dropout(ONES, training=True).numpy() for _ in range(3)]
    assert int(dropout.counter) == 3
    assert len({mask.tobytes() for mask in masks}) == 3


def test_dropout_at_an_equal_counter_draws_an_equal_mask(dropout: CountedDropout) -> None:
    masks = [dropout(ONES, training=True) for _ in range(3)]
    dropout.counter.assign(1)
    np.testing.assert_array_equal(dropout(ONES, training=True), masks[1])


def test_dropout_scales_what_it_keeps_so_that_the_mean_stays(dropout: CountedDropout) -> None:
    kept = np.array([dropout(ONES, training=True) for _ in range(20)])
    np.testing.assert_allclose(np.unique(kept), [0, 1 / (1 - RATE)], rtol=1e-6)
    assert abs(kept.mean() - 1) < 4 * np.sqrt(RATE / (1 - RATE) / kept.size)


def test_dropout_hits_rows_and_columns_alike(dropout: CountedDropout) -> None:
    zeros = np.mean([dropout(ONES, training=True) == 0 for _ in range(20)], axis=0)
    assert 0 < zeros.mean(axis=0).min() < zeros.mean(axis=0).max() < 0.5
    assert 0 < zeros.mean(axis=1).min() < zeros.mean(axis=1).max() < 0.5


def test_dropout_works_on_the_values_that_it_is_given(dropout: CountedDropout) -> None:
    x = tf.random.stateless_normal(ONES.shape, (0, 1))
    dropped = dropout(x, training=True)
    dropout.counter.assign(0)
    np.testing.assert_allclose(dropped, x * dropout(ONES, training=True), rtol=1e-6)


def test_two_replicas_drop_what_one_would(
    dropout: CountedDropout, mirrored: tf.distribute.Strategy
) -> None:
    counter = tf.constant(7)
    half = len(ONES) // 2

    def run(x: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        return dropout.stateless_call([], [counter], x, training=True)

    whole, _ = run(ONES)
    parts_of_two, (after,) = tf.function(lambda x: mirrored.run(run, args=(x,)))(ONES[:half])
    np.testing.assert_array_equal(
        np.concatenate(mirrored.experimental_local_results(parts_of_two)), whole
    )
    assert [int(n) for n in mirrored.experimental_local_results(after)] == [8, 8]


def test_a_dropout_layer_can_be_made_again_from_its_config(dropout: CountedDropout) -> None:
    assert CountedDropout.from_config(dropout.get_config()).rate == RATE

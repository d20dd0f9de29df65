"""FSR's stages, dictionary and weights; its look-ahead is held to the reference elsewhere."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import keys, networks
from ieg.augment import mixup
from ieg.data.pipeline import Batch, Probe
from ieg.errors import InputError
from ieg.methods import fsr
from tests import contexts

B, K, N = 6, 3, 30
LABELS = np.resize([0, 1, 2, 0], N)


def plain_network():
    """Without batch norm, so that no image sees another one of its batch."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(K),
        ]
    )


@functools.cache
def network():
    return networks.create("cnn", (8, 8, 1), K, seed=1)


def method(model=None, *, true_labels=LABELS, label_smoothing=0.0, total_steps=12, **options):
    settings = {"queue_capacity": 9, "queue_bs": 6, "meta_start_epoch": 0}
    context = contexts.context(
        model or network(),
        LABELS,
        K,
        true_labels=true_labels,
        batch_size=B,
        label_smoothing=label_smoothing,
        total_steps=total_steps,
    )
    return fsr.FSR(fsr.Options(**settings | options), context)


def batch():
    rng = np.random.default_rng(0)

    def images(size):
        return tf.constant(rng.uniform(-1, 1, (size, 8, 8, 1)), tf.float32)

    index = tf.constant([3, 7, 1, 12, 20, 29])
    label = tf.gather(tf.constant(LABELS, tf.int32), index)
    return Batch(index, images(B), label, label, Probe(images(6), tf.constant([0, 1, 2] * 2)))


def step(one, variables, number=0):
    state = contexts.start(one.context.model, number, variables=variables)
    return one.step(batch(), state, one.variant(number))


def test_the_first_dictionary_is_balanced_and_the_next_follows_the_scores():
    true_labels = LABELS.copy()
    true_labels[8] = 1  # the given label is 0
    one = method(true_labels=true_labels)
    variables = one.init_state()
    np.testing.assert_array_equal(variables["dictionary"], [[0, 3, 4], [1, 5, 9], [2, 6, 10]])
    scores = np.zeros(N)
    scores[[8, 11, 28]] = -1
    variables["score"].assign(scores)
    purity = one.on_epoch(1, variables, contexts.no_pass)
    assert purity == {"dictionary_purity": pytest.approx(8 / 9)}
    np.testing.assert_array_equal(variables["dictionary"][0], [8, 11, 28])


def test_every_step_sees_as_many_of_each_class_and_an_epoch_the_whole_dictionary():
    one = method()
    variables = one.init_state()
    plan = one.plan(2, variables)
    assert plan.train is None and plan.probe.shape == (3, 6)
    np.testing.assert_array_equal(LABELS[plan.probe], np.tile([0, 1, 2], (3, 2)))
    seen, times = np.unique(plan.probe, return_counts=True)
    np.testing.assert_array_equal(seen, np.sort(variables["dictionary"].numpy().ravel()))
    assert set(times) == {2}  # 18 places for 9 examples
    np.testing.assert_array_equal(plan.probe, one.plan(2, variables).probe)
    assert (plan.probe != one.plan(3, variables).probe).any()


@pytest.mark.parametrize(
    ("epochs", "typed", "start", "follows", "warns"),
    [(100, None, 20, False, False), (49, None, 19, True, False), (4, None, 1, True, False),
     (4, 3, 3, False, False), (4, 4, 4, False, True)],
)  # fmt: skip
def test_weights_begin_within_a_short_run(
    epochs: int, typed: int | None, start: int, follows: bool, warns: bool
) -> None:
    one = method(total_steps=3 * epochs, meta_start_epoch=typed)
    assert not one.variant(3 * start - 1).weighted and one.variant(3 * start).weighted
    assert (one.by_length() is not None) is follows
    assert (one.too_short() is not None) is warns


def test_weights_are_equal_at_first_but_scores_are_updated():
    one = method(meta_start_epoch=2, clip_meta_weight=False)
    variables = one.init_state()
    output = step(one, variables, 5)
    np.testing.assert_allclose(output.per_example["weight"], np.full(B, 1 / B), rtol=1e-6)
    margins = output.per_example["margin"].numpy()
    expected = np.zeros(N)
    expected[batch().index.numpy()] = -0.1 * margins
    np.testing.assert_allclose(variables["score"], expected, rtol=1e-5)
    assert np.abs(margins).min() > 0
    assert "pseudo_loss" not in output.scalars
    later = step(one, variables, 6)
    assert later.per_example["weight"].numpy().std() > 0
    assert later.scalars["pseudo_loss"] > 0


def rms_normalized(values):
    return values / np.sqrt(np.mean(values**2) + 1e-8)


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("use_mixup", (True, False))
def test_pseudo_labels_are_not_mixed_and_running_logits_are_those_of_the_mixed_images(use_mixup):
    """As released, in NumPy: running logits are zero at first, and labels come before an update."""
    temperature, momentum, weight = 0.5, 0.3, 2.0
    one = method(use_mixup=use_mixup, use_pseudo_loss=f"all_{temperature}_{momentum}_{weight}")
    model, variables, index = one.context.model, one.init_state(), batch().index.numpy()
    running = np.zeros((N, K))
    for number in range(3):
        images = batch().image.numpy()
        if use_mixup:
            seed = keys.stateless_seed(one.context.seed, "mix", tf.constant(number, tf.int64))
            share, partner = (x.numpy() for x in mixup.draw(seed, B))
            share = share[:, None, None, None]
            images = share * images + (1 - share) * images[partner]
        logits = model(images, training=True).numpy().astype(float)
        labels = np.exp(log_softmax(rms_normalized(running[index]) / temperature))
        loss = -weight * np.mean(np.sum(labels * log_softmax(logits), axis=1))
        state = contexts.start(model, number, variables=variables)
        np.testing.assert_allclose(one._pseudo_labels(batch(), state), labels, atol=1e-5)
        output = one.step(batch(), state, one.variant(number))
        assert output.scalars["pseudo_loss"].numpy() == pytest.approx(loss, rel=1e-4)
        running[index] = momentum * rms_normalized(running[index]) + (1 - momentum) * logits
        np.testing.assert_allclose(variables["running_logits"], running, atol=1e-4)


def test_class_averages_of_the_weights_stand_still_in_the_end():
    one = method(moving_weight_gamma=0.9, meta_moving_end_epoch=1, use_pseudo_loss="none")
    variables = one.init_state()
    weights = step(one, variables, 0).per_example["weight"].numpy()
    averages = variables["class_weight"].numpy()
    np.testing.assert_allclose(weights, averages[batch().label.numpy()])
    assert (averages != np.float32(1 / B)).any()
    step(one, variables, 3)
    np.testing.assert_array_equal(variables["class_weight"].numpy(), averages)


@pytest.mark.parametrize("use_mixup", (True, False))
def test_between_look_aheads_weights_and_margins_are_remembered(use_mixup):
    options = {"clip_meta_weight": False, "use_mixup": use_mixup}
    one, always = method(meta_interval=2, **options), method(**options)
    variables = one.init_state()
    looked, wanted = step(one, variables), step(always, always.init_state())
    for name, values in wanted.per_example.items():
        np.testing.assert_array_equal(looked.per_example[name], values)
    score = variables["score"].numpy()
    after = step(one, variables, 1)
    weights = looked.per_example["weight"].numpy()
    np.testing.assert_allclose(after.per_example["weight"], weights / weights.sum(), rtol=1e-5)
    np.testing.assert_array_equal(after.per_example["margin"], looked.per_example["margin"])
    np.testing.assert_array_equal(variables["score"], score)
    assert {"queue_loss", "margin_clean"} <= looked.scalars.keys() - after.scalars.keys()


def test_between_look_aheads_class_averages_stand_still():
    one = method(moving_weight_gamma=0.9, meta_interval=2)
    variables = one.init_state()
    step(one, variables)
    averages = variables["class_weight"].numpy()
    weights = step(one, variables, 1).per_example["weight"]
    np.testing.assert_array_equal(variables["class_weight"], averages)
    np.testing.assert_array_equal(weights, averages[batch().label.numpy()])


@pytest.mark.parametrize("level", (0, -1))
@pytest.mark.parametrize("use_mixup", (True, False))
def test_one_pass_or_two_is_the_same_without_batch_norm(level, use_mixup):
    model = plain_network()
    settings = {
        "meta_partial_level": level,
        "use_mixup": use_mixup,
        "clip_meta_weight": False,
    }
    outputs = []
    for joint in (True, False):
        one = method(model, fsr_joint_pass=joint, **settings)
        outputs.append(step(one, one.init_state()))
    for name in ("weight", "margin"):
        first, second = (output.per_example[name] for output in outputs)
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6)
    for a, b in zip(outputs[0].gradients, outputs[1].gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("text", ["all_1_0.1", "all_0_0.1_2", "some_1_0.1_2", "all_1_1_2", "x"])
def test_another_string_is_refused_with_its_parts(text):
    with pytest.raises(InputError, match=f"`use_pseudo_loss={text}`: must be all_TEMPERATURE"):
        method(use_pseudo_loss=text)


@pytest.mark.parametrize("capacity", [2, 31])
def test_a_dictionary_that_cannot_be_filled_is_refused(capacity):
    with pytest.raises(InputError, match="at least one for each of 3 classes and at most the 30"):
        method(queue_capacity=capacity)


def test_classes_that_are_too_small_are_told(caplog):
    method(queue_capacity=27)  # classes have 15, 8 and 7
    assert "2 of 3 classes have fewer than the 9 images" in caplog.text


def test_the_capacity_fits_the_data_unless_it_is_typed():
    one = method(queue_capacity=None)  # a third of 30 images, evenly of three classes
    assert one.init_state()["dictionary"].shape == (3, 3)

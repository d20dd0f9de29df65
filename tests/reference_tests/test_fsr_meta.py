"""FSR's step, scores, dictionary and pseudo labels against reference/fsr_meta.npz."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ieg.data.pipeline import Batch, Probe
from ieg.losses import PseudoLoss, cross_entropy, pseudo_labels, running_logits
from ieg.meta import shifted_weights
from ieg.meta.dictionary import lowest_scores, updated_scores
from ieg.methods import fsr
from ieg.networks import parts
from tests import contexts
from tests.decay import decay_loss
from tests.reference_tests import tiny


@pytest.fixture(scope="module")
def data(reference):
    return reference("fsr_meta")


def method(data, level, smoothing, decay, **options):
    """FSR on the tiny network, without MixUp and pseudo loss, weights used from the start."""
    model = tiny.keras_network(data)
    options = fsr.Options(
        meta_partial_level=level,
        meta_stepsize=float(data["meta_stepsize"]),
        meta_momentum=float(data["meta_momentum"]),
        queue_capacity=data["dense_bias"].size,
        queue_bs=len(data["queue_labels"]),
        use_mixup=False,
        use_pseudo_loss="none",
        meta_start_epoch=0,
        fsr_joint_pass=True,
        **options,
    )
    # The dictionary that is chosen at the start needs an example of every class.
    labels = np.resize(np.arange(data["dense_bias"].size), 40)
    context = contexts.context(
        model,
        labels,
        data["dense_bias"].size,
        decay=[float(decay)] * len(tiny.PARAMS),
        batch_size=len(data["labels"]),
        label_smoothing=smoothing,
    )
    return fsr.FSR(options, context)


def batch(data):
    labels = tf.constant(data["labels"], tf.int32)
    queue = Probe(tf.constant(data["queue_images"]), tf.constant(data["queue_labels"], tf.int32))
    return Batch(tf.range(len(labels)), tf.constant(data["images"]), labels, labels, queue)


def cases(data):
    smoothings = (0.0, float(data["label_smoothing"]))
    for level, (s, smoothing), (w, decay) in itertools.product(
        (0, -1), enumerate(smoothings), enumerate(data["wd_list"])
    ):
        yield (0 if level == 0 else 1, s, w), level, smoothing, decay


@pytest.mark.parametrize("mode", ("forward", "nested"))
@pytest.mark.parametrize("clip", (True, False))
def test_weights_and_margins(data, mode, clip):
    for place, level, smoothing, decay in cases(data):
        one = method(data, level, smoothing, decay, meta_gradient=mode, clip_meta_weight=clip)
        state = contexts.start(
            one.context.model,
            params=tiny.params(data),
            buffers=tiny.params(data, "momentum_"),
            variables=one.init_state(),
        )
        output = one.step(batch(data), state, one.variant(0))
        name = "weights_clip" if clip else "weights_noclip"
        tiny.close(output.per_example["weight"], data[name][place], "weights")
        tiny.close(output.per_example["margin"], data["margin"][place], "value")
        # The file's number holds the decay of the variables that look ahead.
        moving = parts.lookahead_variables(one.context.model, level)
        expected = data["queue_loss"][place]
        meta, after = one._look_ahead(
            batch(data), state, tf.constant(data["images"]), one._smoothed(batch(data).label)
        )
        decayed = decay_loss([meta.params[j] for j in moving], [float(decay)] * len(moving))
        tiny.close(output.scalars["queue_loss"] + decayed, expected, "value")
        tiny.close(meta.gradient, data["grad_omega"][place], "meta gradient")
        given = tf.one_hot(data["labels"], data["dense_bias"].size)
        tiny.close(cross_entropy(given, after), data["loss_after_lookahead"][place], "value")


def test_shifted_weights(data):
    for place, *_ in cases(data):
        gradient = tf.constant(data["grad_omega"][place], tf.float32)
        tiny.close(shifted_weights(gradient), data["weights_noclip"][place], "weights")


def test_scores_and_the_dictionary_that_follows(data):
    names = [name for name in data if name.startswith("score_after_beta")]
    assert names
    for name in names:
        beta = float(name.removeprefix("score_after_beta"))
        ids, scores = data["score_ids"], data["score_start"].copy()
        margins = tf.constant(data["score_margins"])
        scores[ids] = updated_scores(tf.constant(scores[ids]), margins, beta)
        tiny.close(scores, data[name], "value")
        (selected,) = [k for k in data if k.startswith("selected_") and k.endswith(f"beta{beta}")]
        labels = data["score_labels"]
        num_classes = labels.max() + 1
        chosen = lowest_scores(
            scores,
            labels,
            np.arange(len(labels)),
            capacity=data[selected].size,
            num_classes=num_classes,
        )
        # The file has the examples of a class in an order of its own.
        expected = data[selected].reshape(num_classes, -1)
        np.testing.assert_array_equal(np.sort(chosen), np.sort(expected))


def test_pseudo_labels(data):
    names = [name for name in data if name.startswith("pseudo_T") and name.endswith("_loss")]
    assert names
    running = tf.constant(data["pseudo_running_logits"])
    for name in names:
        prefix = name.removesuffix("loss")
        numbers = [word[1:] for word in prefix.split("_")[1:4]]
        pseudo = PseudoLoss.parse("_".join(["all", *numbers]))
        logits = tf.constant(data["pseudo_logits"])
        labels = pseudo_labels(running, pseudo.temperature)
        tiny.close(labels, data[f"{prefix}labels"], "value")
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = pseudo.weight * tf.reduce_mean(cross_entropy(labels, logits))
        tiny.close(loss, data[name], "value")
        tiny.close(tape.gradient(loss, logits), data[f"{prefix}grad_logits"], "gradient")
        after = running_logits(running, logits, pseudo.momentum)
        tiny.close(after, data[f"{prefix}running_after"], "value")

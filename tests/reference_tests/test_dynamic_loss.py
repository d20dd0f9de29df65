"""Dynamic Loss against reference/dynamic_loss.npz: its two networks, a meta step, ranks, sets."""

import numpy as np
import pytest
import tensorflow as tf

from ieg.data.pipeline import Batch, Probe
from ieg.losses import cross_entropy, soft_targets
from ieg.methods import dynamic_loss
from ieg.methods.dynamic import corrector, margins, perceptron, ranks, sampling
from tests import contexts
from tests.reference_tests import tiny

#: Names of the file for the weights of each network, in the order of `perceptron.NAMES`.
DENSE = [f"dense{i}_{kind}" for i in range(3) for kind in ("kernel", "bias")]
NETWORKS = {
    "corrector": ["rank_emb", *(f"L_{name}" for name in DENSE)],
    "margin": ["margin_input", *(f"M_{name}" for name in DENSE)],
}


@pytest.fixture(scope="module")
def data(reference):
    return reference("dynamic_loss")


def weights(data, prefix, part):
    return [tf.constant(data[prefix + name], tf.float32) for name in NETWORKS[part]]


@pytest.mark.parametrize(
    ("prefix", "activation"),
    [
        ("A_classwise_relu_", "relu"),
        ("A_shared_relu_", "relu"),
        ("A_classwise_elu_", "elu"),
    ],
)
class TestNetworks:
    def test_trust_margins_and_corrected_labels(self, data, prefix, activation):
        table = corrector.trust_table(weights(data, prefix, "corrector"), activation)
        tiny.close(np.squeeze(table), data[prefix + "trust_table"], "value")
        margin = margins.margins(weights(data, prefix, "margin"), activation)
        tiny.close(margin, data[prefix + "margin"], "value")
        labels, logits = tf.constant(data["A_labels"]), tf.constant(data["A_logits"])
        given = tf.one_hot(labels, logits.shape[1])
        trust = corrector.trust_of(table, tf.constant(data["A_ranks"]), labels)
        hard = soft_targets(given, tf.one_hot(data["A_draw"], logits.shape[1]), trust)
        tiny.close(hard, data[prefix + "corrected_hard"], "value")
        soft = soft_targets(given, tf.nn.softmax(logits), trust)
        tiny.close(soft, data[prefix + "corrected_soft"], "value")
        losses = cross_entropy(hard, logits + margin)
        tiny.close(losses, data[prefix + "dynamic_loss"], "value")

    def test_pretraining(self, data, prefix, activation):
        labels, logits = tf.constant(data["A_labels"]), tf.constant(data["A_logits"])
        given, guess = tf.one_hot(labels, logits.shape[1]), tf.nn.softmax(logits)
        phi = weights(data, prefix, "corrector")
        with tf.GradientTape() as tape:
            tape.watch(phi)
            table = corrector.trust_table(phi, activation)
            trust = corrector.trust_of(table, tf.constant(data["A_ranks"]), labels)
            corrected = soft_targets(given, guess, trust)
            loss = tf.reduce_mean(corrector.pretraining_loss(corrected, labels))
        tiny.close(loss, data[prefix + "warm_loss"], "value")
        for name, gradient in zip(NETWORKS["corrector"], tape.gradient(loss, phi), strict=True):
            tiny.close(gradient, data[f"{prefix}warm_grad_{name}"], "gradient")


class Step:
    """The method on the tiny network, with everything as the file's part B starts."""

    def __init__(self, data, mode="forward"):
        self.data = data
        shared = {name: data[f"B_{name}"] for name in tiny.PARAMS}
        model = tiny.keras_network({**shared, "images": data["B_img_weak"]})
        model.layers[1].momentum = 0.9
        classes, self.labels = data["B_dense_bias"].size, data["B_labels"]
        options = dynamic_loss.Options(
            meta_gradient=mode,
            dynamic_ranks=len(data["B_rank_emb"]),
            dynamic_width=data["B_rank_emb"].shape[1],
            dynamic_learning_rate=float(data["B_meta_lr"]),
            dynamic_warmup_epochs=0,
        )
        context = contexts.context(
            model,
            np.concatenate([self.labels, np.repeat(np.arange(classes), 20)]),
            classes,
            decay=[float(data["B_wd"])] * len(tiny.PARAMS),
            batch_size=len(self.labels),
            steps_per_epoch=12,
            momentum=float(data["B_mu"]),
        )
        self.method = dynamic_loss.DynamicLoss(options, context)
        draws = {"draw before": data["B_draw1"], "draw after": data["B_draw2"]}
        self.method._sampled_labels = lambda logits, purpose, step: tf.one_hot(
            draws[purpose], classes
        )
        self.variables = self.method.init_state()
        self.variables["rank"][: len(self.labels)].assign(data["B_ranks"].astype(np.int32))
        for part in NETWORKS:
            for name, value in zip(perceptron.NAMES, weights(data, "B_", part), strict=True):
                self.variables[f"{part}_{name}"].assign(value)
        self.state = contexts.start(
            model,
            params=tiny.params(data, "B_"),
            buffers=tiny.params(data, "B_momentum_"),
            variables=self.variables,
        )._replace(learning_rate=tf.constant(data["B_lr"], tf.float32))

    def batch(self):
        labels = tf.constant(self.labels, tf.int32)
        meta = Probe(
            tf.constant(self.data["B_img_meta"]), tf.constant(self.data["B_meta_labels"], tf.int32)
        )
        weak, strong = tf.constant(self.data["B_img_weak"]), tf.constant(self.data["B_img_strong"])
        return Batch(tf.range(len(labels)), weak, labels, labels, meta, strong)


@pytest.mark.parametrize("mode", ("forward", "nested"))
class TestMetaStep:
    def test_look_ahead(self, data, mode):
        step = Step(data, mode)
        phi = step.method._phi(step.state)
        drawn = step.method._sampled_labels(None, "draw before", None)
        meta = step.method._look_ahead(step.batch(), step.state, phi, drawn)
        tiny.close(meta.outer_loss, data["B_loss2_meta"], "value")
        for name, value in zip(tiny.PARAMS, meta.params, strict=True):
            tiny.close(value, data[f"B_lookahead_{name}"], "value")
        for part, names in NETWORKS.items():
            for name, gradient in zip(names, getattr(meta.gradient, part), strict=True):
                tiny.close(gradient, data[f"B_metagrad_{name}"], "meta gradient")

    def test_whole_step(self, data, mode):
        step = Step(data, mode)
        output = step.method.step(step.batch(), step.state, dynamic_loss.Variant("meta"))
        tiny.close(output.logits, data["B_logits_weak"], "value")
        tiny.close(output.loss, data["B_loss3_real"], "value")
        for name, gradient in zip(tiny.PARAMS, output.gradients, strict=True):
            tiny.close(gradient, data[f"B_loss3_grad_{name}"], "gradient")
        moved = 0
        for part, names in NETWORKS.items():
            for ours, name in zip(perceptron.NAMES, names, strict=True):
                # Adam's first step is about lr · sign(g), which rounding decides where g is tiny.
                clear = np.abs(data[f"B_metagrad_{name}"]) > 1e-7
                actual = step.variables[f"{part}_{ours}"].numpy()
                expected = data[f"B_after_adam_{name}"]
                np.testing.assert_allclose(actual[clear], expected[clear], rtol=0, atol=1e-5)
                moved += clear.sum()
        assert moved > 0
        mean, variance = output.network_state
        tiny.close(mean, data["B_bn_moving_mean_after"], "value")
        tiny.close(variance, data["B_bn_moving_var_after_biased"], "value")


def test_virtual_loss(data):
    step = Step(data)
    phi, batch = step.method._phi(step.state), step.batch()
    logits, _ = step.method.network(step.state.params, step.state.network_state, batch.image)
    given = tf.one_hot(batch.label, logits.shape[1])
    drawn = step.method._sampled_labels(None, "draw before", None)
    corrected = soft_targets(given, drawn, step.method._trust(batch, step.state, phi))
    tiny.close(corrected, data["B_corrected1"], "value")
    tiny.close(margins.margins(phi.margin), data["B_margin1"], "value")
    losses = cross_entropy(corrected, logits + margins.margins(phi.margin))
    tiny.close(tf.reduce_mean(losses), data["B_loss1_virtual"], "value")


def test_fine_tuning(data):
    step = Step(data)
    meta = step.batch().probe
    batch = Batch(tf.range(len(meta.label)), meta.image, meta.label, meta.label, None, meta.image)
    output = step.method.step(batch, step.state, dynamic_loss.Variant("finetune"))
    tiny.close(output.loss, data["C_finetune_loss"], "value")
    for name, gradient in zip(tiny.PARAMS, output.gradients, strict=True):
        tiny.close(gradient, data[f"C_finetune_grad_{name}"], "gradient")


def test_ranks_and_sets(data):
    labels, losses = data["D_labels"], data["D_losses"]
    actual = ranks.ranks_in_class(losses, labels, int(data["D_rank_num"]))
    np.testing.assert_array_equal(actual, data["D_ranks"])
    sizes = sampling.level_sizes(labels, 0.5, 0.5)
    assert sizes == tuple(int(data[f"D_{name}"]) for name in ("n_min", "N1", "K"))
    meta = sampling.low_loss_level(data["D_primary_indices"], losses, sizes.kept)
    np.testing.assert_array_equal(np.sort(meta.ravel()), np.sort(data["D_meta_indices"]))
    others = np.setdiff1d(np.arange(len(labels)), meta)
    np.testing.assert_array_equal(others, np.sort(data["D_train_indices"]))

"""Networks of tokens and of features: what they see, what they do not, and forward mode."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.errors import InputError
from ieg.losses import cross_entropy
from ieg.meta import InnerProblem, meta_gradient
from ieg.networks import parts

LENGTH = 12


@pytest.fixture(scope="module")
def transformer() -> keras.Model:
    return networks.create("transformer", (LENGTH,), 3, kind="tokens", seed=1)


def tokens(rows: int, *, length: int = LENGTH, seed: int = 0) -> np.ndarray:
    """Random tokens, the second half of them padding."""
    drawn = np.random.default_rng(seed).integers(1, 22, [rows, length]).astype(np.int32)
    drawn[:, length // 2 :] = 0
    return drawn


def parameters(model: keras.Model) -> int:
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def test_sizes_are_as_documented() -> None:
    transformer = networks.create("transformer", (434,), 2, kind="tokens")
    # Tables; twice: two norms, attention of four matrices, two dense layers; norm; classifier.
    layer = 2 * 128 + 4 * (64 * 64 + 64) + (64 * 128 + 128) + (128 * 64 + 64)
    assert parameters(transformer) == (32 + 434) * 64 + 2 * layer + 128 + 2 * 65 == 97_026
    assert parameters(networks.create("mlp", (1024,), 2, kind="features")) == 131_458


def test_padding_is_not_seen(transformer: keras.Model) -> None:
    batch = tokens(4)
    logits = transformer(batch).numpy()
    assert logits.shape == (4, 3) and np.ptp(logits, axis=0).max() > 0
    # With a table of another length the logits are those of the first places alone.
    short = networks.create("transformer", (LENGTH // 2,), 3, kind="tokens")
    for theirs, ours in zip(short.variables, transformer.variables, strict=True):
        theirs.assign(ours[: theirs.shape[0]] if "places" in theirs.path else ours)
    np.testing.assert_allclose(short(batch[:, : LENGTH // 2]), logits, rtol=1e-4, atol=1e-5)
    assert np.isfinite(transformer(np.zeros([1, LENGTH], np.int32))).all()


def test_the_order_of_letters_is_seen(transformer: keras.Model) -> None:
    batch = tokens(1)
    swapped = batch.copy()
    swapped[0, :2] = batch[0, 1::-1]
    assert batch[0, 0] != batch[0, 1]
    assert np.abs(transformer(batch) - transformer(swapped)).max() > 1e-4


@pytest.mark.parametrize(
    ("name", "shape", "kind", "stages"),
    [("transformer", (LENGTH,), "tokens", 2), ("mlp", (5,), "features", 1)],
)
def test_parts_are_known(name: str, shape: tuple[int], kind: str, stages: int) -> None:
    model = networks.create(name, shape, 3, kind=kind, dropout_rate=0.5)
    head = parts.classifier(model)
    assert head is model.layers[-1]
    levels = [parts.lookahead_variables(model, level) for level in range(stages + 1)]
    assert [len(level) for level in levels] == sorted({len(level) for level in levels})
    with pytest.raises(InputError, match=f"has {stages} stages"):
        parts.lookahead_variables(model, stages + 1)
    both = parts.with_features(model)
    batch = tokens(2) if kind == "tokens" else np.ones([2, 5], np.float32)
    logits, features = both(batch)
    assert features.shape == (2, head.kernel.shape[0])
    np.testing.assert_allclose(logits, model(batch), atol=1e-6)
    cosine = networks.create(name, shape, 3, kind=kind, cosine_classifier=True)
    assert cosine(batch).shape == (2, 3)


def test_a_network_for_other_examples_is_refused() -> None:
    with pytest.raises(InputError, match="^`network_name=cnn`: takes images, and the examples of "):
        networks.create("cnn", (LENGTH,), 3, kind="tokens")
    with pytest.raises(InputError, match="are features; networks for those: linear, mlp$"):
        networks.create("transformer", (5,), 3, kind="features")
    with pytest.raises(InputError, match="takes tokens, and the examples of this data set are im"):
        networks.create("transformer", (8, 8, 1), 3)


def test_forward_mode_gives_the_meta_gradient_of_nested_tapes(transformer: keras.Model) -> None:
    labels = tf.one_hot([0, 1, 2, 0], 3)

    def logits(params: list[tf.Tensor], x: np.ndarray) -> tf.Tensor:
        return transformer.stateless_call(params, [], x, training=True)[0]

    inner = InnerProblem(
        lambda params: logits(params, tokens(4)),
        lambda z, weight: tf.reduce_sum(weight * cross_entropy(labels, z)),
        stepsize=0.1,
        decay=parts.weight_decay(transformer, 1e-3),
    )

    def probe_loss(params: list[tf.Tensor]) -> tuple[tf.Tensor, None]:
        return tf.reduce_mean(cross_entropy(labels, logits(params, tokens(4, seed=1)))), None

    @tf.function
    def gradient(mode: str) -> tf.Tensor:
        params = [tf.convert_to_tensor(v.value) for v in transformer.trainable_variables]
        return meta_gradient(inner, probe_loss, params, tf.fill([4], 0.25), mode=mode).gradient

    forward, nested = (gradient(mode).numpy() for mode in ("forward", "nested"))
    assert np.abs(nested).max() > 1e-6
    np.testing.assert_allclose(forward, nested, rtol=1e-3, atol=1e-3 * np.abs(nested).max())

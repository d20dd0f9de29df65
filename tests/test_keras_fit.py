"""`ieg.keras` in Keras' own fit: losses in compile, L2R, saving and loading the compiled model."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import losses
from ieg.keras import (
    GCE,
    LDAM,
    BalancedSoftmax,
    ConfidencePenalty,
    DerivativeManipulation,
    Focal,
    HardBootstrapping,
    L2RModel,
    SoftBootstrapping,
    SymmetricCrossEntropy,
)

Y = np.array([0, 2, 1, 2])
Z = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
COUNTS = (4, 1, 2)
#: Loss with options that are not the defaults → the same by the pure function.
SAME = [
    (GCE(0.3), lambda y, z: losses.gce(y, z, 0.3)),
    (SymmetricCrossEntropy(2, 3), lambda y, z: losses.symmetric_cross_entropy(y, z, 2, 3)),
    (Focal(2.5), lambda y, z: losses.focal(y, z, 2.5)),
    (
        LDAM(COUNTS, largest=0.2, scale=7.0),
        lambda y, z: losses.ldam(y, z, losses.ldam_margins(COUNTS, 0.2), 7.0),
    ),
    (BalancedSoftmax(np.array(COUNTS)), lambda y, z: losses.balanced_softmax(y, z, COUNTS)),
    (
        SoftBootstrapping(0.3, 0.5, True),
        lambda y, z: losses.soft_bootstrapping(y, z, 0.3, temperature=0.5, detach_target=True),
    ),
    (HardBootstrapping(0.4), lambda y, z: losses.hard_bootstrapping(y, z, 0.4)),
    (
        ConfidencePenalty(0.3, 0.5, True),
        lambda y, z: losses.confidence_penalty(y, z, 0.3, temperature=0.5, detach_target=True),
    ),
    (DerivativeManipulation(1.0, 3.0), lambda y, z: losses.dm(y, z, 1.0, 3.0)),
]


def network(outputs: int = 3) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(outputs)])


@pytest.mark.parametrize(("loss", "function"), SAME, ids=lambda x: type(x).__name__)
def test_a_loss_in_fit_and_in_the_file_of_the_model(
    loss: keras.losses.Loss, function: Any, tmp_path: Path
) -> None:
    expected = np.asarray(function(tf.constant(Y), tf.constant(Z)))
    x = np.random.default_rng(1).normal(size=(4, 2)).astype("float32")
    model = network()
    model.compile(keras.optimizers.SGD(0.1), loss)
    model.fit(x, Y, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is type(loss)
    np.testing.assert_allclose(loaded.loss.call(Y[:, None], Z), expected, rtol=1e-6)
    np.testing.assert_allclose(loaded.loss(Y, Z), expected.mean(), rtol=1e-6)
    weights = np.array([1.0, 0.0, 2.0, 0.0])
    np.testing.assert_allclose(
        loaded.loss(Y, Z, sample_weight=weights), np.mean(weights * expected), rtol=1e-5
    )
    assert loaded.evaluate(x, Y, verbose=0) == pytest.approx(model.evaluate(x, Y, verbose=0))


def test_what_a_loss_cannot_take_is_said() -> None:
    with pytest.raises(ValueError, match=r"GCE takes class numbers \[B\], not one-hot"):
        GCE()(np.eye(3), np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"Focal takes logits \[B, K\], not outputs \(2,\)"):
        Focal()(np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="LDAM has 2 class_counts for 3 logits"):
        LDAM([1, 2])(Y, Z)
    with pytest.raises(ValueError, match="q must be in"):
        GCE(2.0)(Y, Z)


def blobs(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, count)
    centers = np.array([[0, 2], [2, -1], [-2, -1]])
    return (centers[truth] + 0.3 * rng.normal(size=(count, 2))).astype("float32"), truth


@pytest.mark.parametrize("mode", ["nested", "forward"])
def test_l2r_in_fit_ignores_swapped_labels(mode: str, tmp_path: Path) -> None:
    x, truth = blobs(300)
    given = np.where(np.arange(300) % 5 < 3, (truth + 1) % 3, truth)  # 60 % are wrong
    model = L2RModel(network(), clean_batch_size=8, mode=mode)
    model.compile(
        keras.optimizers.SGD(0.5, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    clean = (x[:12], truth[:12])
    history = model.fit(x, given, clean=clean, batch_size=50, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["accuracy"][-1] == pytest.approx(0.4, abs=0.02)  # with the given labels
    _, accuracy = model.evaluate(x, truth, verbose=0)
    assert accuracy > 0.97

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded.optimizer.iterations == model.optimizer.iterations == 30
    assert (loaded.clean_batch_size, loaded.seed, loaded.mode) == (8, 0, mode)
    for each in (model, loaded):  # the same steps go on from either
        each.fit(x, given, clean=clean, batch_size=50, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_allclose(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6
    )


def test_a_step_of_l2r_is_that_of_the_paper() -> None:
    """One step of plain gradient descent on Σ w ℓ, with weights from a product of gradients."""
    x, truth = blobs(6)
    given = (truth + np.arange(6) % 2) % 3
    net = network()
    before = net.get_weights()

    def gradient(examples: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
        p = tf.nn.softmax(examples @ before[0] + before[1]).numpy() - np.eye(3)[labels]
        return [np.einsum("bi,bk->bik", examples, p), p]  # of each example

    of_clean = [g.mean(axis=0) for g in gradient(x, truth)]
    each = gradient(x, given)
    slopes = -sum(
        np.tensordot(g, c, axes=c.ndim) for g, c in zip(each, of_clean, strict=True)
    )  # ∂L_clean/∂ε
    weights = np.maximum(-slopes, 0) / (np.maximum(-slopes, 0).sum() + 1e-5)
    expected = [
        w - 0.5 * np.tensordot(weights, g, axes=1) for w, g in zip(before, each, strict=True)
    ]
    model = L2RModel(net)
    model.compile(
        keras.optimizers.SGD(0.5), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    model.fit(x, given, clean=(x, truth), batch_size=6, epochs=1, verbose=0)
    for got, wanted in zip(net.get_weights(), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_what_l2r_cannot_take_is_said() -> None:
    x, truth = blobs(6)
    model = L2RModel(network())
    with pytest.raises(ValueError, match="clean must be a pair of arrays.*not _TensorSliceDataset"):
        model.fit(x, truth, clean=tf.data.Dataset.from_tensor_slices((x, truth)))
    with pytest.raises(ValueError, match="clean has 3 examples and 6 labels"):
        model.fit(x, truth, clean=(x[:3], truth))
    model.compile("sgd", GCE())
    with pytest.raises(ValueError, match="leave out sample and class weights"):
        model.fit(x, truth, sample_weight=np.ones(6), clean=(x, truth), verbose=0)
    model.compile("sgd", [GCE()])
    with pytest.raises(ValueError, match="with one loss"):
        model.fit(x, truth, clean=(x, truth), verbose=0)

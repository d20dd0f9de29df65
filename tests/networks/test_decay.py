"""Weight decay by network: in the training loss, and in the probe loss of a look-ahead."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import config, experiment, networks
from ieg.data.pipeline import Batch, Probe
from ieg.methods import l2r, lookahead
from ieg.networks import parts
from tests import contexts
from tests.decay import decay_loss

COEFFICIENT = 0.25


def small(name: str) -> keras.Model:
    return networks.create(name, (8, 8, 1), 3, seed=1)


def kernels(model: keras.Model) -> list[tf.Tensor]:
    """Of all convolutions and the classifier."""
    found: list[tf.Tensor] = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += kernels(layer)
        elif hasattr(layer, "kernel"):
            found.append(layer.kernel.value)
    return found


@pytest.mark.parametrize("name", ["cnn", "resnet20", "resnet32", "shufflenetv2"])
def test_training_loss_decays_all_variables_with_one_half(name: str) -> None:
    model = small(name)
    decay = networks.REGISTRY.get(name).train_decay(model, COEFFICIENT)
    assert decay == parts.weight_decay(model, COEFFICIENT)
    params = [v.value for v in model.trainable_variables]
    expected = COEFFICIENT / 2 * sum(np.square(p).sum() for p in params)
    np.testing.assert_allclose(decay_loss(params, decay), expected, rtol=1e-5)


def test_training_loss_of_resnet29_decays_its_kernels_without_one_half() -> None:
    model = small("resnet29")
    rng = np.random.default_rng(0)
    for v in model.trainable_variables:  # biases would start from zero
        v.assign(rng.normal(size=v.shape))
    decay = networks.REGISTRY.get("resnet29").train_decay(model, COEFFICIENT)
    expected = COEFFICIENT * sum(np.square(k).sum() for k in kernels(model))
    params = [v.value for v in model.trainable_variables]
    np.testing.assert_allclose(decay_loss(params, decay), expected, rtol=1e-5)
    assert len(kernels(model)) == 29 + 3  # and the projections


@pytest.mark.parametrize(
    "name, expected",
    [
        ("resnet18", 5e-4),
        ("resnet20", 5e-4),
        ("resnet29", 1e-4),
        ("resnet32", 5e-4),
        ("resnet50", 1e-4),
        ("resnet50_v15", 1e-4),
        ("wrn28-10", 5e-4),
    ],
)
def test_usual_coefficient(name: str, expected: float) -> None:
    assert networks.REGISTRY.get(name).weight_decay == expected


def test_a_run_gives_both_decays_to_its_method(tmp_path: Path) -> None:
    settings = config.resolve(
        {
            "dataset": "digits_uniform_0.4",
            "network_name": "resnet29",
            "method": "l2r",
            "checkpoint_path": str(tmp_path),
        }
    )
    made = experiment.build(settings)
    kernel, gamma = 2e-4, 0.0
    assert made.method.context.update.decay[:3] == [kernel, gamma, gamma]
    assert made.method.context.probe_decay == [1e-4] * len(made.model.trainable_variables)


def test_l2r_puts_each_decay_into_its_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    original = lookahead.meta_gradient

    def recording(inner: Any, *args: Any, **more: Any) -> Any:
        seen.update(inner=inner.decay, outer=more["outer_decay"])
        return original(inner, *args, **more)

    monkeypatch.setattr(lookahead, "meta_gradient", recording)
    model = small("cnn")
    count = len(model.trainable_variables)
    images, labels = tf.ones([4, 8, 8, 1]), tf.constant([0, 1, 2, 0])
    context = contexts.context(model, labels, 3, decay=[0.1] * count, probe_decay=[0.2] * count)
    batch = Batch(tf.range(4), images, labels, labels, Probe(images, labels))
    one = l2r.L2R(l2r.Options(l2r_warmup_epochs=0), context)
    one.step(batch, contexts.start(model), one.variant(0))
    assert seen == {"inner": [0.1] * count, "outer": [0.2] * count}

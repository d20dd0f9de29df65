"""Every network of images trains at the learning rate that nobody typed."""

import keras
import numpy as np
import pytest

from ieg import config, networks

SMALL = ("cnn", "resnet20")
OTHERS = (
    *("resnet18", "resnet29", "resnet32", "resnet32_skip", "resnet34", "resnet44"),
    *("resnet50", "resnet50_v15", "resnet56", "shufflenetv2", "wrn28-10"),
)


@pytest.mark.parametrize(
    "name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)
def test_the_loss_falls_below_chance(name: str) -> None:
    settings = config.resolve({"dataset": "cifar10", "method": "supervised", "network_name": name})
    draws = np.random.default_rng(0)
    patterns = draws.uniform(-1, 1, size=(4, 8, 8, 3))
    true = draws.integers(4, size=1200)
    images = np.clip(patterns[true] + draws.normal(0, 0.5, size=(1200, 8, 8, 3)), -1, 1)
    labels = np.where(draws.random(1200) < 0.3, draws.integers(4, size=1200), true)
    model = networks.create(name, images.shape[1:], 4, seed=0)
    model.compile(
        keras.optimizers.SGD(settings.training.learning_rate, settings.training.momentum),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    losses = model.fit(
        images.astype("float32"), labels, batch_size=40, epochs=8, shuffle=False, verbose=0
    ).history["loss"]
    assert np.isfinite(losses).all()
    assert min(losses) < np.log(4)  # the wide ones begin with losses far above it, and wobble

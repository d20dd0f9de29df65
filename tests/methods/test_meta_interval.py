"""`--meta_interval`: steps without a look-ahead use weights and trust of earlier ones."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ieg import networks
from ieg.config import resolve
from ieg.data.pipeline import Batch, Probe
from ieg.errors import InputError
from ieg.methods import REGISTRY
from ieg.networks import parts
from tests import contexts, runs

B, K = 8, 10
WARMED_UP = {"l2r": "l2r_warmup_epochs", "ieg": "ieg_warmup_epochs"}


def method(name, **options):
    model = networks.create("cnn", (8, 8, 1), K, seed=1)
    decay = parts.weight_decay(model, 1e-3)
    made = REGISTRY.get(name)
    settings = {WARMED_UP[name]: 0, **options}
    return made(made.Options(**settings), contexts.context(model, range(B), K, decay=decay))


def batch(rows):
    """The first rows of one and the same batch; the probe is that of the whole."""
    rng = np.random.default_rng(0)
    images, strong, probe = (rng.uniform(-1, 1, (B, 8, 8, 1)).astype(np.float32) for _ in range(3))
    label = rng.integers(0, K, B).astype(np.int32)
    fields = (np.arange(B, dtype=np.int32), images, label, label)
    whole = Probe(tf.constant(probe), tf.constant(label))
    return Batch(*(tf.constant(x[:rows]) for x in fields), whole, tf.constant(strong[:rows]))


def found(one, number, rows, variables):
    state = contexts.start(one.context.model, number, variables=variables)
    output = one.step(batch(rows), state, one.variant(number))
    return {name: value.numpy() for name, value in output.per_example.items()}


@pytest.mark.parametrize("name", ["l2r", "ieg"])
def test_an_example_has_its_last_weight_and_a_new_one_the_average(name):
    one = method(name, meta_interval=2)
    variables = one.init_state()
    before = found(one, 3, B, variables)
    np.testing.assert_allclose(before["weight"], np.full(B, 1 / B), rtol=1e-6)
    looked = found(one, 4, 5, variables)
    always = found(method(name), 4, 5, {})
    for column, values in always.items():
        np.testing.assert_array_equal(looked[column], values)
    # As multiples of the mean of their batch of five; three have never been seen.
    kept = np.concatenate([5 * looked["weight"], np.ones(3)])
    after = found(one, 5, B, variables)
    np.testing.assert_allclose(after["weight"], kept / kept.sum(), rtol=1e-5)
    assert np.ptp(kept) > 0.5
    if name == "ieg":
        np.testing.assert_array_equal(after["trust"], [*looked["trust"], 1, 1, 1])
    np.testing.assert_allclose(variables["weight"], kept, rtol=1e-6)  # it learned nothing new


@pytest.mark.parametrize("name", ["l2r", "ieg"])
def test_a_look_ahead_in_each_step_needs_no_memory(name):
    assert method(name).init_state() == {}


def test_other_methods_refuse_it():
    for name in ("supervised", "mixup_labels", "dynamic_loss"):
        with pytest.raises(InputError, match=f"`meta_interval`: no option of `method={name}`$"):
            resolve({"method": name, "meta_interval": 2})


@pytest.mark.slow
def test_a_resumed_run_remembers(tmp_path: Path):
    flags = ("--dataset=digits_uniform_0.4", "--method=l2r", "--l2r_warmup_epochs=0")
    flags += ("--meta_interval=3", "--train_eval_size=50", "--batch_size=40", "--eval_freq=4")
    flags += ("--lr_schedule=constant",)  # which does not depend on the length of the run
    whole = runs.train(tmp_path / "whole", *flags, "--max_iteration=8")
    runs.train(tmp_path / "cut", *flags, "--max_iteration=4")
    runs.assert_same_checkpoint(whole, runs.train(tmp_path / "cut", *flags, "--max_iteration=8"), 8)
    kept = runs.tensors(whole, 8)["method/weight/.ATTRIBUTES/VARIABLE_VALUE"]
    assert 0 < np.mean(kept != 1) < 0.1  # three batches of 40 out of 1437 images

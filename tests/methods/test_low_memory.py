"""`--meta_low_memory`: the same numbers from passes that wait for each other."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ieg import config, experiment
from ieg.data.pipeline import Batch, Probe
from ieg.errors import InputError
from ieg.meta import after
from ieg.methods import REGISTRY
from ieg.networks import parts
from tests import contexts

B, K = 10, 10
OPTIONS = {
    "l2r": {"l2r_warmup_epochs": 0},
    "ieg": {},
    "fsr": {"meta_start_epoch": 0, "queue_bs": B, "queue_capacity": K},
    "mixup_labels": {},
}


def tiny_network():
    """One convolution, with batch norm: tracing and comparing take little time."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(3, 3, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(K),
        ]
    )


def batch():
    rng = np.random.default_rng(0)
    images, strong, probe = (
        tf.constant(rng.uniform(-1, 1, (B, 8, 8, 1)), tf.float32) for _ in range(3)
    )
    label = tf.range(B) % K
    return Batch(tf.range(B), images, label, label, Probe(probe, label), strong)


def traced(name, model, **options):
    """A method's step as a graph: its results, and the number of convolutions that wait."""
    decay = parts.weight_decay(model, 1e-3)
    made = REGISTRY.get(name)
    labels = np.arange(B) % K
    one = made(
        made.Options(**OPTIONS[name], **options), contexts.context(model, labels, K, decay=decay)
    )
    variables = one.init_state()

    @tf.function(autograph=False)
    def step():
        output = one.step(batch(), contexts.start(model, variables=variables), one.variant(0))
        return output.gradients, output.network_state, output.scalars, output.per_example

    graph = step.get_concrete_function().graph
    convolutions = [op for op in graph.get_operations() if op.type == "Conv2D"]
    return step(), sum(bool(op.control_inputs) for op in convolutions)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_step_is_the_same_and_its_passes_wait(name):
    model = tiny_network()
    fused, none = traced(name, model)
    apart, waiting = traced(name, model, meta_low_memory=True)
    views = 2 if name == "ieg" else 1
    assert (none, waiting) == (0, 2 * views)  # first layer of the tangent pass and of the last one
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), fused, apart
    )


def test_what_waits_is_not_taken_from_before():
    @tf.function(autograph=False)
    def twice(x):
        first = [tf.exp(x), tf.exp(x + 1)]
        with after({"first": first}):
            return *first, tf.exp(x)

    nodes = [
        op
        for op in twice.get_concrete_function(tf.constant(1.0)).graph.get_operations()
        if op.type == "Exp"
    ]
    assert [len(op.control_inputs) for op in nodes] == [0, 0, 1]
    assert list(nodes[2].control_inputs[0].control_inputs) == nodes[:2]


def test_it_goes_with_forward_mode_alone(tmp_path):
    typed = {"method": "l2r", "meta_low_memory": True, "checkpoint_path": str(tmp_path)}
    with pytest.raises(InputError, match="`meta_gradient=nested`: nested tapes need all"):
        config.resolve({**typed, "meta_gradient": "nested"})
    with pytest.raises(InputError, match="`jit_compile` `meta_low_memory`: XLA merges"):
        experiment.build(config.resolve({**typed, "jit_compile": True}))

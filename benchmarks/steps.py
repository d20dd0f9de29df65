"""Training steps on random numbers, which several benchmarks time."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ieg.quiet  # noqa: F401

import keras
import numpy as np
import tensorflow as tf

from ieg import experiment, memory, networks
from ieg.data.pipeline import Batch, Probe
from ieg.methods import REGISTRY as METHODS
from ieg.methods import Context, Examples, Length, Method, StepState
from ieg.networks import parts
from ieg.networks.wrn import wrn28_10
from ieg.training.step import replica_step
from ieg.update import UpdateRule

#: A wide residual network that 2 CPU cores can train.
NARROW = "wrn28-2"
NETWORKS = (*networks.REGISTRY.names(), NARROW)

#: Of all networks that are timed.
CLASSES = 10

#: Number of a step so late that no method warms up any more.
LATE = 10**6


def make_method(
    method_name: str,
    options: Mapping[str, Any],
    network: str,
    batch_size: int,
    examples: int | None = None,
) -> Method:
    """Make a method with its network, without data.

    Args:
      method_name: name in the registry.
      options: options of the method that differ from its defaults.
      network: one of `NETWORKS`, for images of `image_shape`.
      batch_size: examples in a step.
      examples: number of training examples, for each of which a method may keep values; None: as
        many as in a step.
    """
    shape = image_shape(network)
    if network == NARROW:
        entry = networks.REGISTRY.get("wrn28-10")
        wide: Callable[..., keras.Model] = wrn28_10
        model = wide(shape, CLASSES, dropout_rate=0.0, width=32)
    else:
        entry = networks.REGISTRY.get(network)
        model = networks.create(network, shape, CLASSES)
    method_class = METHODS.get(method_name)
    labels = np.arange(examples or batch_size) % CLASSES
    context = Context(
        model=model,
        num_classes=CLASSES,
        examples=Examples(labels, labels, np.arange(len(labels))),
        length=Length(batch_size, 1, len(labels) // batch_size, total_steps=1000),
        update=UpdateRule(0.9, 0.0, 1, entry.train_decay(model, entry.weight_decay)),
        probe_decay=parts.weight_decay(model, entry.weight_decay),
        label_smoothing=0.0,
        seed=0,
    )
    return method_class(method_class.Options(**options), context)


def make_step(
    method_name: str,
    options: Mapping[str, Any],
    network: str,
    batch_size: int,
    examples: int | None = None,
    probe_size: int | None = None,
) -> Callable[[], None]:
    """Compile a step up to the gradients; the update, the same for all methods, is left out.

    Args:
      method_name, options, network, batch_size, examples: as in `make_method`. There are as many
        strong views.
      probe_size: probe examples; None: as many, or the size of a dictionary in the options.
    Returns:
      function that runs the step on random numbers and waits for it.
    """
    method = make_method(method_name, options, network, batch_size, examples)
    model = method.context.model
    if probe_size is None:
        probe_size = int(getattr(method.options, "queue_bs", batch_size))
    batch = _batch(image_shape(network), batch_size, probe_size)
    variables = method.init_state()
    params = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]

    @tf.function
    def step(batch: Batch) -> Any:
        values = [tf.convert_to_tensor(v) for v in params]
        state = StepState(
            step=tf.constant(LATE, tf.int64),
            learning_rate=tf.constant(0.1),
            params=values,
            network_state=[tf.convert_to_tensor(v) for v in others],
            buffers=[tf.zeros_like(v) for v in values],
            variables=variables,
        )
        output = method.step(batch, state, method.variant(LATE))
        return output.gradients, output.network_state, output.loss

    def run() -> None:
        step(batch)[2].numpy()

    return run


def whole_step(
    built: experiment.Experiment, batch: Batch, *, number: int, rate: float
) -> Callable[[], tf.Tensor]:
    """Compile a step as training makes it, with the update and the records, on one batch.

    Args:
      built: the run.
      batch: the part of one replica.
      number: of the step, 0-based; methods that warm up look at it.
      rate: learning rate.
    Returns:
      function that starts the step and returns its loss, for which nobody has waited.
    """
    variant, last = built.steps().kind(number)

    @tf.function(autograph=False)
    def step() -> tf.Tensor:
        found = replica_step(
            batch,
            tf.constant(rate),
            tf.constant(number, tf.int64),
            built.method,
            built.state,
            built.method.context.update,
            variant=variant,
            last=last,
        )
        return found["loss"]

    return step


def image_shape(network: str) -> tuple[int, int, int]:
    """Shape of images: 32x32 with three channels, for `cnn` 8x8 with one."""
    return (8, 8, 1) if network == "cnn" else (32, 32, 3)


def interleaved(steps: Sequence[Callable[[], None]], rounds: int) -> list[float]:
    """Median seconds of each step, after two rounds of warm-up.

    The steps take turns, so that a slow spell of the machine affects all alike.
    """
    seconds: list[list[float]] = [[] for _ in steps]
    for turn in range(rounds + 2):
        for step, times in zip(steps, seconds, strict=True):
            start = time.perf_counter()
            step()
            if turn >= 2:
                times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in seconds]


def alone(module: str, *flags: str) -> Any:
    """Run `python -m module flags` in a process of its own; return the JSON that it prints."""
    command = [sys.executable, "-m", module, *flags]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def peak_bytes(step: Callable[[], None]) -> tuple[int, int | None]:
    """Peak memory of a step in bytes, and that of its tensors alone.

    Call it in a process that has run no other step. TensorFlow counts tensors on CPUs only with
    oneDNN; otherwise their number is None.
    """
    before, tensors_before = memory.peak_bytes(), _tensor_bytes("current")
    for _ in range(3):
        step()
    needed, tensors = (memory.peak_bytes() or 0) - (before or 0), _tensor_bytes("peak")
    if tensors is None or tensors_before is None:
        return needed, None
    return needed, tensors - tensors_before


def _tensor_bytes(which: str) -> int | None:
    try:
        return tf.config.experimental.get_memory_info("CPU:0")[which]
    except ValueError:  # this allocator keeps no account
        return None


def _batch(shape: tuple[int, int, int], size: int, probe_size: int) -> Batch:
    rng = np.random.default_rng(0)

    def images(size: int = size) -> tf.Tensor:
        return tf.constant(rng.uniform(-1, 1, (size, *shape)), tf.float32)

    def labels(size: int = size) -> tf.Tensor:
        return tf.constant(rng.integers(0, CLASSES, size), tf.int32)

    return Batch(
        index=tf.range(size),
        image=images(),
        label=labels(),
        true_label=labels(),
        probe=Probe(images(probe_size), labels(probe_size)),
        strong_image=images(),
    )

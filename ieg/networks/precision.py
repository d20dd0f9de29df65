"""What a network computes in: float32, or a shorter format between float32 weights and logits."""

import contextlib
from collections.abc import Iterator

import keras

from ieg.networks import parts

NAMES = ("float32", "mixed_bfloat16", "mixed_float16")

#: With float16, gradients are taken of the loss times this, since what is below 6e-8 becomes 0 in
#: it, and divided by it afterwards. A power of two: that rounds nothing.
FLOAT16_SCALE = 2.0**8


@contextlib.contextmanager
def policy(name: str) -> Iterator[None]:
    """Networks made within the block compute in that: one of `NAMES`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def keep_head_exact(model: keras.Model) -> None:
    """The classifier computes in float32, whatever the layers before it do.

    So losses, weights made from them and the meta-gradient's head are float32 as well.
    """
    parts.classifier(model).dtype_policy = "float32"


def loss_scale(name: str) -> float:
    """What losses are multiplied with for the passes back through a network."""
    return FLOAT16_SCALE if name == "mixed_float16" else 1.0

"""Mixed precision: float16 or bfloat16 activations between float32 weights and float32 logits.

Micikevicius et al., "Mixed Precision Training", ICLR 2018, arXiv 1710.03740.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

from ieg.networks import parts

NAMES = ("float32", "mixed_bfloat16", "mixed_float16")

#: Loss scale for float16, in which numbers below 6e-8 become 0: gradients are those of the loss
#: times this, divided by it afterwards. A power of two, so that scaling rounds nothing.
FLOAT16_SCALE = 2.0**8


@contextlib.contextmanager
def policy(name: str) -> Iterator[None]:
    """Precision of the networks built within the block, one of `NAMES`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def keep_head_exact(model: keras.Model) -> None:
    """Let the classifier compute in float32, in place, whatever the layers before it do.

    Then losses, example weights and the meta-gradient's head are float32 as well.
    """
    parts.classifier(model).dtype_policy = "float32"


def loss_scale(name: str) -> float:
    """Factor on losses for the backward passes through a network: 1 unless it is float16."""
    return FLOAT16_SCALE if name == "mixed_float16" else 1.0

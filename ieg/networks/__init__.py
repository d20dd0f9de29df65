"""Networks, one file per family: functions that return a `keras.Model` with logits as its output.

The inputs are images, tokens or features.

A network is a chain of top-level layers: a stem, the stages as nested models named `stage1`,
`stage2`, ..., the layers after the last stage, and the classifier, its last layer with weights.
`parts.py` tells features, classifier and stages apart by that structure, never by variable names.
"""

from __future__ import annotations

import contextlib
import inspect
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import keras

from ieg.errors import InputError
from ieg.networks import parts, precision
from ieg.networks.cosine import with_cosine_classifier
from ieg.registry import Registry

#: (model, coefficient) → weight decay coefficient of each trainable variable.
DecayFunction: TypeAlias = "Callable[[keras.Model, float], list[float]]"


class NetworkFunction(Protocol):
    """Builder of a network, as the files of this package register them."""

    def __call__(self, input_shape: Any, num_classes: int, *, dropout_rate: float) -> keras.Model:
        """Build the network.

        Args:
          input_shape: (H, W, C) of images, float32 in [-1, 1]; (L,) of tokens, int32 with 0 for
            padding; (D,) of features, float32.
          num_classes: K.
          dropout_rate: dropout in front of the classifier, in [0, 1).
        Returns:
          A model from [B, *input_shape] to logits [B, K].
        Raises:
          InputError: the network cannot take images of that size.
        """


@dataclass(frozen=True)
class NetworkEntry:
    """A registered network.

    Attributes:
      build: its builder.
      weight_decay: the coefficient that it is usually trained with.
      train_decay: distributes that coefficient over the variables in the training loss.
      takes: "images", "tokens" or "features".
      highest_rate: learning rate that a run does not exceed unless one is typed; None: any.
      as_is: True for a caller's own network, which `build` returns finished: with its weights, its
        classifier and its precision.
    """

    build: NetworkFunction
    weight_decay: float
    train_decay: DecayFunction = parts.weight_decay
    takes: str = "images"
    highest_rate: float | None = None
    as_is: bool = False

    @property
    def description(self) -> str:
        """First line of the builder's docstring, for `--help`."""
        return (inspect.getdoc(self.build) or "").split("\n")[0]


REGISTRY: Registry[NetworkEntry] = Registry("network", __name__)


def register(
    name: str,
    *,
    weight_decay: float,
    train_decay: DecayFunction = parts.weight_decay,
    takes: str = "images",
    highest_rate: float | None = None,
) -> Callable[[NetworkFunction], NetworkFunction]:
    """Register a network; decorates its builder.

    Args:
      name: as in `network_name`.
      weight_decay, train_decay, takes, highest_rate: see `NetworkEntry`.
    """

    def add(build: NetworkFunction) -> NetworkFunction:
        entry = NetworkEntry(build, weight_decay, train_decay, takes, highest_rate)
        REGISTRY.register(name)(entry)
        return build

    return add


def create(
    name: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    kind: str = "images",
    dropout_rate: float = 0.0,
    cosine_classifier: bool = False,
    dtype: str = "float32",
    seed: int = 0,
) -> keras.Model:
    """Build a network by name; the same seed gives the same initial weights.

    Args:
      name: as registered.
      input_shape: (H, W, C) of images, (L,) of tokens, (D,) of features.
      num_classes: K.
      kind: of the examples: "images", "tokens" or "features".
      dropout_rate: dropout in front of the classifier, in [0, 1).
      cosine_classifier: True for logits from cosines, see `cosine.py`.
      dtype: precision in front of the classifier, one of `precision.NAMES`; weights and logits are
        float32.
      seed: of the initial weights.
    Returns:
      A model from [B, *input_shape] to logits [B, K].
    Raises:
      InputError: the name is unknown, or the network cannot take such examples.

    >>> create("cnn", (8, 8, 1), 10).output_shape
    (None, 10)
    """
    entry = REGISTRY.get(name)
    if entry.takes != kind:
        able = [other for other in REGISTRY.names() if REGISTRY.get(other).takes == kind]
        raise InputError(
            f"takes {entry.takes}, and the examples of this data set are {kind}; networks for "
            f"those: {', '.join(able)}",
            option="network_name",
            value=name,
        )
    with seeded(seed), precision.policy(dtype):
        model = entry.build(input_shape, num_classes, dropout_rate=dropout_rate)
        if cosine_classifier:
            model = with_cosine_classifier(model, num_classes)
    precision.keep_head_exact(model)
    return model


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the Keras initializers within the block that have no seed of their own."""
    # Those take one from Python's generator; its state is put back, so that nothing outside sees
    # a change.
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)

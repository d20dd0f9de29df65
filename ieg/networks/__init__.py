"""Networks, one file per family: functions that return a `keras.Model` from images to logits.

Some take tokens or features in the place of images.

A network is a chain of top-level layers: a stem, its stages as nested models named `stage1`,
`stage2`, ..., what follows the last stage, and a final layer with weights, the classifier. From
that alone `parts.py` tells features, classifier and stages apart; no variable is found by name.
"""

import contextlib
import inspect
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import keras

from ieg.errors import InputError
from ieg.networks import parts, precision
from ieg.networks.cosine import with_cosine_classifier
from ieg.registry import Registry

#: (model, coefficient) → decay coefficient of each trainable variable.
DecayFunction = Callable[[keras.Model, float], list[float]]


class NetworkFunction(Protocol):
    """What a file in this package registers."""

    def __call__(self, input_shape: Any, num_classes: int, *, dropout_rate: float) -> keras.Model:
        """A network from [B, *input_shape] to logits [B, num_classes].

        Images are float32 in [-1, 1] with an input shape (H, W, C), tokens int32 with (L,) and 0
        for padding, features float32 with (D,).

        Raises:
          InputError: the network cannot take images of that size.
        """


@dataclass(frozen=True)
class NetworkEntry:
    """How a network is registered.

    Attributes:
      build: makes it.
      weight_decay: the coefficient that it is usually trained with.
      train_decay: how the training loss spreads that coefficient over the variables.
      takes: "images", "tokens" or "features".
      as_is: True for a caller's own network, which `build` returns finished: with its weights, its
        classifier and its precision.
    """

    build: NetworkFunction
    weight_decay: float
    train_decay: DecayFunction = parts.weight_decay
    takes: str = "images"
    as_is: bool = False

    @property
    def description(self) -> str:
        """What it is, in one line."""
        return (inspect.getdoc(self.build) or "").split("\n")[0]


REGISTRY: Registry[NetworkEntry] = Registry("network", __name__)


def register(
    name: str,
    *,
    weight_decay: float,
    train_decay: DecayFunction = parts.weight_decay,
    takes: str = "images",
) -> Callable[[NetworkFunction], NetworkFunction]:
    """Decorator for a network function; the arguments are those of `NetworkEntry`."""

    def add(build: NetworkFunction) -> NetworkFunction:
        entry = NetworkEntry(build, weight_decay, train_decay, takes)
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
    """Builds a network by name; the same seed gives the same starting weights.

    Args:
      name: as registered.
      input_shape: H, W, C of images; L of tokens; D of features.
      num_classes: K.
      kind: what examples are: "images", "tokens" or "features".
      dropout_rate: in [0, 1), dropout in front of the classifier.
      cosine_classifier: whether the classifier compares directions alone, see `cosine.py`.
      dtype: what it computes in before the classifier, one of `precision.NAMES`; weights and logits
        are float32.
      seed: of the starting weights.
    Raises:
      InputError: unknown name, or examples that the network cannot take.
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
    """Keras' initialisers without a seed of their own start from this one."""
    # Keras initialisers without a seed of their own take one from Python's generator; it is put
    # back afterwards, so that nothing outside sees a change.
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)

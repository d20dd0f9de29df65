"""TensorFlow and Keras at their first use: flags are read, and refused, in a second without them.

Their import takes several seconds. After `postpone`, `import tensorflow as tf` gives a stand-in
whose first attribute imports both. So a module that options are read from uses neither while it is
imported itself: annotations are kept as text (`from __future__ import annotations`), and classes of
Keras stand in files that are imported later.
"""

import importlib
import importlib.util
import sys
import types
from typing import Any

from ieg.errors import InputError

_POSTPONED = ("tensorflow", "keras")


class _StandIn(types.ModuleType):
    """In the place of a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        load()
        return getattr(sys.modules[self.__name__], name)


def postpone() -> None:
    """Let the next imports of TensorFlow and Keras wait for their first use.

    Raises:
      ModuleNotFoundError: one of them is not installed.
    """
    for name in _POSTPONED:
        if name not in sys.modules:
            if importlib.util.find_spec(name) is None:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            sys.modules[name] = _StandIn(name)


def load() -> None:
    """Import TensorFlow and Keras now, if they have been postponed.

    Both at once and TensorFlow first: Keras imports parts of it by name, which a stand-in lacks.

    Raises:
      InputError: a module that they need is not installed.
    """
    waiting = [name for name in _POSTPONED if isinstance(sys.modules.get(name), _StandIn)]
    for name in waiting:
        del sys.modules[name]
    try:
        for name in ("ieg.quiet", *waiting):
            importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(missing(error.name)) from None


def missing(module: str | None) -> str:
    """The line about a module that is not installed."""
    return (
        f"{sys.executable} has no module {module}: use the Python that ieg is installed in, or "
        "install it with all that it needs, by pip install -e . in its folder"
    )

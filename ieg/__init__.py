"""Robust learning from badly labelled or unbalanced data, on TensorFlow 2 and Keras 3."""

import importlib
from typing import Any

__version__ = "0.1.0"

#: What `ieg.NAME` gives → the module that it is in, or that it is; imported at the first use, since
#: TensorFlow takes seconds.
_LAZY = {
    "InputError": "ieg.errors",
    "RobustClassifier": "ieg.classifier",
    "TrainingStopped": "ieg.errors",
    "losses": "ieg.losses",
    "meta": "ieg.meta",
}

__all__ = ["InputError", "RobustClassifier", "TrainingStopped", "losses", "meta"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'ieg' has no attribute {name!r}")
    if _LAZY[name] != "ieg.errors":
        importlib.import_module("ieg.quiet")
    module = importlib.import_module(_LAZY[name])
    return module if module.__name__ == f"ieg.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

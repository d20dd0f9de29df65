"""Robust learning from badly labelled or unbalanced data, on TensorFlow 2 and Keras 3."""

import importlib
from typing import Any

__version__ = "0.1.0"

#: Public name → the module that holds it, or that it is; imported at the first use, since
#: TensorFlow takes seconds.
_LAZY = {
    "InputError": "ieg.errors",
    "RobustClassifier": "ieg.classifier",
    "TrainingStopped": "ieg.errors",
    "audit": "ieg.audit",
    "keras": "ieg.keras",
    "losses": "ieg.losses",
    "meta": "ieg.meta",
}

#: Those that TensorFlow is not loaded for.
_LIGHT = {"ieg.audit", "ieg.errors"}

__all__ = ["InputError", "RobustClassifier", "TrainingStopped", "audit", "keras", "losses", "meta"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'ieg' has no attribute {name!r}")
    if _LAZY[name] not in _LIGHT:
        importlib.import_module("ieg.quiet")
    module = importlib.import_module(_LAZY[name])
    return module if module.__name__ == f"ieg.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

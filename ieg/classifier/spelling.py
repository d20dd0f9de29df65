"""Errors about options, spelled as the arguments of `RobustClassifier`."""

import ast
import contextlib
from collections.abc import Iterator

from ieg.errors import InputError, TrainingStopped, spelled

#: Option → argument of the constructor, of `fit` or `export`; all others belong in `settings`.
_ARGUMENTS = {
    "augmentation": "augmentation",
    "backbone": "backbone",
    "batch_size": "batch_size",
    "checkpoint_path": "run_folder",
    "dataset": "X",
    "export_format": "formats",
    "learning_rate": "learning_rate",
    "max_epoch": "epochs",
    "method": "method",
    "network": "network",
    "network_name": "network",
    "on_metrics": "on_metrics",
    "seed": "random_state",
}


def as_argument(name: str, value: str | None) -> str:
    """Spell an option as an argument in Python.

    >>> as_argument("max_epoch", "0"), as_argument("clip_norm", None), as_argument("loss", "mae")
    ('epochs=0', 'settings={"clip_norm": ...}', 'settings={"loss": "mae"}')
    """
    argument = _ARGUMENTS.get(name)
    if argument is None:
        return f'settings={{"{name}": {"..." if value is None else _literal(value)}}}'
    return argument if value is None else f"{argument}={_literal(value)}"


@contextlib.contextmanager
def python_spelling() -> Iterator[None]:
    """Spell options in errors from within as arguments in Python."""
    try:
        yield
    except (InputError, TrainingStopped) as error:
        error.args = (spelled(str(error), as_argument),)
        raise


def _literal(value: str) -> str:
    try:
        return repr(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        return f'"{value}"'

"""Fields of option dataclasses: name, type, default, help and range stand once, here."""

import dataclasses
import math
import types
import typing
from collections.abc import Sequence
from typing import Any

from ieg.errors import InputError

#: What to call a value of each type.
KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_BY_NAME = {kind.__name__: kind for kind in KINDS}
_LARGEST = 2**31 - 1  # of whole numbers: they end up in 32 bits


def option(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] | None = None,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    experiment: bool = True,
    before: Any = dataclasses.MISSING,
) -> Any:
    """A dataclass field that becomes a flag.

    Args:
      default: used when nothing more specific applies.
      help: one sentence for --help.
      choices: the values that a string may take.
      at_least, above, at_most, below: range of a number.
      experiment: whether the value defines the experiment, so that a run folder with another value
        belongs to another run.
      before: for an option that defines the experiment and is younger than some run folders: the
        value that those runs had in effect.
    """
    limits = {"at least": at_least, "above": above, "at most": at_most, "below": below}
    metadata = {
        "help": help,
        "choices": choices,
        "limits": {word: limit for word, limit in limits.items() if limit is not None},
        "experiment": experiment,
    }
    if before is not dataclasses.MISSING:
        metadata["before"] = before
    return dataclasses.field(default=default, metadata=metadata)


def value_type(options: type, name: str) -> type:
    """int, float, bool or str: the type of a field, also of one that may be None."""
    return _without_none(typing.get_type_hints(options)[name])


def check(field: dataclasses.Field, value: Any) -> None:
    """Refuse a value that is not of the type, the range or the choices of its field."""
    if value is None:
        return
    kind = _without_none(field.type)
    if type(value) not in ((int, float) if kind is float else (kind,)):
        raise InputError(f"must be {KINDS[kind]}", option=field.name, value=value)
    if value == "":
        raise InputError("must not be empty", option=field.name)
    choices = field.metadata["choices"]
    if choices and value not in choices:
        raise InputError(f"must be one of {', '.join(choices)}", option=field.name, value=value)
    holds = {
        "at least": lambda limit: value >= limit,
        "above": lambda limit: value > limit,
        "at most": lambda limit: value <= limit,
        "below": lambda limit: value < limit,
    }
    limits = field.metadata["limits"]
    if not all(holds[word](limit) for word, limit in limits.items()):
        wanted = " and ".join(f"{word} {limit:g}" for word, limit in limits.items())
        raise InputError(f"must be {wanted}", option=field.name, value=value)
    if type(value) is int and abs(value) > _LARGEST:
        raise InputError(f"must be at most {_LARGEST}", option=field.name, value=value)
    if type(value) is float and not math.isfinite(value):
        raise InputError("must be finite", option=field.name, value=value)


def _without_none(hint: Any) -> type:
    """T of `T` and of `T | None`, also where a module keeps its annotations as text."""
    if isinstance(hint, str):
        return _BY_NAME[hint.removesuffix(" | None")]
    if isinstance(hint, types.UnionType):
        return next(t for t in typing.get_args(hint) if t is not type(None))
    return hint

"""Python files of the user's own, which register losses, methods, networks, data sets and noise.

They are imported before options are made of what is registered, and stay where they are. A function
`on_metrics` in one of them is told the metrics of a run as they come.
"""

import contextlib
import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from absl import flags

from ieg import backbones, losses, methods, networks
from ieg.data import noise, sources
from ieg.errors import InputError
from ieg.registry import Registry

REGISTRIES: tuple[Registry, ...] = (
    losses.REGISTRY,
    methods.REGISTRY,
    networks.REGISTRY,
    backbones.REGISTRY,
    sources.REGISTRY,
    noise.REGISTRY,
)

#: Told the step and its metrics by name, at each evaluation; by the chief alone.
OnMetrics = Callable[[int, Mapping[str, float]], None]

#: Own files become modules of this name and a digest of their paths.
_PREFIX = "ieg_own_code_"


def load(argv: Sequence[str]) -> None:
    """Import the files of the option `own_code`, before flags are made of what is registered.

    Args:
      argv: program name and flags; all others are ignored.
    Raises:
      InputError: a file is missing or cannot be imported; the message names the line.
    """
    values = flags.FlagValues()
    values.set_gnu_getopt()  # reads all words, flags behind others too
    flags.DEFINE_string("own_code", None, "", flag_values=values)
    values(list(argv), known_only=True)
    if values["own_code"].value is None:
        return
    for registry in REGISTRIES:
        registry.names()  # so that a name taken twice is an error in the user's file
    for path in values["own_code"].value.split(","):
        _import(path.strip())


def digest(paths: str | None) -> str | None:
    """Digest of the content of own files, whatever their paths; None without files.

    Args:
      paths: value of the option `own_code`.
    """
    if paths is None:
        return None
    content = hashlib.sha256()
    for path in paths.split(","):
        file = Path(path.strip()).expanduser()
        content.update(hashlib.sha256(file.read_bytes()).digest())
    return content.hexdigest()[:16]


def on_metrics(paths: str | None) -> list[OnMetrics]:
    """The functions `on_metrics` of own files, whose errors are an InputError that names them.

    Args:
      paths: value of the option `own_code`, imported already.
    """
    found = []
    for path in (paths or "").split(","):
        place, module = _module(path.strip())
        function = getattr(sys.modules.get(module), "on_metrics", None)
        if function is not None:
            found.append(_told(function, path.strip(), place))
    return found


def _told(function: OnMetrics, path: str, place: str) -> OnMetrics:
    def told(step: int, metrics: Mapping[str, float]) -> None:
        try:
            function(step, metrics)
        except Exception as error:
            problem = f"on_metrics at step {step}: {_one_line(error, place)}"
            raise InputError(problem, option="own_code", value=path) from error

    return told


def defines(cls: type) -> bool:
    """True if a class comes from an own file."""
    return cls.__module__.startswith(_PREFIX)


def _import(path: str) -> None:
    """Import one file once; if that fails, nothing of it stays behind."""
    place, name = _module(path)
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None or not os.path.isfile(place):
        raise InputError("there is no such Python file (.py)", option="own_code", value=path)
    module = importlib.util.module_from_spec(spec)
    with contextlib.ExitStack() as undo:
        for registry in REGISTRIES:
            undo.callback(registry.restore, registry.entries())
        undo.callback(sys.modules.pop, name, None)
        sys.modules[name] = module  # where dataclasses look their types up
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise InputError(_one_line(error, place), option="own_code", value=path) from None
        undo.pop_all()


def _module(path: str) -> tuple[str, str]:
    """Whole path of a file, and the name of its module."""
    place = os.path.abspath(os.path.expanduser(path))
    return place, f"{_PREFIX}{hashlib.sha256(os.fsencode(place)).hexdigest()[:16]}"


def _one_line(error: Exception, place: str) -> str:
    """Error in one line, with the last line number in the file `place` that led to it."""
    lines = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == place]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    said = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}{f' in line {line}' if line else ''}: {said}"

"""Python files of the user's own: imported first, they register losses, methods, networks and data.

A file beside one's results needs no copy in the package, and no installation of it.
"""

import contextlib
import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from ieg import losses, methods, networks
from ieg.data import noise, sources
from ieg.errors import InputError
from ieg.registry import Registry

REGISTRIES: tuple[Registry, ...] = (
    losses.REGISTRY,
    methods.REGISTRY,
    networks.REGISTRY,
    sources.REGISTRY,
    noise.REGISTRY,
)


def load(argv: Sequence[str]) -> None:
    """Imports the files that --own_code names, before flags are made of what is registered.

    Args:
      argv: program name and flags, of which this reads that one alone.
    Raises:
      InputError: a file is not there or cannot be imported; the message says in which line.
    """
    values = flags.FlagValues()
    values.set_gnu_getopt()  # looks at all words, whatever stands between
    flags.DEFINE_string("own_code", None, "", flag_values=values)
    values(list(argv), known_only=True)
    if values["own_code"].value is None:
        return
    for registry in REGISTRIES:
        registry.names()  # so that a name that is taken is found in the user's file
    for path in values["own_code"].value.split(","):
        _import(path.strip())


def digest(paths: str | None) -> str | None:
    """Stands for what the files that --own_code names hold, wherever they are; None for none."""
    if paths is None:
        return None
    content = hashlib.sha256()
    for path in paths.split(","):
        file = Path(path.strip()).expanduser()
        content.update(hashlib.sha256(file.read_bytes()).digest())
    return content.hexdigest()[:16]


def _import(path: str) -> None:
    """Imports one file, or leaves nothing of it behind; a second time does nothing."""
    place = os.path.abspath(os.path.expanduser(path))
    name = f"ieg_own_code_{hashlib.sha256(os.fsencode(place)).hexdigest()[:16]}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None or not os.path.isfile(place):
        raise InputError(f"--own_code={path}: there is no such Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    with contextlib.ExitStack() as undo:
        for registry in REGISTRIES:
            undo.callback(registry.restore, registry.entries())
        undo.callback(sys.modules.pop, name, None)
        sys.modules[name] = module  # where dataclasses look their types up
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise InputError(f"--own_code={path}: {_what(error, place)}") from None
        undo.pop_all()


def _what(error: Exception, place: str) -> str:
    """An error in one line, with the last line of that file that led to it."""
    lines = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == place]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    said = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}{f' in line {line}' if line else ''}: {said}"

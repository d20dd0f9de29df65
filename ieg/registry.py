"""Registries of methods, losses, networks and the like: one file in a package adds one entry."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from typing import Generic, TypeVar

from ieg.errors import InputError

T = TypeVar("T")


class Registry(Generic[T]):
    """Entries by name, filled by decorators in the modules of one package.

    The modules are imported at the first look-up, so a new file is enough for a new entry.

    Args:
      kind: word for an entry in error messages, such as "network".
      package: name of the package whose modules register entries.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, T] = {}
        self._complete = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that registers an object as `name`.

        Raises:
          ValueError: the name is taken; a mistake in the code, not of the user.
        """

        def add(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"another {self.kind} is named {name!r} already")
            self._entries[name] = entry
            return entry

        return add

    def names(self) -> list[str]:
        """All registered names, sorted."""
        self._import_modules()
        return sorted(self._entries)

    def get(self, name: str) -> T:
        """Look up an entry by name.

        Raises:
          InputError: there is none; the message lists all names.
        """
        self._import_modules()
        if name not in self._entries:
            near = difflib.get_close_matches(name, self._entries, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            known = ", ".join(self.names())
            raise InputError(f"unknown {self.kind} {name!r}{hint}; there are: {known}")
        return self._entries[name]

    def entries(self) -> dict[str, T]:
        """Entries registered so far, without importing further modules."""
        return dict(self._entries)

    def restore(self, entries: dict[str, T]) -> None:
        """Replace all entries by those of an earlier `entries()`."""
        self._entries = dict(entries)

    def _import_modules(self) -> None:
        if self._complete:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        self._complete = True

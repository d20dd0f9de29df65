"""Errors that end a command early, each with one clear line instead of a traceback."""

import re
from collections.abc import Callable
from typing import Any

#: (name of an option, its value as text or None) → the option as the reader of a message types it.
Spell = Callable[[str, str | None], str]

_OPTION = re.compile(r"`([a-z][a-z0-9_]*)(?:=([^`]*))?`")


def spelled(message: str, spell: Spell) -> str:
    """A message with its options written the way its reader types them.

    Args:
      message: text that names options neutrally, in backquotes: `max_epoch` or `method=fsr`.
      spell: how the reader writes one of them.

    >>> spelled("`max_epoch=0`: must be above 0", as_flag)
    '--max_epoch=0: must be above 0'
    """
    return _OPTION.sub(lambda found: spell(found[1], found[2]), message)


def as_flag(name: str, value: str | None) -> str:
    """Spell an option as the command line has it: `--name` or `--name=value`."""
    return f"--{name}" if value is None else f"--{name}={value}"


class InputError(ValueError):
    """Input that cannot be used; the message says what would be right.

    No library module knows whether its caller typed a flag or an argument. Messages name options in
    backquotes, and `spelled` rewrites them where the message is shown: as `--max_epoch` by the
    command, as `epochs` or `settings={"max_epoch": ...}` in Python.

    Args:
      problem: one sentence.
      option: the option at fault, if there is one; the message then begins with it.
      value: the rejected value of that option, shown with it; None to leave it out.

    >>> raise InputError("must be above 0", option="max_epoch", value=0)
    Traceback (most recent call last):
    ieg.errors.InputError: `max_epoch=0`: must be above 0
    """

    def __init__(self, problem: str, *, option: str | None = None, value: Any = None) -> None:
        if option is not None:
            named = option if value is None else f"{option}={value}"
            problem = f"`{named}`: {problem}"
        super().__init__(problem)
        self.option = option


class TrainingStopped(RuntimeError):
    """Training cannot go on, for example after a loss that is not finite."""

"""Texts of --help: an overview, and the options of one group, method or loss."""

import dataclasses
import difflib
import inspect
import platform
import textwrap
from collections.abc import Mapping, Sequence
from importlib import metadata

import ieg
from ieg import backbones, config, networks
from ieg.data import names, sources
from ieg.errors import InputError
from ieg.losses import REGISTRY as LOSSES
from ieg.methods import REGISTRY as METHODS
from ieg.runs.settings import MODES

_USAGE = (
    "usage: python -m ieg.main [--flag=value ...]   (--flagfile=FILE reads flags from FILE)\n"
    "       python -m ieg.main --help=NAME   options of a method, a loss or a group alone\n"
    "       python -m ieg.main --helpfull    all options; --version shows versions"
)
_WIDTH = 100
#: Packages whose versions decide what a run does.
_MATTER = ("tensorflow", "keras", "numpy")


def asked(words: Sequence[str]) -> str | None:
    """The text that words of a command line ask for by --help, --helpfull or --version, if any.

    Raises:
      InputError: there is nothing of that name.
    """
    for word in words:
        name, _, topic = word.lstrip("-").partition("=")
        if name == "version":
            return version()
        if name == "helpfull":
            return everything()
        if name in ("help", "helpshort"):
            return on(topic) if topic else overview()
    return None


def version() -> str:
    """Version of the package, and of what matters beneath it, for reports of mistakes."""
    python = f"Python {platform.python_version()}"
    others = [f"{name} {metadata.version(name)}" for name in _MATTER]
    return f"ieg {ieg.__version__} ({', '.join([python, *others])})"


def overview() -> str:
    """Modes, data, methods and losses, then the options of all runs by group."""
    lines = [_USAGE, "", "--mode, what to do:", *_listed(MODES)]
    with_colon = [form.partition(":")[0] for form in names.forms()]
    named = [name for name in sources.REGISTRY.names() if name not in with_colon]
    lines += ["", "--dataset, data of your own or by name:", *_wrapped([*names.forms(), *named])]
    lines += ["", "--method, how to train:"]
    lines += _listed({name: _first_line(METHODS.get(name)) for name in METHODS.names()})
    lines += ["", "--loss, with --method=supervised:", *_wrapped(LOSSES.names())]
    lines += ["", "A data set's preset, the method and the network change some of the defaults."]
    return "\n\n".join(["\n".join(lines), *map(_section, config.GROUPS)])


def everything() -> str:
    """The overview, and the options of every method and loss."""
    others = [who for who in config.option_classes() if who not in config.GROUPS]
    return "\n\n".join([overview(), *map(_section, others)])


def on(name: str) -> str:
    """The options of one group, method or loss.

    Raises:
      InputError: there is none of that name.
    """
    owners = {who.rpartition("=")[2]: who for who in config.option_classes()}
    if name not in owners:
        near = difflib.get_close_matches(name, owners, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(f"no help on {name!r}{hint}; there is help on: {', '.join(owners)}")
    return _section(owners[name])


def _section(who: str) -> str:
    """The options of one of `config.option_classes`, with help and default."""
    fields = dataclasses.fields(config.option_classes()[who])
    title = f"{who}, for every method" if who in config.GROUPS else f"for {who}"
    lines = [f"{title}:" if fields else f"{title}: none"]
    for field in fields:
        choices = field.metadata["choices"]
        listed = f" [{'|'.join(choices)}]" if choices else ""
        default = "unset" if field.default is None else field.default
        lines.append(f"  --{field.name}{listed}  (default: {default})")
        lines.append(f"      {field.metadata['help']}")
    return "\n".join([*lines, *(_networks() if who == "network" else [])])


def _networks() -> list[str]:
    """Networks and backbones, a line each."""
    own = {name: networks.REGISTRY.get(name).description for name in networks.REGISTRY.names()}
    entries = [backbones.REGISTRY.get(name) for name in backbones.REGISTRY.names()]
    frozen = {name: entry.summary for name, entry in zip(backbones.names(), entries, strict=True)}
    return ["networks:", *_listed(own), "backbones, networks in front of it:", *_listed(frozen)]


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or "").split("\n")[0]


def _listed(entries: Mapping[str, str]) -> list[str]:
    """Names and what they mean, wrapped in a column of its own."""
    width = max(map(len, entries)) + 2
    lines = []
    for name, text in entries.items():
        wrapped = textwrap.wrap(text, _WIDTH - width - 2) or [""]
        lines.append(f"  {name:{width}}{wrapped[0]}".rstrip())
        lines += [f"  {'':{width}}{more}" for more in wrapped[1:]]
    return lines


def _wrapped(words: Sequence[str]) -> list[str]:
    lines = textwrap.wrap(", ".join(words), _WIDTH - 2, break_on_hyphens=False)
    return [f"  {line}" for line in lines]

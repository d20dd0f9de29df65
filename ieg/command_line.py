"""Options as absl flags: their definition, their parsing and the text of --help."""

import dataclasses
from collections.abc import Callable, Collection
from typing import Any

from absl import flags

from ieg import backbones, config, networks, options
from ieg.data import sources
from ieg.losses import REGISTRY as LOSSES
from ieg.methods import REGISTRY as METHODS
from ieg.registry import Registry

_DEFINE: dict[type, Callable[..., Any]] = {
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_bool,
    str: flags.DEFINE_string,
}
_REGISTRIES: dict[str, Registry] = {
    "backbone": backbones.REGISTRY,
    "loss": LOSSES,
    "method": METHODS,
    "network_name": networks.REGISTRY,
}


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define one flag for every option; its value is None until it is typed."""
    defined: dict[str, type] = {}
    for who, cls in config.option_classes().items():
        for field in dataclasses.fields(cls):
            kind = options.value_type(cls, field.name)
            if field.name in defined:
                if defined[field.name] is not kind:
                    raise TypeError(f"--{field.name} of {who} has another type elsewhere")
                continue
            defined[field.name] = kind
            _DEFINE[kind](field.name, None, field.metadata["help"], flag_values=flag_values)
            flag = flag_values[field.name]
            registry = _REGISTRIES.get(field.name)
            names = registry.names() if registry else field.metadata["choices"] or ()
            flag.parser = _ClearParser(flag.parser, options.KINDS[kind], names)


class _ClearParser(flags.ArgumentParser):
    """absl's parser of a flag, which takes names in either case and says which values are right."""

    def __init__(self, parser: flags.ArgumentParser, wanted: str, names: Collection[str]) -> None:
        self._parser = parser
        self._wanted = wanted
        self._names = names

    def parse(self, argument: Any) -> Any:
        try:
            value = self._parser.parse(argument)
        except (TypeError, ValueError):
            raise ValueError(f"must be {self._wanted}") from None
        if value in self._names:
            return value
        return next((name for name in self._names if name.lower() == str(value).lower()), value)


def help_text() -> str:
    """All flags with help and default: those of every method by group, then those of each."""
    lines = [
        "usage: python -m ieg.main [--flag=value ...]   (--flagfile=FILE reads flags from FILE)",
        "A data set's preset, the method and the network change some of the defaults below.",
    ]
    lines += [f"methods: {', '.join(METHODS.names())}"]
    lines += [f"losses:  {', '.join(LOSSES.names())}"]
    lines += [f"data:    {', '.join(sources.REGISTRY.names())}", "", "networks:"]
    for name in networks.REGISTRY.names():
        lines.append(f"  {name:<14} {networks.REGISTRY.get(name).description}")
    lines += ["", "backbones, frozen networks in front of the network:"]
    for name in backbones.REGISTRY.names():
        entry = backbones.REGISTRY.get(name)
        typed = f"{name}:{entry.argument}" if entry.argument else name
        lines.append(f"  {typed:<18} {entry.summary}")
    for who, cls in config.option_classes().items():
        title = f"{who}, for every method" if who in config.GROUPS else f"for {who}"
        fields = dataclasses.fields(cls)
        lines += ["", f"{title}:" if fields else f"{title}: none"]
        for field in fields:
            choices = field.metadata["choices"]
            listed = f" [{'|'.join(choices)}]" if choices else ""
            default = "unset" if field.default is None else field.default
            lines.append(f"  --{field.name}{listed}  (default: {default})")
            lines.append(f"      {field.metadata['help']}")
    return "\n".join(lines)

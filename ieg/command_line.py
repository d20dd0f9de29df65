"""Options as absl flags: their definition and their parsing."""

import dataclasses
from collections.abc import Callable, Collection
from typing import Any

from absl import flags

from ieg import backbones, config, networks, options
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

"""Small files as PyTorch wrote them before version 1.6, made by hand."""

import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C


class FloatStorage:
    """Stands for torch.FloatStorage in the pickle."""


def rebuild(*args: Any) -> None:
    """Stands for torch._utils._rebuild_tensor_v2."""


class Storage:
    """The elements that tensors share."""

    def __init__(self, key: str, values: np.ndarray) -> None:
        self.key, self.values = key, np.asarray(values, "<f4")


class Tensor:
    """A window on a storage, pickled as PyTorch does it."""

    def __init__(
        self, storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> None:
        self.parts = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return rebuild, self.parts


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]  # in Python: names can be changed
    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, Storage):
            return ("storage", FloatStorage, obj.key, "cpu", len(obj.values), None)
        return None


@contextmanager
def _torch() -> Iterator[None]:
    """Modules of the names that the pickle is to have."""
    modules = {"torch": types.ModuleType("torch"), "torch._utils": types.ModuleType("torch._utils")}
    modules["torch"].FloatStorage = FloatStorage  # type: ignore[attr-defined]
    modules["torch._utils"]._rebuild_tensor_v2 = rebuild  # type: ignore[attr-defined]
    places = (
        (FloatStorage, "torch", "FloatStorage"),
        (rebuild, "torch._utils", "_rebuild_tensor_v2"),
    )
    before = [(thing, thing.__module__, thing.__qualname__, thing.__name__) for thing, *_ in places]
    known = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    for thing, module, name in places:
        thing.__module__, thing.__qualname__, thing.__name__ = module, name, name
    try:
        yield
    finally:
        for thing, module, qualified, name in before:
            thing.__module__, thing.__qualname__, thing.__name__ = module, qualified, name
        for name, module in known.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def content(entries: Any, storages: list[Storage], magic: int = MAGIC) -> bytes:
    """A whole file.

    Args:
      entries: the state dictionary, or what stands in its place.
      storages: in the order in which their numbers stand behind the pickles.
    """
    import io

    file = io.BytesIO()
    with _torch():
        facts = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
        for value in (magic, 1001, facts):
            _Pickler(file, 2).dump(value)
        _Pickler(file, 2).dump(entries)
        _Pickler(file, 2).dump([storage.key for storage in storages])
    for storage in storages:
        file.write(len(storage.values).to_bytes(8, "little") + storage.values.tobytes())
    return file.getvalue()

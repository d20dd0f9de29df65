"""Tensors of a PyTorch file in the format before version 1.6, read without PyTorch.

The file is five pickles and, behind them, the numbers: a magic number, the protocol, facts about
the machine, the state dictionary, the keys of its storages; then for each key the count of its
elements (int64) and their bytes. A pickle is a program that may call anything it can name, so only
the names of `_GLOBALS` and of `_STORAGES` exist here: a tensor is built from a storage, an
offset, a shape and strides, and nothing else can be built at all.
"""

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ieg.errors import InputError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_ZIP = b"PK\x03\x04"

#: Class of a storage → its elements, little-endian.
_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}


def read(content: bytes, where: str) -> dict[str, np.ndarray]:
    """Read the state dictionary of a PyTorch file.

    Args:
      content: the whole file.
      where: name of the file, for errors.
    Returns:
      name → tensor, contiguous, in the order of the file.
    Raises:
      InputError: it is no such file, truncated, or holds anything but tensors.
    """
    if content.startswith(_ZIP):
        raise InputError(f"{where} is a PyTorch file of version 1.6 or later, which is not read")
    file = io.BytesIO(content)
    try:
        magic = _Unpickler(file).load()
        if magic != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
            raise InputError(f"{where} is no PyTorch file")
        if not _Unpickler(file).load()["little_endian"]:
            raise InputError(f"{where} was written on a big-endian machine, which is not read")
        entries = _Unpickler(file).load()
        numbers = _numbers(file, _Unpickler(file).load(), entries)
        return {str(name): _array(tensor, numbers) for name, tensor in entries.items()}
    except _Refused as error:
        raise InputError(f"{where} {error}, and was not read: it may want to run code") from None
    except InputError:
        raise
    except Exception:  # a damaged or crafted pickle can make the unpickler raise anything
        raise InputError(f"{where} is no PyTorch file of weights, or is damaged") from None


class _Refused(pickle.UnpicklingError):
    """The pickle names something that no tensor needs."""


@dataclass(frozen=True, slots=True)
class _Storage:
    dtype: np.dtype
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Entries(dict):
    """A state dictionary; what else PyTorch hangs on to it is left out."""

    def __setstate__(self, state: Any) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Global:
    """Replacement for a name in a pickle; frozen, since a pickle may also set attributes."""

    make: Callable[..., Any]

    def __call__(self, *args: Any) -> Any:
        return self.make(*args)


def _tensor(
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    requires_grad: Any = None,
    hooks: Any = None,
) -> _Tensor:
    whole = [offset, *shape, *strides]
    if not isinstance(storage, _Storage) or any(type(n) is not int or n < 0 for n in whole):
        raise ValueError("no tensor")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


_GLOBALS: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _Entries,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if module == "torch" and name in _STORAGES:
            return np.dtype(_STORAGES[name])
        if (module, name) not in _GLOBALS:
            raise _Refused(f"asks for {module}.{name}")
        return _Global(_GLOBALS[module, name])

    def persistent_load(self, pid: Any, /) -> _Storage:
        kind, dtype, key, _, size, part = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or part is not None:
            raise ValueError("no storage")
        return _Storage(dtype, str(key), int(size))


def _numbers(file: io.BytesIO, keys: Any, entries: Any) -> dict[str, np.ndarray]:
    """Key of a storage → its elements, for those that tensors use."""
    if not isinstance(entries, _Entries) or not all(
        isinstance(value, _Tensor) for value in entries.values()
    ):
        raise ValueError("no state dictionary")
    storages = {tensor.storage.key: tensor.storage for tensor in entries.values()}
    numbers = {}
    for key in keys:
        storage = storages[key]
        count = int.from_bytes(file.read(8), "little")
        content = file.read(storage.size * storage.dtype.itemsize)
        if count != storage.size:
            raise ValueError("a storage of another size")
        numbers[key] = np.frombuffer(content, storage.dtype, count)
    return numbers


def _array(tensor: _Tensor, numbers: dict[str, np.ndarray]) -> np.ndarray:
    """The tensor's elements, picked out of its storage by offset and strides."""
    values = numbers[tensor.storage.key]
    if len(tensor.shape) != len(tensor.strides):
        raise ValueError("shape and strides")
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((size - 1) * step for size, step in steps)
    if 0 in tensor.shape or last >= len(values):
        raise ValueError("elements outside of the storage")
    strides = [step * values.itemsize for step in tensor.strides]
    part = np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides)
    return np.ascontiguousarray(part).reshape(tensor.shape)

import builtins
import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from ieg.backbones import torch_file
from ieg.errors import InputError
from tests.backbones.torch_files import Storage, Tensor, content


def _file() -> tuple[bytes, np.ndarray]:
    """A file with a transposed matrix and a vector that begins inside of the same storage."""
    numbers = np.arange(10.0)
    storage = Storage("7", numbers)
    entries = OrderedDict(
        matrix=Tensor(storage, 1, (2, 3), (1, 2)), tail=Tensor(storage, 8, (2,), (1,))
    )
    entries._metadata = OrderedDict(version=1)  # type: ignore[attr-defined]
    return content(entries, [storage]), numbers


def test_tensors_are_picked_out_by_offset_and_strides() -> None:
    found = torch_file.read(_file()[0], "x.pth")
    assert list(found) == ["matrix", "tail"]
    np.testing.assert_array_equal(found["matrix"], [[1, 3, 5], [2, 4, 6]])
    np.testing.assert_array_equal(found["tail"], [8, 9])
    assert found["matrix"].dtype == np.float32 and found["matrix"].flags.c_contiguous


def test_a_scalar() -> None:
    storage = Storage("1", np.array([4.5]))
    found = torch_file.read(content(OrderedDict(x=Tensor(storage, 0, (), ())), [storage]), "x.pth")
    assert found["x"].shape == () and found["x"] == 4.5


class _Call:
    """A pickle of it calls a function with an argument."""

    def __init__(self, function: object, *args: object) -> None:
        self._call = (function, args)

    def __reduce__(self) -> object:
        return self._call


@pytest.mark.parametrize("function", [os.system, builtins.eval, builtins.getattr])
def test_a_pickle_that_wants_to_run_code_is_refused(function: object, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    entries = OrderedDict(x=_Call(function, f"touch {trace}"))
    with pytest.raises(InputError, match=r"x\.pth asks for .*, and was not read"):
        torch_file.read(content(entries, []), "x.pth")
    assert not trace.exists()


def test_code_in_the_place_of_the_magic_number_is_refused(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with pytest.raises(InputError, match="asks for"):
        torch_file.read(content({}, [], magic=_Call(os.system, f"touch {trace}")), "x.pth")  # type: ignore[arg-type]
    assert not trace.exists()


@pytest.mark.parametrize("entries", [OrderedDict(x=[1, 2]), {"x": 1}, 3, [OrderedDict()]])
def test_anything_but_tensors_is_refused(entries: object) -> None:
    with pytest.raises(InputError, match=r"x\.pth is no PyTorch file of weights, or is damaged"):
        torch_file.read(content(entries, []), "x.pth")


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (11,), (1,)),
        (9, (2,), (1,)),
        (0, (2, 3), (9, 9)),
        (-1, (1,), (1,)),
        (0, (2,), (-1,)),
        (0, (2,), ()),
    ],
)
def test_elements_outside_of_the_storage_are_refused(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    storage = Storage("1", np.arange(10.0))
    entries = OrderedDict(x=Tensor(storage, offset, shape, strides))
    with pytest.raises(InputError, match="damaged"):
        torch_file.read(content(entries, [storage]), "x.pth")


@pytest.mark.parametrize("kept", [0, 5, 60, 200, -1])
def test_a_truncated_file_is_refused(kept: int) -> None:
    with pytest.raises(InputError, match="damaged"):
        torch_file.read(_file()[0][:kept], "x.pth")


def test_other_files_are_told_apart() -> None:
    with pytest.raises(InputError, match=r"version 1\.6 or later"):
        torch_file.read(b"PK\x03\x04...", "x.pth")
    with pytest.raises(InputError, match=r"x\.pth is no PyTorch file"):
        torch_file.read(content(OrderedDict(), [], magic=5), "x.pth")

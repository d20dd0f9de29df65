"""Examples in the docstrings of the package."""

import doctest
import importlib
from pathlib import Path

import pytest

import ieg

PACKAGE = Path(ieg.__file__).parent
MODULES = sorted(
    ".".join(("ieg", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name: str) -> None:
    # The names of the module itself, such as tf, need no import in an example.
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert attempted > 0
    assert failed == 0

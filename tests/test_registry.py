"""Entries found by name in the modules of a package."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ieg.errors import InputError
from ieg.registry import Registry

PACKAGE = "basket_of_the_registry_tests"

MakeRegistry = Callable[..., Registry[str]]


@pytest.fixture
def make_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRegistry:
    """make_registry(apple="...", ...) → registry of a new package with those modules."""

    def make(**modules: str) -> Registry[str]:
        folder = tmp_path / PACKAGE
        folder.mkdir()
        start = f"from ieg.registry import Registry\nREGISTRY = Registry('fruit', '{PACKAGE}')\n"
        (folder / "__init__.py").write_text(start)
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(f"from {PACKAGE} import REGISTRY\n{text}\n")
        monkeypatch.syspath_prepend(tmp_path)
        return __import__(PACKAGE).REGISTRY

    for module in [name for name in sys.modules if name.startswith(PACKAGE)]:
        monkeypatch.delitem(sys.modules, module)
    return make


def enters(name: str, entry: str) -> str:
    return f"REGISTRY.register({name!r})({entry!r})"


def test_a_module_in_the_package_is_enough_for_an_entry(make_registry: MakeRegistry) -> None:
    registry = make_registry(pear=enters("pear", "green"), apple=enters("apple", "red"))
    assert registry.get("apple") == "red"
    assert registry.get("pear") == "green"


def test_names_are_sorted_and_complete_before_any_look_up(make_registry: MakeRegistry) -> None:
    registry = make_registry(a=enters("quince", ""), b=enters("apple", ""), c="")
    assert registry.names() == ["apple", "quince"]


def test_modules_are_imported_at_the_first_look_up_only(make_registry: MakeRegistry) -> None:
    registry = make_registry(apple=enters("apple", "red"))
    assert f"{PACKAGE}.apple" not in sys.modules
    registry.names()
    assert f"{PACKAGE}.apple" in sys.modules
    monkey = sys.modules.pop(f"{PACKAGE}.apple")
    assert registry.get("apple") == "red"  # a second import would register the name again
    assert monkey not in sys.modules.values()


def test_register_hands_back_what_it_decorates(make_registry: MakeRegistry) -> None:
    entry = "red"
    assert make_registry().register("apple")(entry) is entry


def test_unknown_name_lists_the_known_ones_and_the_nearest(make_registry: MakeRegistry) -> None:
    registry = make_registry(pear=enters("pear", "green"), apple=enters("apple", "red"))
    with pytest.raises(
        InputError,
        match=r"^unknown fruit 'aple' \(did you mean 'apple'\?\); there are: apple, pear$",
    ):
        registry.get("aple")


def test_unknown_name_unlike_any_other_gets_no_hint(make_registry: MakeRegistry) -> None:
    registry = make_registry(apple=enters("apple", "red"))
    with pytest.raises(InputError, match=r"^unknown fruit 'zzz'; there are: apple$"):
        registry.get("zzz")


def test_a_name_taken_twice_is_a_mistake_in_the_code(make_registry: MakeRegistry) -> None:
    registry = make_registry(a=enters("apple", "red"), b=enters("apple", "green"))
    with pytest.raises(ValueError, match="another fruit is named 'apple' already") as raised:
        registry.names()
    assert not isinstance(raised.value, InputError)

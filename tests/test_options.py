"""Fields of option dataclasses: types, ranges and choices."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import pytest

from ieg.errors import InputError
from ieg.options import check, option, value_type


@dataclass(frozen=True)
class Made:
    whole: int = option(1, "a whole number")
    real: float = option(1.0, "a number", above=0, at_most=2)
    free: float = option(0.0, "any number")
    share: float = option(0.5, "a number", at_least=0, below=1)
    maybe: int | None = option(None, "a whole number or none", above=0)
    switch: bool | None = option(None, "on, off or unset")
    word: str = option("red", "a word", choices=("red", "green"))


def field(name: str) -> dataclasses.Field:
    return next(f for f in dataclasses.fields(Made) if f.name == name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("whole", int),
        ("real", float),
        ("maybe", int),
        ("switch", bool),
        ("word", str),
    ],
)
def test_value_type_is_that_of_the_values_that_are_set(name: str, expected: type) -> None:
    assert value_type(Made, name) is expected


def test_a_field_has_its_default_and_its_help() -> None:
    assert Made().real == 1.0
    assert field("real").metadata["help"] == "a number"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("real", 1e-9),
        ("real", 2),
        ("share", 0),
        ("share", 0.999),
        ("maybe", 1),
        ("maybe", None),
        ("switch", False),
        ("word", "green"),
        ("whole", -5),
        ("whole", 2**31 - 1),
        ("free", -1e9),
    ],
)
def test_check_accepts_what_is_within_the_range(name: str, value: Any) -> None:
    check(field(name), value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("real", 0, "^`real=0`: must be above 0 and at most 2$"),
        ("real", 2.001, "^`real=2.001`: must be above 0 and at most 2$"),
        ("real", float("nan"), "^`real=nan`: must be above 0 and at most 2$"),
        ("share", -0.1, "^`share=-0.1`: must be at least 0 and below 1$"),
        ("share", 1, "^`share=1`: must be at least 0 and below 1$"),
        ("maybe", 0, "^`maybe=0`: must be above 0$"),
        ("word", "blue", "^`word=blue`: must be one of red, green$"),
        ("word", 3, "^`word=3`: must be text$"),
        ("whole", 1.0, "^`whole=1.0`: must be a whole number$"),
        ("whole", True, "^`whole=True`: must be a whole number$"),
        ("whole", 2**31, "^`whole=2147483648`: must be at most 2147483647$"),
        ("real", "1", "^`real=1`: must be a number$"),
        ("free", float("inf"), "^`free=inf`: must be finite$"),
        ("free", float("nan"), "^`free=nan`: must be finite$"),
        ("switch", 0, "^`switch=0`: must be true or false$"),
    ],
)
def test_check_names_the_flag_and_what_would_be_right(name: str, value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check(field(name), value)

"""Thresholds of the findings on images, as `--audit_thresholds` gives them."""

import dataclasses
import math
from dataclasses import dataclass, field

from ieg.audit.condition import Thresholds
from ieg.audit.copies import LEAST_CORRELATION
from ieg.audit.outliers import FENCE


@dataclass(frozen=True)
class FindingThresholds:
    """From where on an image is a copy, an outlier, or in bad condition.

    Attributes:
      copy: least correlation of copies, in (0, 1]; see `ieg.audit.find_copies`.
      outlier: fence in interquartile ranges, at least 0; see `ieg.audit.find_outliers`.
      condition: of `ieg.audit.condition.find`.
    Raises:
      ValueError: one is outside its range.
    """

    copy: float = LEAST_CORRELATION
    outlier: float = FENCE
    condition: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        if not 0 < self.copy <= 1:
            raise ValueError(f"copy={self.copy:g} must lie in (0, 1]")
        if not self.outlier >= 0:
            raise ValueError(f"outlier={self.outlier:g} must be at least 0")


def parse(text: str | None) -> FindingThresholds:
    """Read `NAME=NUMBER,...`; what is not named keeps its default.

    Args:
      text: names are copy, outlier, and the fields of `ieg.audit.condition.Thresholds`; None for
        the defaults.
    Raises:
      ValueError: a name is unknown or doubled, or a number is none or outside its range.

    >>> found = parse("dark=0.3,copy=0.99")
    >>> found.copy, found.outlier, found.condition.dark, found.condition.blurred
    (0.99, 1.5, 0.3, 0.4)
    """
    conditions = [field.name for field in dataclasses.fields(Thresholds)]
    known, given = ["copy", "outlier", *conditions], dict[str, float]()
    for part in text.split(",") if text else []:
        name, _, number = (word.strip() for word in part.partition("="))
        if name not in known:
            raise ValueError(f"{name or part} is none of {', '.join(known)}")
        if name in given:
            raise ValueError(f"{name} stands there twice")
        given[name] = _number(name, number)
    of_condition = {name: given.pop(name) for name in conditions if name in given}
    return FindingThresholds(**given, condition=Thresholds(**of_condition))


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name}={text} is not {name}=NUMBER")
    return number

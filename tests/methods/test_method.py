"""What the base class of all methods finds out about a subclass."""

from collections.abc import Mapping
from typing import Any

from ieg.data.pipeline import EpochPlan
from ieg.methods import Method


def test_a_method_that_works_between_epochs_need_not_say_so() -> None:
    class Steps(Method):
        pass

    class Between(Method):
        def on_epoch(self, epoch: int, variables: Any, predict: Any) -> Mapping[str, float]:
            return {}

    class Planned(Method):
        def plan(self, epoch: int, variables: Any) -> EpochPlan:
            return EpochPlan()

    class Heir(Planned):
        pass

    assert [m.by_epoch for m in (Steps, Between, Planned, Heir)] == [False, True, True, True]

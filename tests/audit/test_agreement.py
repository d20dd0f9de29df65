"""Whether an audit can be relied on: agreement beyond chance, worked out by hand."""

import numpy as np
import pytest

from ieg.audit import agreement


def test_agreement_by_hand() -> None:
    found = agreement.measure([[30, 10], [20, 40]])
    assert found[:2] == (100, 0.7) and found.reliable is True
    assert found.chance_agreement == pytest.approx(0.4 * 0.5 + 0.6 * 0.5)


def test_the_limit_is_two_standard_errors_above_chance() -> None:
    # Both classes equally often: c = 1/2, and of 100 examples the standard error is 0.05.
    for right, reliable in ((60, False), (62, True), (40, False)):
        half, other = right // 2, 50 - right // 2
        assert agreement.measure([[half, other], [other, half]]).reliable is reliable


@pytest.mark.parametrize("preferred", [0, 1])
def test_one_answer_for_everything_agrees_by_chance_only(preferred: int) -> None:
    confusion = np.zeros([3, 3])
    confusion[:, preferred] = (900, 60, 40)
    found = agreement.measure(confusion)
    assert found.held_out_agreement == pytest.approx(found.chance_agreement)
    assert found.reliable is False


def test_rare_classes_that_are_recognised_count_for_more_than_the_largest() -> None:
    """Accuracy 0.7 is below that of always saying 0, and still no chance."""
    found = agreement.measure([[560, 120, 120], [0, 70, 30], [0, 30, 70]])
    assert found.held_out_agreement == 0.7 and found.reliable is True


def test_with_nothing_held_out_nothing_is_known() -> None:
    assert agreement.measure(np.zeros([4, 4])) == (0, None, None, None)


@pytest.mark.parametrize(
    ("confusion", "reliable"),
    [
        ([[2, 0], [0, 2]], None),  # c = 1/2, two standard errors are 2 · 0.25
        ([[1, 1], [0, 2]], None),
        ([[3, 0], [0, 2]], True),  # c = 0.52 with an error of 0.223
        ([[1, 2], [1, 1]], False),
        (np.eye(3), True),  # c = 1/3 with an error of 0.272
        ([[27, 0], [3, 0]], False),  # right labels would agree by more than chance
    ],
)
def test_few_labels_tell_only_what_they_can(confusion: list, reliable: bool | None) -> None:
    found = agreement.measure(confusion)
    assert found.reliable is reliable
    assert bool(agreement.warning(found._asdict())) == (reliable is False)


def test_only_an_unreliable_audit_is_warned_of() -> None:
    blind = agreement.measure([[30, 30], [45, 45]])
    said = agreement.warning(blind._asdict())
    assert (
        "of 150 labels" in said and "agrees with 50.0%, and by chance alone it would with" in said
    )
    for confusion in ([[9, 1], [1, 9]], np.zeros([2, 2])):
        assert agreement.warning(agreement.measure(confusion)._asdict()) == ""
    assert agreement.warning({"suspicious": 3}) == ""  # an audit.json of before

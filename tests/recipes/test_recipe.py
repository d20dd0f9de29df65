"""The runs of a recipe: their order, what they begin from, and a part of the grid."""

import pytest

from ieg.errors import InputError
from ieg.recipes import Recipe, Row, RunFolder
from ieg.recipes.run import Run

TWO_STAGES = Recipe(
    "two stages",
    rows={
        "second": Row("dro_lt", {"pretrained_ckpt": RunFolder("first", "digits")}),
        "first": Row("supervised", {"use_ema": False}, datasets=("digits",), takes_flags=False),
        "other": Row("supervised", {"momentum": 0.5}, loss="gce"),
        "third": Row("l2r", folder="own"),
    },
    datasets=("digits_uniform_0.4", "digits_imbal_0.1"),
    seeds=(1, 2),
    flags={"momentum": 0.8},
    runs="runs/two",
)


def identities(plan: list[Run]) -> list[tuple[str, str, int]]:
    return [(run.row, run.place.dataset, run.place.seed) for run in plan]


def test_the_first_seed_of_all_comes_first_and_stages_in_their_order() -> None:
    first_seed = [
        ("first", "digits", 1),
        ("second", "digits_uniform_0.4", 1),
        ("other", "digits_uniform_0.4", 1),
        ("third", "digits_uniform_0.4", 1),
        ("second", "digits_imbal_0.1", 1),
        ("other", "digits_imbal_0.1", 1),
        ("third", "digits_imbal_0.1", 1),
    ]
    second_seed = [(row, dataset, 2) for row, dataset, _ in first_seed]
    assert identities(TWO_STAGES.plan()) == first_seed + second_seed


def test_a_part_brings_what_it_begins_from() -> None:
    plan = TWO_STAGES.plan("mine", ["second"], ["digits_imbal_0.1"], [3], ["--momentum=0.1"])
    assert [run.command() for run in plan] == [
        "python -m ieg.main --dataset=digits --method=supervised --seed=3 --checkpoint_path=mine "
        "--momentum=0.8 --use_ema=false",
        "python -m ieg.main --dataset=digits_imbal_0.1 --method=dro_lt --seed=3 "
        "--checkpoint_path=mine --momentum=0.8 "
        "'--pretrained_ckpt=mine/digits/*/supervised/seed3' --momentum=0.1",
    ]


def test_a_row_has_its_folder_and_its_flags() -> None:
    (loss,) = TWO_STAGES.plan(rows=["other"], datasets=["digits_x"], seeds=[4])
    assert loss.words() == [
        "--dataset=digits_x", "--method=supervised", "--seed=4", "--checkpoint_path=runs/two/gce",
        "--loss=gce", "--momentum=0.5",
    ]  # fmt: skip
    (third,) = TWO_STAGES.plan(rows=["third"], datasets=["digits_x"], seeds=[4])
    assert third.flags["checkpoint_path"] == "runs/two/own"


@pytest.mark.parametrize(
    ("rows", "datasets", "message"),
    [
        (["firs"], [], r"unknown row 'firs' \(did you mean 'first'\?\); there are: second, first"),
        ([], ["cifar10"], "unknown data set 'cifar10'; there are: digits_uniform_0.4, digits_im"),
        (["first"], ["digits_imbal_0.1"], "there is no run of first on digits_imbal_0.1"),
    ],
)
def test_a_part_that_is_not_there(rows: list[str], datasets: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TWO_STAGES.plan("", rows, datasets)

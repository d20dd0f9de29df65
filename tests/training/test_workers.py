"""What workers tell each other; the other one's answers are given here."""

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

from ieg import config, experiment
from ieg.errors import InputError, TrainingStopped
from ieg.training.workers import Workers, together


class Told(Workers):
    """One of two workers, which hears what a test says instead of the other."""

    def __init__(self, index: int, *heard: Any) -> None:
        super().__init__(tf.distribute.get_strategy())
        self.count, self.index = 2, index
        self.heard = list(heard)

    def gather(self, value: Any) -> list[Any]:
        both = [value, self.heard.pop(0)]
        return both if self.is_chief else both[::-1]


def refuse() -> None:
    raise InputError("mine")


def test_one_process_talks_to_itself() -> None:
    alone = Workers(tf.distribute.get_strategy())
    assert (alone.count, alone.is_chief, alone.gather({"a": 1})) == (1, True, [{"a": 1}])
    assert alone.each(lambda: 3) == alone.from_chief(lambda: 3) == 3
    alone.require_same({"--seed": 1})


def test_what_one_worker_cannot_do_is_raised_on_both() -> None:
    assert Told(1, None).each(lambda: 3) == 3
    with pytest.raises(InputError, match="^mine$"):
        Told(1, None).each(refuse)
    with pytest.raises(InputError, match="^worker 0: theirs$"):
        Told(1, "theirs").each(lambda: 3)
    with pytest.raises(InputError, match="^mine$"):
        Told(1, "theirs").each(refuse)


def test_the_chief_alone_decides() -> None:
    assert Told(0, None, None).from_chief(lambda: 20) == 20
    other = Told(1, None, 20)
    assert other.from_chief(refuse) == 20, "only the chief is asked"
    with pytest.raises(InputError, match="worker 0: theirs"):
        Told(1, "theirs").from_chief(refuse)


def test_workers_of_different_runs_are_refused_with_both_values() -> None:
    same = {"--seed": 1, "--method": "l2r"}
    Told(0, dict(same)).require_same(same)
    for index, values in ((0, (1, 2)), (1, (2, 1))):
        said = "^workers differ: --seed is 1 on worker 0 and 2 on worker 1; start all with"
        with pytest.raises(InputError, match=said):
            Told(index, {**same, "--seed": values[1]}).require_same({**same, "--seed": values[0]})


def test_a_lost_worker_is_said_in_words() -> None:
    gone = tf.errors.UnavailableError(None, None, "Socket closed")
    lost = pytest.raises(TrainingStopped, match="^another worker is lost .UnavailableError.; start")
    with lost, together(several=True):
        raise gone
    with pytest.raises(tf.errors.UnavailableError), together(several=False):
        raise gone
    with pytest.raises(tf.errors.ResourceExhaustedError), together(several=True):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")


@pytest.mark.parametrize(
    ("flag", "more"),
    [
        ("pretrained_ckpt", {"method": "supervised"}),
        ("mixup_clean_ckpt", {"method": "mixup_labels", "mixup_variant": "upper_bound"}),
    ],
)
def test_a_checkpoint_that_one_worker_does_not_see_is_told_to_all(
    flag: str, more: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def each(self: Workers, do: Callable[[], Any]) -> Any:
        try:
            return do()
        except InputError as error:
            raise InputError(f"told: {error}") from None

    monkeypatch.setattr(Workers, "each", each)
    with pytest.raises(InputError, match=f"^told: `{flag}=/no/such`: no checkpoint there"):
        experiment.build(config.resolve({"dataset": "digits", flag: "/no/such", **more}))

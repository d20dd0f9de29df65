"""--help: what matters first, and one thing alone."""

import pytest

from ieg import config, help
from ieg.errors import InputError


def test_the_overview_begins_with_what_matters() -> None:
    text = help.overview()
    order = ["--mode, ", "\n  train ", "--dataset, ", "folder:PATH", "--method, ", "\n  fsr "]
    order += [f"\n{group}, for every method:" for group in config.GROUPS]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "--queue_capacity" not in text


@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    [
        ("fsr", "--queue_capacity", "--seed"),
        ("gce", "--gce_q", "--seed"),
        ("training", "--learning_rate", "--seed"),
        ("network", "\n  wrn28-10 ", "--seed"),
    ],
)
def test_help_on_one_thing(name: str, has: str, lacks: str) -> None:
    text = help.on(name)
    assert has in text and lacks not in text


def test_the_words_that_ask() -> None:
    assert help.asked(["--dataset=digits", "--helpful"]) is None
    assert help.asked(["--seed=1", "-h", "--help"]) == help.overview()
    assert help.asked(["--help=l2r"]) == help.on("l2r")
    assert help.asked(["--helpfull"]) == help.everything()
    with pytest.raises(InputError, match=r"^no help on 'fs' \(did you mean 'fsr'\?\); there is"):
        help.asked(["--help=fs"])

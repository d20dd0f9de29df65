"""The grammar of data set names."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ieg.data import sources
from ieg.data.names import DatasetName, absolute, parse, without_folders
from ieg.errors import InputError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("digits", DatasetName("digits", imbalance=None, noise=None, ratio=0.0)),
        ("digits_uniform_0.4", DatasetName("digits", noise="uniform", ratio=0.4)),
        ("digits_symmetric_1", DatasetName("digits", noise="symmetric", ratio=1.0)),
        ("digits_asymmetric_0", DatasetName("digits", noise="asymmetric", ratio=0.0)),
        ("digits_imbal_0.1", DatasetName("digits", imbalance=0.1)),
        ("digits_imbal_1", DatasetName("digits", imbalance=1.0)),
        ("digits_imbal_0.02_0.2", DatasetName("digits", 0.02, "uniform", 0.2)),
        ("digits_imbalstep_0.1", DatasetName("digits", imbalance=0.1, profile="imbalstep")),
        ("digits_imbalstep_0.1_0.2", DatasetName("digits", 0.1, "uniform", 0.2, "imbalstep")),
        ("digits_imbal_0.1_prior_0.4", DatasetName("digits", 0.1, "prior", 0.4)),
        ("digits_imbalstep_1_uniform_0", DatasetName("digits", 1, "uniform", 0, "imbalstep")),
        ("cifar10", DatasetName("cifar10")),
        ("cifar100_superpair_0.4", DatasetName("cifar100", noise="superpair", ratio=0.4)),
        ("cifar10n_worst", DatasetName("cifar10n_worst")),
        ("cifar100n_fine_imbal_0.1", DatasetName("cifar100n_fine", imbalance=0.1)),
    ],
)
def test_a_name_means_base_imbalance_and_noise(name: str, expected: DatasetName) -> None:
    assert parse(name) == replace(expected, text=name)


def test_the_longest_known_base_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    digits = sources.REGISTRY.get("digits")
    monkeypatch.setitem(sources.REGISTRY._entries, "digits_uniform", digits)
    assert parse("digits_uniform").base == "digits_uniform"
    found = parse("digits_uniform_imbal_0.1")
    assert (found.base, found.imbalance, found.noise) == ("digits_uniform", 0.1, None)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("cifar", "unknown data set"),
        ("digitsuniform_0.4", "unknown data set"),
        ("", "unknown data set"),
        ("digits_imbal", "the imbalance factor is missing"),
        ("digits_imbalstep", "the imbalance factor is missing"),
        ("digits_uniform", "the noise ratio is missing"),
        ("digits_typo_0.4", "unknown noise type 'typo'"),
        ("digits_0.4", "'0.4' is not understood"),
        ("digits_", "'' is not understood"),
        ("digits_imbal_0.1_typo_0.2", "unknown noise type 'typo'"),
        ("digits_imbal_0.1_prior", "the noise ratio must be a number, not 'prior'"),
        ("digits_imbal_0.1_prior_2", r"the noise ratio must be in \[0, 1\], not 2"),
        ("digits_uniform_0.1_prior_0.2", "'uniform_0.1_prior_0.2' is not understood"),
        ("digits_uniform_half", "the noise ratio must be a number, not 'half'"),
        ("digits_imbal_0.1_half", "the noise ratio must be a number, not 'half'"),
        ("digits_imbal_half", "the imbalance factor must be a number, not 'half'"),
        ("digits_uniform_1.1", r"the noise ratio must be in \[0, 1\], not 1.1"),
        ("digits_uniform_-0.1", r"the noise ratio must be in \[0, 1\], not -0.1"),
        ("digits_uniform_nan", r"the noise ratio must be in \[0, 1\], not nan"),
        ("digits_imbal_0.1_2", r"the noise ratio must be in \[0, 1\], not 2"),
        ("digits_imbal_0", r"the imbalance factor must be in \(0, 1\], not 0"),
        ("cifar10n_worst_uniform_0.2", "cifar10n_worst has human labels of its own, so no noise"),
        ("cifar10n_rand1_imbal_0.1_0.2", "cifar10n_rand1 has human labels of its own, so no noise"),
        ("cifar10n", "unknown data set"),
        ("digits_imbal_100", r"the imbalance factor must be in \(0, 1\], not 100"),
    ],
)
def test_an_error_names_the_problem_and_shows_the_grammar(name: str, problem: str) -> None:
    grammar = r"a name is BASE, BASE_NOISE_RATIO, BASE_imbal_FACTOR, BASE_imbal_FACTOR_RATIO"
    with pytest.raises(InputError, match=f"^`dataset={name}`: {problem}.*; {grammar}") as raised:
        parse(name)
    listed = str(raised.value).split(" with BASE ")[-1]
    for known in ("digits", "asymmetric", "symmetric", "uniform"):
        assert re.search(rf"\b{known}\b", listed)


def test_a_path_of_ones_own_is_the_same_however_it_was_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    whole = f"folder:{tmp_path}/photos"
    typed = ("folder:~/photos", "folder:../photos", "folder:../photos/", whole)
    assert {absolute(name) for name in typed} == {whole}
    assert {without_folders(name) for name in typed} == {"folder:photos"}
    assert without_folders("digits_uniform_0.4") == "digits_uniform_0.4"
    assert absolute("csv:labels.csv") == f"csv:{tmp_path}/below/labels.csv"
    assert [absolute(name) for name in ("digits_uniform_0.4", "folder:", "other:x")] == [
        "digits_uniform_0.4",
        "folder:",
        "other:x",
    ]

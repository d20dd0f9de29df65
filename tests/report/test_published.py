"""The published numbers: every line of the file, and the digits of a few against their sources."""

import shutil
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from ieg.data import names, sources
from ieg.report import published


def values(method: str, dataset: str, source: str, epoch: str = "") -> list[str]:
    return [
        str(line.value)
        for line in published.load()
        if (line.method, line.epoch) == (method, epoch)
        and dataset in line.datasets
        and source in line.source
    ]


def test_every_line_can_be_used() -> None:
    lines = published.load()
    assert len(lines) > 300
    for line in lines:
        assert line.method and line.setting and line.source, line
        assert line.read in published.READ, line
        assert line.epoch in published.EPOCHS, line
        assert 0 < line.value < 1, line
        assert line.spread is None or 0 < line.spread < Decimal("0.05"), line
        assert len(line.definition) <= 45, "it stands in a cell"
        assert all(line.settings.values()), line


def test_every_data_set_is_a_name_of_ours_with_the_ratio_of_the_setting() -> None:
    for line in published.load():
        for name in line.datasets:
            meaning = names.parse(name)
            assert meaning.base in sources.REGISTRY.names()
            if meaning.noise is not None:
                assert line.setting.endswith(f"{meaning.ratio:g}") or (
                    f"{meaning.ratio:g}, " in line.setting
                )
            if meaning.imbalance is not None:
                # Imbalance 50 is the factor 0.02: the smallest class over the largest.
                assert f"imbalance {1 / meaning.imbalance:g}" in line.setting


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("ieg", "cifar100_uniform_0.4", "IEG"), ["0.802"]),
        (("ieg", "cifar10_uniform_0.8", "thexp"), ["0.9481"]),
        (("fsr", "cifar100_uniform_0.2", "FSR"), ["0.787"]),
        (("l2r", "cifar10_uniform_0.8", "CMW-Net"), ["0.5859"]),
        (("supervised", "cifar100_uniform_0.8", "CMW-Net"), ["0.0829"]),
        (("l2r", "cifar100_imbal_0.05", "FaMUS"), ["0.5164"]),
        (("supervised", "cifar10_imbal_0.02", "FaMUS"), ["0.7481"]),
        (("dro_lt", "cifar100_imbal_0.02", "Weight Balancing"), ["0.5757"]),
        (("dynamic_loss", "cifar100_imbal_0.01", "wizwand"), ["0.5054"]),
    ],
)
def test_digits_are_those_of_the_source(arguments: tuple[str, ...], expected: list[str]) -> None:
    assert values(*arguments) == expected


LOW_TEMPERATURE = {"proselflc_trust_mode": "max_p", "detach_target": True}


@pytest.mark.parametrize(
    ("dataset", "settings", "source", "expected"),
    [
        (
            "cifar100_superpair_0.3",
            {"loss": "proselflc", "proselflc_temperature": 1.0, "detach_target": False,
             "proselflc_trust_mode": "entropy", "proselflc_exp_base": 12.0},
            "ProSelfLC (CVPR",
            ["0.679"],
        ),
        (
            "cifar100_symmetric_0.4",
            {"loss": "proselflc", "proselflc_temperature": 0.5, "proselflc_exp_base": 12.0,
             **LOW_TEMPERATURE},
            "DeepCritical",
            ["0.6835", "0.6844"],
        ),
        (
            "cifar100_symmetric_0.4",
            {"loss": "proselflc", "proselflc_temperature": 0.4, "proselflc_exp_base": 8.0,
             **LOW_TEMPERATURE},
            "DeepCritical",
            ["0.6155", "0.6194"],
        ),
        (
            "cifar100_symmetric_0.6",
            {"loss": "proselflc", "proselflc_temperature": 1.0, "detach_target": False,
             "proselflc_trust_mode": "entropy", "proselflc_exp_base": 16.0},
            "ProSelfLC (CVPR",
            ["0.323"],
        ),
        (
            "cifar100_symmetric_0.6",
            {"loss": "dm", "dm_lambda": 0.5, "dm_beta": 8.0},
            "Derivative",
            ["0.529"],
        ),
        ("cifar100_symmetric_0.6", {"loss": "dm", "dm_lambda": 0.5, "dm_beta": 12.0}, "", []),
        ("cifar100_symmetric_0.4", {"loss": "imae", "imae_temperature": 8.0}, "IMAE",
         ["0.5299", "0.5468"]),
        ("cifar100", {"loss": "label_smoothing", "label_smoothing": 0.5, "l2_weight_decay": 5e-4},
         "ProSelfLC (CVPR", ["0.684"]),
        ("cifar100_symmetric_0.4", {"loss": "label_smoothing", "label_smoothing": 0.5},
         "DeepCritical", ["0.5765", "0.6475", "0.5606", "0.5964"]),
        ("cifar100_imbal_0.01", {"loss": "ldam", "train_rule": "drw"}, "Weight", ["0.4204"]),
        ("cifar100_imbal_0.01", {"loss": "ldam", "train_rule": "none"}, "Weight", []),
    ],
)  # fmt: skip
def test_numbers_of_a_loss_stand_beside_runs_with_its_settings(
    dataset: str, settings: dict[str, object], source: str, expected: list[str]
) -> None:
    result = {"method": "supervised", "dataset": dataset, "settings": settings}
    found = [str(p.value) for p in published.beside(result) if source in p.source]
    assert found == expected
    assert not any("ce" in p.settings.get("loss", "").split() for p in published.beside(result))


def test_spread_and_definition_stand_beside_the_number() -> None:
    result = {
        "method": "ieg",
        "dataset": "cifar100_uniform_0.8",
        "settings": {"probe_dataset_hold_ratio": 0.02},
    }
    (line,) = published.beside(result)
    assert line.number() == "0.755 ± 0.002"
    assert line.origin() == (
        "IEG (arXiv 1910.00701), abstract: "
        "CIFAR-100 uniform 0.8, 10 trusted images a class, WRN-28-10"
    )
    assert published.beside(result | {"settings": {"probe_dataset_hold_ratio": 0.1}}) == []


def test_clamped_weights_of_isic_are_not_those_of_clipped_runs() -> None:
    for clip, expected in ((0.0, ["0.6"]), (0.25, [])):
        settings = {"weight_mode": "clamp", "clip_norm": clip}
        result = {"method": "l2r", "dataset": "isic2019_symmetric_0.4", "settings": settings}
        assert [f"{p.value:g}" for p in published.beside(result)] == expected


@pytest.mark.slow
def test_what_pip_installs_holds_files_that_are_no_code(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77")
    root = Path(published.__file__).parents[2]
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, tmp_path)
    shutil.copytree(root / "ieg", tmp_path / "ieg", ignore=shutil.ignore_patterns("__pycache__"))
    command = "pip wheel -q --no-deps --no-build-isolation --no-index -w wheel ."
    subprocess.run([sys.executable, "-m", *command.split()], cwd=tmp_path, check=True)
    (wheel,) = (tmp_path / "wheel").iterdir()
    files = ("page.html", "gallery.html", "page.css", "page.js")
    parts = {f"ieg/report/page/{name}" for name in files}
    installed = set(zipfile.ZipFile(wheel).namelist())
    assert {"ieg/py.typed", "ieg/report/published.csv", *parts} <= installed


def test_no_number_stands_twice():
    lines = [
        (p.method, p.setting, p.network, str(p.settings), p.epoch, p.value, p.source)
        for p in published.load()
    ]
    assert len(lines) == len(set(lines))
    dynamic = [p.value for p in published.load() if p.method == "dynamic_loss"]
    assert len(dynamic) == len(set(dynamic)) == 9

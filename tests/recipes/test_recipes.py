"""Every recipe: its flags are options that there are, its numbers are found, and papers' values."""

import re
from pathlib import Path

import pytest

from ieg.config import resolve
from ieg.losses import REGISTRY as LOSSES
from ieg.recipes import RECIPES, overview
from ieg.recipes.run import Place, Run
from ieg.report import published

ROOT = Path(__file__).parents[2]


def resolved(run: Run) -> dict[str, object]:
    """All values of a run, as `ieg.main` makes them from its flags."""
    typed = {name: str(v) if isinstance(v, Place) else v for name, v in run.flags.items()}
    return resolve(typed).values()


def values_of(name: str) -> dict[tuple[str, str], dict[str, object]]:
    """(row, data set) → the values of that run."""
    recipe = RECIPES.get(name)
    plan = recipe.plan(seeds=recipe.seeds[:1])
    return {(run.row, run.place.dataset): resolved(run) for run in plan}


@pytest.mark.parametrize("name", RECIPES.names())
def test_a_recipe_resolves_to_what_it_states(name: str) -> None:
    recipe = RECIPES.get(name)
    plan = recipe.plan()
    assert len({str(run.place) for run in plan}) == len(plan), "two runs in one folder"
    for run in plan[: len(plan) // len(recipe.seeds)]:
        found = resolved(run)
        assert {option: found[option] for option in run.flags} == {
            option: str(v) if isinstance(v, Place) else v for option, v in run.flags.items()
        }


@pytest.mark.parametrize("name", RECIPES.names())
def test_published_numbers_stand_beside_the_runs(name: str) -> None:
    """Each number of a recipe's own methods and data is one that the table shows for a run."""
    recipe = RECIPES.get(name)
    assert bool(recipe.numbers()) == bool(recipe.published)
    methods = {row.method for row in recipe.rows.values()}
    shown = [
        line
        for values in values_of(name).values()
        for line in published.beside(
            {"method": values["method"], "dataset": values["dataset"], "settings": values}
        )
    ]
    for line in recipe.numbers():
        # Numbers of cross entropy are quoted beside those of ProSelfLC.
        quoted = name.startswith("proselflc") and line.settings.get("loss") == "ce"
        if line.method in methods and line.datasets and not quoted:
            assert line in shown, line


@pytest.mark.parametrize("name", RECIPES.names())
def test_measured_results_are_of_runs_of_the_recipe(name: str) -> None:
    recipe = RECIPES.get(name)
    places = {(run.row, run.place.dataset) for run in recipe.plan()}
    measured = {(row, dataset) for row, found in recipe.measured.items() for dataset in found}
    assert measured in (set(), places)
    assert bool(measured) == bool(recipe.measure)


def test_measured_results_are_those_of_the_page() -> None:
    _, page = (ROOT / "docs/results.md").read_text().split("# Results on digits\n")
    for row, found in RECIPES.get("digits").measured.items():
        line = next(line for line in page.splitlines() if re.match(rf"\| {row}\b", line))
        means = [float(value) for value in re.findall(r"([\d.]+) ±", line)]
        assert means == list(found.values())


NUMBERS = {
    # recipe → (method, data set, published value), as in the papers
    "ieg_cifar100": [
        ("ieg", "cifar100_uniform_0.4", "0.802"),
        ("ieg", "cifar100_uniform_0.8", "0.755"),
    ],
    "ieg_cifar10": [
        ("ieg", "cifar10_uniform_0.4", "0.9501"),
        ("ieg", "cifar10_uniform_0.8", "0.9481"),
    ],
    "compare_cifar10": [
        (method, f"cifar10_uniform_{ratio}", value)
        for method, values in (
            ("l2r", ("0.8945", "0.8718", "0.5859")),
            ("supervised", ("0.8698", "0.7752", "0.5382")),
        )
        for ratio, value in zip((0.2, 0.4, 0.8), values, strict=True)
    ],
    "compare_cifar100": [
        (method, f"cifar100_uniform_{ratio}", value)
        for method, values in (
            ("l2r", ("0.6532", "0.5575", "0.168")),
            ("supervised", ("0.6038", "0.4692", "0.0829")),
        )
        for ratio, value in zip((0.2, 0.4, 0.8), values, strict=True)
    ],
    "fsr_cifar100": [("fsr", "cifar100_uniform_0.2", "0.787")],
    "run_fsr_webvision": [("fsr", "", "0.749"), ("fsr", "", "0.723")],
    "dro_lt_cifar100": [
        (method, f"cifar100_imbal_{factor}", value)
        for method, values in (
            ("supervised", ("0.3832", "0.4385", "0.5571")),
            ("dro_lt", ("0.4731", "0.5757", "0.6341")),
        )
        for factor, value in zip((0.01, 0.02, 0.1), values, strict=True)
    ],
    "proselflc_cifar100_resnet18": [
        ("supervised", "cifar100_symmetric_0.4", value)
        for value in ("0.4755", "0.6297", "0.6835", "0.6844")
    ],
    "proselflc_cifar100_shufflenetv2": [
        ("supervised", "cifar100_symmetric_0.4", value)
        for value in ("0.4957", "0.584", "0.6155", "0.6194")
    ],
    "proselflc_cifar100_label_smoothing": [
        ("supervised", "cifar100_symmetric_0.4", value)
        for value in ("0.4957", "0.584", "0.5606", "0.5964")
    ],
    "proselflc_deeploc": [
        ("supervised", "", value) for value in ("0.887", "0.924", "0.842", "0.922")
    ],
    "isic_2019": [
        ("supervised", "isic2019", "0.797"),
        ("supervised", "isic2019_symmetric_0.2", "0.68"),
        ("supervised", "isic2019_symmetric_0.4", "0.55"),
        ("l2r", "isic2019_symmetric_0.2", "0.67"),
        ("l2r", "isic2019_symmetric_0.4", "0.6"),
        ("l2r", "isic2019_symmetric_0.2", "0.68"),
        ("l2r", "isic2019_symmetric_0.4", "0.64"),
        ("l2r", "isic2019_clean125_symmetric_0.2", "0.69"),
        ("l2r", "isic2019_clean125_symmetric_0.4", "0.66"),
        *(("mixup_labels", "isic2019_symmetric_0.4", v) for v in ("0.6", "0.56", "0.7", "0.557")),
    ],
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_those_of_the_papers(name: str) -> None:
    found = [
        (n.method, " ".join(n.datasets), f"{float(n.value):g}") for n in RECIPES.get(name).numbers()
    ]
    assert found == NUMBERS[name]


#: Recipe → values of each of its runs. What presets and methods bring stands here, beside what the
#: recipe states itself, since a paper states both.
CIFAR_RUN = {"max_iteration": 200000, "batch_size": 100, "lr_schedule": "cosine"}
FSR_LONG_TAIL = {
    "network_name": "resnet32", "batch_size": 128, "max_epoch": 200, "meta_partial_level": 0,
    "lr_schedule": "custom_step", "decay_epochs": "160,180", "decay_rate": 0.01,
    "meta_start_epoch": 160,
}  # fmt: skip
ISIC = {
    "backbone": "keras:ResNet50", "train_backbone": True, "batch_size": 32, "max_epoch": 200,
    "learning_rate": 1e-3, "momentum": 0, "decay_rate": 0.5,
}  # fmt: skip
RECORDS_OF_PROSELFLC = {
    "max_iteration": 39000, "batch_size": 128, "accumulation_steps": 10, "classes_per_batch": 64,
    "weak_pad": 4, "weak_rotation": 15, "pixel_mean": "0.50708,0.48655,0.44092",
    "pixel_std": "0.26733,0.25644,0.27615", "learning_rate": 0.2, "momentum": 0.9,
    "lr_schedule": "custom_step", "decay_steps": "20000,30000", "decay_rate": 0.1,
    "use_ema": False, "eval_freq": 500,
}  # fmt: skip
PROSELFLC = {
    "loss": "proselflc", "proselflc_trust_mode": "max_p", "detach_target": True,
    **RECORDS_OF_PROSELFLC,
}  # fmt: skip
PAPERS: dict[str, dict[str, object]] = {
    "ieg_cifar100": {"network_name": "wrn28-10", "probe_dataset_hold_ratio": 0.02, **CIFAR_RUN},
    "ieg_cifar10": {"network_name": "wrn28-10", "probe_dataset_hold_ratio": 0.002, **CIFAR_RUN},
    "ieg_cifar10_resnet29": {
        "network_name": "resnet29", "probe_dataset_hold_ratio": 0.002, **CIFAR_RUN,
    },
    "compare_cifar100": {"network_name": "wrn28-10", "probe_dataset_hold_ratio": 0.02, **CIFAR_RUN},
    "compare_cifar10": {"network_name": "wrn28-10", "probe_dataset_hold_ratio": 0.002, **CIFAR_RUN},
    "fsr_cifar100": {
        "network_name": "wrn28-10", "max_iteration": 63500, "cos_t_mul": 2,
        "queue_capacity": 2000, "meta_partial_level": 0,
    },
    "run_fsr_cifar_longtail": {
        **FSR_LONG_TAIL, "label_smoothing": 0.1, "use_mixup": False, "use_pseudo_loss": "none",
        "clip_meta_weight": False, "queue_capacity": 3000, "queue_bs": 800,
    },
    "run_fsr_cifar_longtail_noise": {
        **FSR_LONG_TAIL, "label_smoothing": 0.1, "use_mixup": True,
        "use_pseudo_loss": "all_1_0.1_2", "clip_meta_weight": True, "queue_capacity": 2000,
        "queue_bs": 200,
    },
    "proselflc_cifar100_resnet18": {
        "network_name": "resnet18", "proselflc_temperature": 0.5, "proselflc_exp_base": 12,
        "l2_weight_decay": 2e-3, **PROSELFLC,
    },
    "proselflc_cifar100_shufflenetv2": {
        "network_name": "shufflenetv2", "proselflc_temperature": 0.4, "proselflc_exp_base": 8,
        "l2_weight_decay": 1e-3, **PROSELFLC,
    },
    "proselflc_cifar100_label_smoothing": {
        "network_name": "shufflenetv2", "loss": "label_smoothing", "label_smoothing": 0.5,
        "l2_weight_decay": 1e-3, **RECORDS_OF_PROSELFLC,
    },
    "ieg_webvision": {
        "network_name": "resnet50", "batch_size": 8, "max_iteration": 1000000,
        "use_imagenet_as_eval": True, "val_batch_size": 50, "eval_freq": 10000, "ce_factor": 4,
        "consistency_factor": 8, "lr_schedule": "cosine", "warmup_epochs": 0, "cos_t_mul": 1.5,
        "learning_rate": 0.1, "l2_weight_decay": 4e-4,
    },
    "dynamic_loss_cifar10": {
        "network_name": "resnet32_skip", "batch_size": 512, "max_epoch": 325, "momentum": 0.9,
        "learning_rate": 0.1, "lr_schedule": "cosine_epoch", "warmup_epochs": 5, "use_ema": False,
        "l2_weight_decay": 5e-4, "dynamic_learning_rate": 3e-3, "dynamic_ranks": 100,
        "dynamic_width": 64, "dynamic_warmup_epochs": 5, "dynamic_random_ratio": 0.5,
        "dynamic_low_loss_ratio": 0.5, "dynamic_classwise": True, "dynamic_meta_epochs": 1,
    },
    "proselflc_deeploc": {
        "batch_size": 32, "accumulation_steps": 10, "max_epoch": 40, "classes_per_batch": 2,
        "network_name": "transformer",
    },
    "isic_2019": ISIC,
}  # fmt: skip


@pytest.mark.parametrize("name", PAPERS)
def test_runs_have_the_settings_of_the_papers(name: str) -> None:
    for run, values in values_of(name).items():
        assert {option: values[option] for option in PAPERS[name]} == PAPERS[name], run


def test_isic_has_the_settings_of_its_study() -> None:
    found = values_of("isic_2019")
    assert {row for row, _ in found} == RECIPES.get("isic_2019").rows.keys()
    for (row, _), values in found.items():
        clipped = row not in ("baseline", "clamp_5")
        assert values["clip_norm"] == (0.25 if clipped else 0)
        assert values["probe_batch_size"] == (None if row.startswith("baseline") else 5)
        assert values.get("meta_schedule", "learning_rate") == "learning_rate"
        assert values["checkpoint_path"] == f"runs/isic_2019/{row}"
    mode = {row: values.get("weight_mode") for (row, _), values in found.items()}
    assert (mode["clamp_5"], mode["sigmoid_5"], mode["sigmoid_125"]) == (
        "clamp",
        "sigmoid",
        "sigmoid",
    )
    high = {row: values for (row, dataset), values in found.items() if dataset.endswith("0.4")}
    assert [
        (high[row]["mixup_variant"], high[row]["mixup_target"], high[row]["mixup_stale"])
        for row in ("mixup_hard", "mixup_soft", "upper_bound", "proposal")
    ] == [
        ("labels", "hard", "memory"),
        ("labels", "soft", "memory"),
        ("upper_bound", "hard", "memory"),
        ("proposal", "hard", "memory"),
    ]


def test_both_stages_of_dro_lt_on_cifar() -> None:
    found = values_of("dro_lt_cifar100")
    one = found["supervised", "cifar100_imbal_0.02"]
    two = found["dro_lt", "cifar100_imbal_0.02"]
    assert (one["max_epoch"], one["learning_rate"], one["l2_weight_decay"]) == (200, 0.1, 2e-4)
    assert (two["max_epoch"], two["learning_rate"], two["l2_weight_decay"]) == (100, 0.005, 1e-4)
    assert (two["sampler"], two["images_in_a_row"], two["batch_size"]) == ("class_aware", 4, 128)
    assert (two["dro_selection"], two["network_name"]) == ("best", one["network_name"])
    for stage in (one, two):
        assert (stage["weak_pad"], stage["pixel_mean"]) == (4, "0.4914,0.4822,0.4465")
        assert stage["pixel_std"] == "0.2023,0.1994,0.2010"
    assert two["strong_crop"] == "none"


def test_deeploc_has_the_settings_of_proselflc() -> None:
    found = values_of("proselflc_deeploc")
    rates = {run: values["learning_rate"] for run, values in found.items()}
    assert rates == {
        ("ce", "deeploc"): 0.02,
        ("ce", "deeploc_unknown"): 0.01,
        ("proselflc", "deeploc"): 0.02,
        ("proselflc", "deeploc_unknown"): 0.01,
    }
    last = found["proselflc", "deeploc_unknown"]
    assert (last["proselflc_trust_mode"], last["proselflc_temperature"]) == ("entropy", 0.2)


def test_dynamic_loss_has_the_data_of_its_three_configurations() -> None:
    found = [dataset for _, dataset in values_of("dynamic_loss_cifar10")]
    assert found == [
        f"cifar10_imbal_{imb}_prior_{cor}" for cor, imb in ((0.2, 0.1), (0.4, 0.1), (0.4, 0.01))
    ]


def test_supervised_digits_have_the_settings_of_fsr_that_apply() -> None:
    found = values_of("digits_longtail")
    smoothing = [(v["dataset"], v["method"], v["label_smoothing"]) for v in found.values()]
    assert smoothing == [
        ("digits_imbal_0.05", "supervised", 0.1),
        ("digits_imbal_0.05", "fsr", 0.1),
        ("digits_imbal_0.05_0.3", "supervised", 0.0),
        ("digits_imbal_0.05_0.3", "fsr", 0.0),
    ]
    assert [v.get("clip_meta_weight") for v in found.values()] == [None, False, None, True]


def test_meta_learned_labels_stand_beside_eight_others() -> None:
    found = values_of("mixup_labels_digits")
    assert next(iter(found)) == ("clean", "digits")
    for (row, dataset), values in found.items():
        assert dataset == ("digits" if row == "clean" else "digits_uniform_0.4")
        clipped = row not in ("clean", "plain", "l2r_clamp")
        assert values["clip_norm"] == (0.25 if clipped else 0)
        if values["method"] != "supervised":
            ratio = 0.084 if row.endswith("many") else 0.007
            assert values["probe_dataset_hold_ratio"] == ratio
            assert values["probe_batch_size"] == 10


def test_losses_digits_has_every_loss() -> None:
    assert sorted(RECIPES.get("losses_digits").rows) == LOSSES.names()


def test_the_listing_has_a_line_for_each_and_a_description_has_all() -> None:
    lines = overview.listing().splitlines()
    assert [line.split()[0] for line in lines] == [*RECIPES.names(), "free"]
    for name, line in zip(RECIPES.names(), lines, strict=False):
        recipe = RECIPES.get(name)
        assert recipe.source in line and recipe.cost in line
        text = " ".join(overview.description(name, recipe).split())
        assert recipe.remarks in text and text.count(" published ") >= len(recipe.numbers())
        assert all(
            f"{v:.3f} {row} on" in text for row, d in recipe.measured.items() for v in d.values()
        )
    assert "0.802 ± 0.003 ieg" in overview.description("ieg_cifar100", RECIPES.get("ieg_cifar100"))

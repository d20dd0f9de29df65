"""The scripts: what they run, every flag whole, and how the grid goes on, stops and reports."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from absl import flags

from ieg import config
from ieg.data.cifar import CIFAR10, CIFAR100
from ieg.losses import REGISTRY as LOSSES
from ieg.report import published
from tests import runs
from tests.data import archives, trees

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "scripts").glob("*.sh"))
GRID = ROOT / "scripts/grid.sh"
SMALL = ("--max_iteration=4", "--eval_freq=2", "--batch_size=20", "--train_eval_size=50")

#: Stands in for python: notes its words, and leaves a result as a run does. The method's name says
#: how a run ends: `exit3` with status 3, `waits` when it is told to, `dies` at once.
STAND_IN = """#!{python}
import json, os, pathlib, signal, sys, time

words = sys.argv[1:]
with open({log!r}, "a") as file:
    print(json.dumps(words), file=file)
if words[:2] == ["-m", "ieg.report.table"]:
    sys.exit(print("the table"))
given = dict(word[2:].split("=", 1) for word in words[2:])
folder = pathlib.Path(given["checkpoint_path"], given["dataset"], given.get("network_name", "cnn"))
folder = folder / given["method"] / ("seed" + given["seed"])
if given["method"] == "waits":
    def save(number, frame):
        time.sleep(1)
        pathlib.Path("saved").touch()
        sys.exit(128 + number)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, save)
    print("waiting", flush=True)
    time.sleep(60)
if given["method"] == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
if given["method"].startswith("exit"):
    sys.exit(int(given["method"][4:]))
folder.mkdir(parents=True, exist_ok=True)
if not (folder / "result.json").exists():
    (folder / "result.json").write_text(str(time.time_ns()))
"""


class Shell(NamedTuple):
    """A folder in which scripts run with the stand-in for python."""

    folder: Path
    log: Path
    environment: dict[str, str]

    def run(self, script: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(script), *words],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def grid(
        self, methods: str, *words: str, datasets: str = "digits", seeds: str = "1"
    ) -> subprocess.CompletedProcess[str]:
        names = ("--methods", methods, "--datasets", datasets, "--seeds", seeds, "--runs", "runs")
        return self.run(GRID, *names, *words)

    def commands(self) -> list[list[str]]:
        """The words of every ieg.main since the last look; those of the table are left out."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        commands = [json.loads(line) for line in lines]
        return [words[2:] for words in commands if words[:2] == ["-m", "ieg.main"]]


def path_with(folder: Path) -> dict[str, str]:
    """The environment with a folder of programs in front."""
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    programs, log = tmp_path / "bin", tmp_path / "log"
    programs.mkdir()
    (programs / "python").write_text(STAND_IN.format(python=sys.executable, log=str(log)))
    (programs / "python").chmod(0o755)
    (tmp_path / "work").mkdir()
    return Shell(tmp_path / "work", log, path_with(programs))


def resolved(words: list[str]) -> config.Settings:
    """The settings that ieg.main makes of these words; a flag that is not whole is an error."""
    for word in words:
        assert re.fullmatch(r"--[a-z0-9_]+=[^= ]+", word) and "--" not in word[2:], word
    values = flags.FlagValues()
    config.define_flags(values)
    assert values(["ieg", *words]) == ["ieg"]
    return config.resolve({name: values[name].value for name in values if values[name].present})


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_script_is_well_formed_and_says_its_command(script: Path) -> None:
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    header = script.read_text().split("set -euo pipefail")[0]
    assert header.startswith("#!/usr/bin/env bash\n#")
    assert f"scripts/{script.name}" in header
    assert f"`{script.name}`" in (ROOT / "scripts/README.md").read_text()


CIFAR = {
    # script → (network, hold ratio, number of data sets)
    "ieg_cifar100.sh": ("wrn28-10", 0.02, 3),
    "ieg_cifar10.sh": ("wrn28-10", 0.002, 3),
    "ieg_cifar10_resnet29.sh": ("resnet29", 0.002, 4),
    "compare_cifar100.sh": ("wrn28-10", 0.02, 3),
    "compare_cifar10.sh": ("wrn28-10", 0.002, 4),
}


@pytest.mark.parametrize("name", CIFAR)
def test_scripts_of_papers_run_the_settings_of_the_papers(shell: Shell, name: str) -> None:
    network, hold_ratio, datasets = CIFAR[name]
    done = shell.run(ROOT / "scripts" / name, "mine", "--eval_freq=1000")
    assert (done.returncode, done.stderr) == (0, "")
    settings = [resolved(words) for words in shell.commands()]
    methods = ["ieg"] if name.startswith("ieg") else ["supervised", "l2r"]
    assert [s.config.method for s in settings] == methods * datasets
    base = "cifar100" if "100" in name else "cifar10"
    names = [f"{base}_{noise}" for noise in ("uniform_0.2", "uniform_0.4", "uniform_0.8")]
    names += ["cifar10_asymmetric_0.4"] * (datasets - 3)
    assert [s.config.dataset for s in settings] == [n for n in names for _ in methods]
    for chosen in (s.config for s in settings):
        assert (chosen.network_name, chosen.probe_dataset_hold_ratio) == (network, hold_ratio)
        assert (chosen.max_iteration, chosen.batch_size, chosen.lr_schedule) == (
            200000,
            100,
            "cosine",
        )
        assert (chosen.eval_freq, chosen.checkpoint_path, chosen.seed) == (1000, "mine", 1)


FSR_LONG_TAIL = {
    "network_name": "resnet32",
    "batch_size": 128,
    "max_epoch": 200,
    "lr_schedule": "custom_step",
    "decay_epochs": "160,180",
    "decay_rate": 0.01,
    "meta_start_epoch": 160,
}
FSR = {
    # script → (data sets, settings)
    "fsr_cifar100.sh": (
        [f"cifar100_uniform_{ratio}" for ratio in (0.2, 0.4, 0.8)],
        {
            "network_name": "wrn28-10",
            "max_iteration": 63500,
            "cos_t_mul": 2,
            "queue_capacity": 2000,
        },
    ),
    "run_fsr_cifar_longtail.sh": (
        [f"cifar{size}_imbal_{factor}" for size in (10, 100) for factor in (0.02, 0.01)],
        {
            **FSR_LONG_TAIL,
            "label_smoothing": 0.1,
            "use_mixup": False,
            "use_pseudo_loss": "none",
            "clip_meta_weight": False,
            "queue_capacity": 3000,
            "queue_bs": 800,
        },
    ),
    "run_fsr_cifar_longtail_noise.sh": (
        [f"cifar{size}_imbal_0.02_{ratio}" for size in (10, 100) for ratio in (0.2, 0.4)],
        {
            **FSR_LONG_TAIL,
            "label_smoothing": 0.0,
            "use_mixup": True,
            "use_pseudo_loss": "all_1_0.1_2",
            "clip_meta_weight": True,
            "queue_capacity": 2000,
            "queue_bs": 200,
        },
    ),
}


@pytest.mark.parametrize("name", FSR)
def test_scripts_of_fsr_run_the_settings_of_the_paper(shell: Shell, name: str) -> None:
    datasets, expected = FSR[name]
    done = shell.run(ROOT / "scripts" / name, "mine", "--eval_freq=1000")
    assert (done.returncode, done.stderr) == (0, "")
    settings = [resolved(words) for words in shell.commands()]
    assert [s.config.dataset for s in settings] == datasets
    for values in (s.values() for s in settings):
        assert {key: values[key] for key in expected} == expected
        assert (values["method"], values["meta_partial_level"]) == ("fsr", 0)
        assert (values["checkpoint_path"], values["eval_freq"]) == ("mine", 1000)


def test_supervised_digits_have_the_settings_of_fsr_that_apply(shell: Shell) -> None:
    done = shell.run(ROOT / "scripts/digits_longtail.sh", "mine", SEEDS="1")
    assert done.returncode == 0
    settings = [resolved(words) for words in shell.commands()]
    assert [(s.config.dataset, s.config.method, s.config.label_smoothing) for s in settings] == [
        ("digits_imbal_0.05", "supervised", 0.1),
        ("digits_imbal_0.05", "fsr", 0.1),
        ("digits_imbal_0.05_0.3", "supervised", 0.0),
        ("digits_imbal_0.05_0.3", "fsr", 0.0),
    ]
    assert [s.options.clip_meta_weight for s in settings[1::2]] == [False, True]


ISIC = {
    # variant → (method, data sets after the base, settings)
    "baseline": ("supervised", ["", "_symmetric_0.2", "_symmetric_0.4"], {"clip_norm": 0.0}),
    "baseline_clipped": ("supervised", ["_symmetric_0.2", "_symmetric_0.4"], {"loss": "ce"}),
    "clamp_5": ("l2r", ["_symmetric_0.2", "_symmetric_0.4"], {"weight_mode": "clamp"}),
    "sigmoid_5": ("l2r", ["_symmetric_0.2", "_symmetric_0.4"], {"weight_mode": "sigmoid"}),
    "sigmoid_125": ("l2r", ["_clean125_symmetric_0.2", "_clean125_symmetric_0.4"], {}),
    "mixup_hard": (
        "mixup_labels",
        ["_symmetric_0.4"],
        {"mixup_variant": "labels", "mixup_target": "hard"},
    ),
    "mixup_soft": (
        "mixup_labels",
        ["_symmetric_0.4"],
        {"mixup_variant": "labels", "mixup_target": "soft"},
    ),
    "upper_bound": ("mixup_labels", ["_symmetric_0.4"], {"mixup_variant": "upper_bound"}),
    "proposal": (
        "mixup_labels",
        ["_symmetric_0.4"],
        {"mixup_variant": "proposal", "mixup_target": "hard", "mixup_stale": "memory"},
    ),
}
CLIPPED = ISIC.keys() - {"baseline", "clamp_5"}


@pytest.mark.parametrize("variant", ISIC)
def test_isic_has_the_settings_of_its_study(shell: Shell, variant: str) -> None:
    method, datasets, expected = ISIC[variant]
    clean = shell.folder / "mine/baseline/isic2019/resnet50_v15/supervised/seed1"
    clean.mkdir(parents=True)
    done = shell.run(ROOT / "scripts/isic_2019.sh", "mine", "--eval_freq=100", VARIANTS=variant)
    assert (done.returncode, done.stderr) == (0, "")
    settings = [resolved(words) for words in shell.commands()]
    assert [s.config.dataset for s in settings] == [f"isic2019{name}" for name in datasets]
    for values in (s.values() for s in settings):
        assert {key: values[key] for key in expected} == expected
        assert (values["method"], values["checkpoint_path"]) == (method, f"mine/{variant}")
        assert (values["network_name"], values["batch_size"], values["max_epoch"]) == (
            "resnet50_v15",
            32,
            200,
        )
        assert (values["learning_rate"], values["momentum"], values["decay_rate"]) == (1e-3, 0, 0.5)
        assert values.get("meta_stepsize", 1e-3) == 1e-3  # as long as the learning rate
        if variant == "upper_bound":
            assert shell.folder / values["mixup_clean_ckpt"] == clean
        assert values["clip_norm"] == (0.25 if variant in CLIPPED else 0)
        assert values["probe_batch_size"] == (None if method == "supervised" else 5)
    # The published numbers are found with these settings, and with no others.
    for chosen in settings:
        asked = {"method": method, "dataset": chosen.config.dataset}
        found = published.beside(asked | {"settings": chosen.experiment()})
        assert len(found) == (0 if variant == "baseline_clipped" else 1)


def test_deeploc_has_the_settings_of_proselflc(shell: Shell) -> None:
    done = shell.run(ROOT / "scripts/proselflc_deeploc.sh", "mine", "--max_epoch=1")
    assert (done.returncode, done.stderr) == (0, "")
    settings = [resolved(words) for words in shell.commands()]
    found = [(s.config.dataset, s.options.loss, s.config.learning_rate) for s in settings]
    assert found == [
        ("deeploc", "ce", 0.02),
        ("deeploc_unknown", "ce", 0.01),
        ("deeploc", "proselflc", 0.02),
        ("deeploc_unknown", "proselflc", 0.01),
    ]
    for chosen in (s.config for s in settings):
        assert (chosen.batch_size, chosen.accumulation_steps, chosen.max_epoch) == (32, 10, 1)
        assert (chosen.classes_per_batch, chosen.network_name) == (2, "transformer")
    assert settings[-1].options.proselflc_trust_mode == "entropy"
    assert settings[-1].options.proselflc_temperature == 0.2


def test_isic_refuses_a_variant_that_is_not_there(shell: Shell) -> None:
    done = shell.run(ROOT / "scripts/isic_2019.sh", "mine", VARIANTS="clamp")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert shell.commands() == []


@pytest.mark.parametrize("base", ["cifar100", "digits"])
def test_both_stages_of_dro_lt(shell: Shell, base: str) -> None:
    chosen = {"DATASETS": f"{base}_imbal_0.02", "SEEDS": "1 2"}
    script = ROOT / f"scripts/dro_lt_{base}.sh"
    done = shell.run(script, "mine", "--dro_temperature=0.5", **chosen)
    assert (done.returncode, done.stderr) == (0, "")
    everything = [resolved(words) for words in shell.commands()]
    baselines = [s for s in everything if s.values().get("loss") in ("focal", "ldam")]
    assert [(s.options.loss, s.options.train_rule, s.config.seed) for s in baselines] == (
        [(*b, seed) for seed in (1, 2) for b in (("focal", "none"), ("ldam", "drw"))]
        if base == "digits"
        else []
    )
    settings = [s for s in everything if s not in baselines]
    assert [(s.config.method, s.config.seed) for s in settings] == [
        (method, seed) for seed in (1, 2) for method in ("supervised", "dro_lt")
    ]
    for first, second in zip(settings[::2], settings[1::2], strict=True):
        folder = f"mine/{base}_imbal_0.02/{first.config.network_name}/supervised"
        assert second.config.pretrained_ckpt == f"{folder}/seed{first.config.seed}"
        assert second.config.network_name == first.config.network_name
        assert second.options.dro_temperature == 0.5
    if base == "cifar100":
        one, two = (s.config for s in settings[:2])
        assert (one.max_epoch, one.learning_rate, one.l2_weight_decay) == (200, 0.1, 2e-4)
        assert (two.max_epoch, two.learning_rate, two.l2_weight_decay) == (100, 0.005, 1e-4)
        assert (two.sampler, two.images_in_a_row, two.batch_size) == ("class_aware", 4, 128)
        assert settings[1].options.dro_selection == "best"


def test_dynamic_loss_stands_beside_losses_for_long_tails(shell: Shell) -> None:
    done = shell.run(ROOT / "scripts/dynamic_loss_digits.sh", "mine", SEEDS="3")
    assert (done.returncode, done.stderr) == (0, "")
    settings = [resolved(words) for words in shell.commands()]
    assert {(s.config.dataset, s.config.seed) for s in settings} == {
        ("digits_imbal_0.1_prior_0.4", 3)
    }
    found = [s.values().get("loss") or s.config.method for s in settings]
    assert found == ["ce", "balanced_softmax", "ldam", "dynamic_loss"]


def test_meta_learned_labels_stand_beside_eight_others(shell: Shell) -> None:
    done = shell.run(ROOT / "scripts/mixup_labels_digits.sh", "mine", "--eval_freq=50", SEEDS="2 3")
    assert (done.returncode, done.stderr) == (0, "")
    settings = [resolved(words) for words in shell.commands()]
    names = ["clean", "plain", "plain_clipped", "l2r_clamp", "l2r_sigmoid", "l2r_sigmoid_many"]
    names += ["hard", "soft", "proposal", "upper_bound"]
    assert [s.config.checkpoint_path for s in settings] == [f"mine/{n}" for n in names] * 2
    assert [s.config.seed for s in settings] == [2] * 10 + [3] * 10
    found = dict(zip(names, settings[:10], strict=True))
    for name, chosen in found.items():
        clean, clipped = name == "clean", name not in ("clean", "plain", "l2r_clamp")
        assert chosen.config.dataset == ("digits" if clean else "digits_uniform_0.4")
        assert chosen.config.clip_norm == (0.25 if clipped else 0)
        if chosen.config.method == "supervised":
            continue
        ratio = 0.084 if name.endswith("many") else 0.007
        probe = (chosen.config.probe_dataset_hold_ratio, chosen.config.probe_batch_size)
        assert probe == (ratio, 10)
        mode = {"l2r_clamp": "clamp"}.get(name, "sigmoid")
        assert chosen.values().get("weight_mode", mode) == mode
    mixed = [found[n].options for n in ("hard", "soft", "proposal", "upper_bound")]
    assert [(o.mixup_variant, o.mixup_target) for o in mixed] == [
        ("labels", "hard"),
        ("labels", "soft"),
        ("proposal", "hard"),
        ("upper_bound", "hard"),
    ]
    assert [s.options.mixup_clean_ckpt for s in settings[9::10]] == [
        f"mine/clean/digits/cnn/supervised/seed{seed}" for seed in (2, 3)
    ]
    assert done.stdout.endswith("the table\n")


def test_what_a_script_runs_can_be_chosen(shell: Shell) -> None:
    chosen = {"METHODS": "l2r", "DATASETS": "cifar100_uniform_0.8", "SEEDS": "2 3"}
    assert shell.run(ROOT / "scripts/compare_cifar100.sh", **chosen).returncode == 0
    settings = [resolved(words).config for words in shell.commands()]
    assert [(c.method, c.dataset, c.seed) for c in settings] == [
        ("l2r", "cifar100_uniform_0.8", 2),
        ("l2r", "cifar100_uniform_0.8", 3),
    ]
    assert {c.checkpoint_path for c in settings} == {"runs/ieg_cifar100"}


def test_digits_is_the_grid_of_the_readme(shell: Shell) -> None:
    done = shell.run(ROOT / "scripts/digits.sh", "mine", "--max_iteration=5")
    assert done.returncode == 0
    settings = [resolved(words).config for words in shell.commands()]
    noises = ["uniform_0.2", "uniform_0.4", "uniform_0.6", "uniform_0.8", "asymmetric_0.4"]
    assert [(c.seed, c.dataset, c.method) for c in settings] == [
        (seed, f"digits_{noise}", method)
        for seed in (1, 2, 3)
        for noise in noises
        for method in ("supervised", "l2r", "ieg", "fsr")
    ]
    assert {(c.checkpoint_path, c.max_iteration) for c in settings} == {("mine", 5)}
    assert done.stdout.endswith("the table\n")


RECIPES = {
    # script → (network, T, B, weight decay)
    "proselflc_cifar100_resnet18.sh": ("resnet18", 0.5, 12, 2e-3),
    "proselflc_cifar100_shufflenetv2.sh": ("shufflenetv2", 0.4, 8, 1e-3),
}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_of_proselflc(shell: Shell, name: str) -> None:
    network, temperature, exp_base, decay = RECIPES[name]
    done = shell.run(ROOT / "scripts" / name)
    assert (done.returncode, done.stderr) == (0, "")
    (words,) = shell.commands()
    settings = resolved(words)
    chosen, options = settings.config, settings.options
    assert (chosen.dataset, chosen.network_name) == ("cifar100_symmetric_0.4", network)
    assert (options.loss, options.proselflc_trust_mode, options.detach_target) == (
        "proselflc", "max_p", True
    )  # fmt: skip
    assert (options.proselflc_temperature, options.proselflc_exp_base) == (temperature, exp_base)
    assert (chosen.max_iteration, chosen.batch_size, chosen.accumulation_steps) == (39000, 128, 10)
    assert (chosen.classes_per_batch, chosen.weak_rotation, chosen.eval_freq) == (64, 15, 500)
    assert (chosen.learning_rate, chosen.momentum, chosen.l2_weight_decay) == (0.2, 0.9, decay)
    assert (chosen.lr_schedule, chosen.decay_steps, chosen.decay_rate, chosen.use_ema) == (
        "custom_step", "20000,30000", 0.1, False
    )  # fmt: skip
    # Its published numbers are found with these settings.
    found = published.beside(
        {"method": chosen.method, "dataset": chosen.dataset, "settings": settings.experiment()}
    )
    said = (ROOT / "scripts" / name).read_text()
    assert found and all(f"{line.value}" in said for line in found)


def test_losses_digits_runs_every_loss_in_a_folder_of_its_own(shell: Shell) -> None:
    done = shell.run(ROOT / "scripts/losses_digits.sh", "mine", "--max_iteration=5")
    assert (done.returncode, done.stderr) == (0, "")
    settings = [resolved(words) for words in shell.commands()]
    seen = {(s.options.loss, s.config.dataset, s.config.seed) for s in settings}
    data = ("digits_symmetric_0.4", "digits_symmetric_0.6")
    assert seen == {(n, d, seed) for n in LOSSES.names() for d in data for seed in (1, 2, 3)}
    assert len(settings) == len(seen)
    assert all(s.config.checkpoint_path == f"mine/{s.options.loss}" for s in settings)
    assert done.stdout.endswith("the table\n")
    chosen = {"LOSSES": "ce dm", "DATASETS": "digits", "SEEDS": "4"}
    shell.run(ROOT / "scripts/losses_digits.sh", "mine", "--max_iteration=5", **chosen)
    assert [resolved(words).options.loss for words in shell.commands()] == ["ce", "dm"]
    again = shell.run(ROOT / "scripts/losses_digits.sh", "mine", "--max_iteration=5", **chosen)
    assert shell.commands() == [] and again.stdout.count("finished already") == 2


#: Stands in for a worker: notes TF_CONFIG and its words; the second one ends with status 3.
WORKER = """#!{python}
import json, os, sys, time

place = json.loads(os.environ["TF_CONFIG"])
with open({log!r} + str(place["task"]["index"]), "w") as file:
    json.dump([place, sys.argv[1:]], file)
if "--wait" in sys.argv:
    os.write(1, b"waiting\\n")  # at once, beside what the other one writes
    time.sleep(60)
sys.exit(3 * place["task"]["index"])
"""


def test_two_workers_get_each_other_and_a_place(shell: Shell) -> None:
    programs = shell.log.parent / "bin"
    (programs / "python").write_text(WORKER.format(python=sys.executable, log=str(shell.log)))
    script = ROOT / "scripts/two_workers.sh"
    done = shell.run(script, "mine", "--max_iteration=5")
    assert (done.returncode, done.stderr) == (3, "")
    (first, words), (second, same) = (
        json.loads(Path(f"{shell.log}{index}").read_text()) for index in range(2)
    )
    assert words == same and first["cluster"] == second["cluster"]
    assert len(set(first["cluster"]["worker"])) == 2
    assert [place["task"]["index"] for place in (first, second)] == [0, 1]
    settings = resolved(words[2:]).config
    assert settings.distribution_strategy == "multi_worker_mirrored"
    assert (settings.checkpoint_path, settings.max_iteration) == ("mine", 5)


def test_a_signal_ends_both_workers(shell: Shell) -> None:
    programs = shell.log.parent / "bin"
    (programs / "python").write_text(WORKER.format(python=sys.executable, log=str(shell.log)))
    process = subprocess.Popen(
        ["bash", str(ROOT / "scripts/two_workers.sh"), "mine", "--wait"],
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert [process.stdout.readline() for _ in range(2)] == ["waiting\n"] * 2
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM


def test_evaluate_measures_one_run(shell: Shell) -> None:
    shell.run(ROOT / "scripts/evaluate.sh")
    (words,) = shell.commands()
    found = resolved(words).config
    assert (found.mode, found.dataset, found.method) == (
        "evaluation",
        "cifar100_uniform_0.8",
        "ieg",
    )
    assert (found.network_name, found.checkpoint_path) == ("wrn28-10", "runs/ieg_cifar100")
    shell.run(ROOT / "scripts/evaluate.sh", "mine", "--dataset=digits", "--method=l2r")
    (words,) = shell.commands()
    found = resolved(words).config
    assert (found.dataset, found.method, found.checkpoint_path) == ("digits", "l2r", "mine")


def test_the_grid_prints_each_command_and_hands_flags_on(shell: Shell) -> None:
    done = shell.grid("a b", "--", "--max_iteration=3", "--name=with space")
    assert (done.returncode, done.stderr) == (0, "")
    common = ["--dataset=digits", "--seed=1", "--checkpoint_path=runs"]
    further = ["--max_iteration=3", "--name=with space"]
    assert shell.commands() == [
        [common[0], f"--method={method}", *common[1:], *further] for method in ("a", "b")
    ]
    command = "python -m ieg.main --dataset=digits --method=a --seed=1 --checkpoint_path=runs"
    assert f"[1/2] {command} --max_iteration=3 --name=with\\ space\n" in done.stdout


def test_what_is_done_is_skipped_without_starting_python(shell: Shell) -> None:
    shell.grid("a b")
    assert len(shell.commands()) == 2
    done = shell.grid("a b c", "--")
    assert [words[1] for words in shell.commands()] == ["--method=c"]
    assert done.stdout.count("finished already: python -m ieg.main") == 2
    assert done.stdout.endswith("the table\n")


def test_what_may_not_be_done_is_left_to_ieg(shell: Shell) -> None:
    run = shell.folder / "runs/digits/cnn/a/seed1"
    shell.grid("a")
    shell.commands()
    # Other flags, a result that another command made since, no result, a damaged mark.
    shell.grid("a", "--", "--max_iteration=9")
    assert len(shell.commands()) == 1
    shell.grid("a")
    assert len(shell.commands()) == 1
    (run / "result.json").write_text("longer")
    shell.grid("a")
    assert len(shell.commands()) == 1
    (run / "result.json").unlink()
    shell.grid("a")
    assert len(shell.commands()) == 1
    (run / ".grid").write_text("")
    shell.grid("a")
    assert len(shell.commands()) == 1
    shell.grid("a")
    assert shell.commands() == []


def test_the_network_tells_folders_apart(shell: Shell) -> None:
    for network in ("one", "two"):
        shell.grid("a", "--", f"--network_name={network}")
    assert len(shell.commands()) == 2
    for network in ("one", "two"):
        shell.grid("a", "--", f"--network_name={network}")
    assert shell.commands() == []
    # Without a network nobody knows which of the folders this was.
    shell.grid("a")
    shell.grid("a")
    assert len(shell.commands()) == 2


@pytest.mark.parametrize("flag", ["--mode=evaluation", "--restore_step=2", "--flagfile=f"])
def test_what_may_do_something_else_next_time_is_never_skipped(shell: Shell, flag: str) -> None:
    shell.grid("a", "--", flag)
    shell.grid("a", "--", flag)
    assert len(shell.commands()) == 2


def test_the_grid_goes_on_after_a_failure_and_reports_it(shell: Shell) -> None:
    done = shell.grid("exit3 a dies", datasets="digits other")
    assert len(shell.commands()) == 6
    assert done.returncode == 1
    assert done.stdout.endswith("the table\n")
    first, *failed = done.stderr.splitlines()
    assert first == "4 of 6 runs failed:"
    assert [line.split(":")[0].strip() for line in failed] == ["status 3", "status 137"] * 2
    assert failed[0].endswith(
        "python -m ieg.main --dataset=digits --method=exit3 --seed=1 --checkpoint_path=runs"
    )


@pytest.mark.parametrize("status", [130, 143])
def test_an_interrupted_run_ends_the_grid(shell: Shell, status: int) -> None:
    done = shell.grid(f"a exit{status} b")
    assert done.returncode == status
    assert [words[1] for words in shell.commands()] == ["--method=a", f"--method=exit{status}"]
    assert done.stderr == "stopped in run 2 of 3; the same command goes on\n"
    assert "the table" not in done.stdout


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_a_signal_to_the_grid_reaches_the_run(shell: Shell, number: int, status: int) -> None:
    words = ["--methods=waits a", "--datasets=digits", "--seeds=1"]
    with subprocess.Popen(
        ["bash", str(GRID), *words],
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # pytest itself may have been started where Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as grid:
        assert grid.stdout is not None and grid.stderr is not None
        assert next(line for line in grid.stdout if "[" not in line) == "waiting\n"
        started = time.monotonic()
        grid.send_signal(number)
        assert grid.wait(timeout=30) == status
        assert (shell.folder / "saved").exists()  # it has waited for the run to save
        assert time.monotonic() - started < 30  # the run itself would wait 60 s
        assert grid.stderr.read() == "stopped in run 1 of 2; the same command goes on\n"
    assert len(shell.commands()) == 1


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "must each name at least one"),
        (["--methods=a", "--datasets=digits"], "must each name at least one"),
        (["--methods", "a", "--datasets", "digits", "--seeds", ""], "--seeds needs a value"),
        (["--methods"], "--methods needs a value"),
        (["--methods=a", "--datasets=d", "--seeds=one"], "whole numbers, not 'one'"),
        (["--methods=a", "--datasets=d", "--seeds=-1"], "--seeds needs a value, not '-1'"),
        (["--methods=a", "--colour=red"], "'--colour' is no option"),
        (["a"], "'a' is no option"),
        (["--runs=--max_iteration=4"], "a FOLDER comes before all flags"),
        (["--methods=a", "--datasets=d", "--seeds=1", "--", "8"], "--flag=value, not '8'"),
        (["--methods=a", "--datasets=d", "--seeds=1", "--", "--seed=3"], "belongs before --"),
        (["--methods=a", "--datasets=d", "--seeds=1", "--", "-dataset=x"], "belongs before --"),
        (["--methods=a", "--datasets=d", "--seeds=1", "--losses=b", "--", "--loss=c"], "--losses"),
        (["--methods=a", "--datasets=d", "--seeds=1", "--losses="], "--losses needs a value"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(shell: Shell, words: list[str], part: str) -> None:
    done = shell.run(GRID, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert part in done.stderr and "usage: grid.sh" in done.stderr
    assert shell.commands() == [] and not list(shell.folder.iterdir())


def test_without_python_it_is_one_line(shell: Shell, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    (tmp_path / "only").mkdir()
    (tmp_path / "only/bash").symlink_to(bash)
    words = ("--methods=a", "--datasets=d", "--seeds=1")
    done = shell.run(GRID, *words, PATH=str(tmp_path / "only"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no python on PATH" in done.stderr


def real(script: str, *words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a script with the python that runs this test."""
    environment = path_with(Path(sys.executable).parent) | {"PYTHONPATH": str(ROOT)} | variables
    return subprocess.run(
        ["bash", str(ROOT / "scripts" / script), *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_real_grid_of_two_runs_of_which_one_fails(tmp_path: Path) -> None:
    words = ("--methods=supervised nonsense", "--datasets=digits_uniform_0.4", "--seeds=1")
    done = real("grid.sh", *words, "--runs=runs", "--", *SMALL, cwd=tmp_path)
    assert done.returncode == 1
    assert "error: unknown method 'nonsense'" in done.stderr
    assert "1 of 2 runs failed:\n  status 2: python -m ieg.main" in done.stderr
    assert re.search(
        r"^\| digits_uniform_0\.4 \| 0\.\d+ \| supervised \| cnn \|", done.stdout, re.M
    )
    run = runs.only_run(tmp_path / "runs")
    command, checksum = (run / ".grid").read_text().splitlines()
    assert command in done.stdout
    result = (run / "result.json").read_bytes()
    counted = subprocess.run(["cksum"], input=result, capture_output=True, check=True)
    assert checksum == counted.stdout.decode().strip()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", CIFAR)
def test_scripts_of_papers_run(tmp_path: Path, name: str) -> None:
    layout = CIFAR100 if "100" in name else CIFAR10
    archives.write(tmp_path, layout)
    # The archive is too small for the paper's share of probe data, and wrn28-10 takes minutes.
    tiny = ("--dataset_dir=.", "--network_name=cnn", "--probe_dataset_hold_ratio=0.25")
    words = (*SMALL, "--max_iteration=2", "--batch_size=8", *tiny)
    done = real(name, "runs", *words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    methods = 1 if name.startswith("ieg") else 2
    results = sorted((tmp_path / "runs").rglob("result.json"))
    assert len(results) == methods * CIFAR[name][2]
    assert "published" not in done.stdout  # these are not CIFAR's images
    assert f"{layout.name}-like" in done.stdout
    before = [path.stat().st_mtime_ns for path in results]
    again = real(name, "runs", *words, cwd=tmp_path)
    assert again.stdout.count("finished already") == len(results)
    assert [path.stat().st_mtime_ns for path in results] == before


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_recipes_of_proselflc_run(tmp_path: Path, name: str) -> None:
    archives.write(tmp_path, CIFAR100)
    # The archive has fewer images than a batch of the recipe.
    tiny = ("--dataset_dir=.", "--batch_size=8", "--classes_per_batch=4", "--max_iteration=20")
    more = ("--decay_steps=5,10", "--eval_freq=10", "--train_eval_size=50")
    done = real(name, "runs", *tiny, *more, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    rows = runs.rows(runs.only_run(tmp_path / "runs"))
    # Ten batches to an update: the whole run is two, after the first of which t / Γ is a half.
    trusts = [float(row["global_trust"]) for row in rows]
    assert 0 < trusts[0] < 0.1 < trusts[1] < 0.6


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_variants_on_isic_run(tmp_path: Path) -> None:
    counts = {"MEL": 40, "NV": 95, "BCC": 8, "AK": 6, "BKL": 6, "DF": 6, "VASC": 6, "SCC": 6}
    trees.write_isic(tmp_path, counts)
    tiny = ("--dataset_dir=.", "--network_name=cnn", "--image_size=8", "--batch_size=8")
    done = real("isic_2019.sh", "runs", *SMALL, *tiny, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = [json.loads(path.read_text()) for path in (tmp_path / "runs").rglob("result.json")]
    assert len(found) == 3 + 2 + 2 + 2 + 2 + 4
    table = done.stdout.splitlines()[-60:]
    rows = [line for line in table if line.startswith("| isic2019")]
    # The table of them all stands at the end: settings tell variants of one method apart.
    assert len(rows) >= 15 and "isic2019-like" in done.stdout


@pytest.mark.slow
def test_digits_and_evaluate_run(tmp_path: Path) -> None:
    chosen = {"DATASETS": "digits_asymmetric_0.4", "SEEDS": "1"}
    done = real("digits.sh", "mine", *SMALL, cwd=tmp_path, **chosen)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("| digits_asymmetric_0.4 |") == 3
    run = ("--dataset=digits_asymmetric_0.4", "--method=l2r", "--network_name=cnn")
    done = real("evaluate.sh", "mine", *run, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "mine/digits_asymmetric_0.4/cnn/l2r/seed1"
    measured = json.loads((folder / "evaluation_step4_test.json").read_text())
    trained = json.loads((folder / "result.json").read_text())
    assert measured["ema"]["top1"] == trained["top1"]

"""The scripts: each calls its recipe with what is typed, and those that are no grids."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from absl import flags

from ieg import command_line, config
from ieg.data.cifar import CIFAR10, CIFAR100
from ieg.recipes import RECIPES, Recipe
from tests import runs
from tests.data import archives, trees
from tests.features.tiny import tiny_backbone

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "scripts").glob("*.sh"))
NO_RECIPES = {"demo", "evaluate", "grid", "two_workers"}
SMALL = ("--max_iteration=4", "--eval_freq=2", "--batch_size=20", "--train_eval_size=50")

#: Stands in for python: notes its words, and shows what a grid would run.
STAND_IN = """#!{python}
import json, os, sys

words = sys.argv[1:]
with open({log!r}, "a") as file:
    print(json.dumps(words), file=file)
if words[:2] == ["-m", "ieg.grid"]:
    os.execv({python!r}, [{python!r}, *words[:3], "--dry_run", *words[3:]])
"""


class Shell(NamedTuple):
    """A folder in which scripts run with the stand-in for python."""

    folder: Path
    log: Path
    environment: dict[str, str]

    def run(self, script: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(ROOT / "scripts" / script), *words],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def commands(self) -> list[list[str]]:
        """The words of every python since the last look."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]


def path_with(folder: Path) -> dict[str, str]:
    """The environment with a folder of programs in front."""
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    programs, log = tmp_path / "bin", tmp_path / "log"
    programs.mkdir()
    (programs / "python").write_text(STAND_IN.format(python=sys.executable, log=str(log)))
    (programs / "python").chmod(0o755)
    (tmp_path / "work").mkdir()
    return Shell(tmp_path / "work", log, path_with(programs))


def resolved(words: list[str]) -> dict[str, object]:
    """The settings that ieg.main makes of these words."""
    values = flags.FlagValues()
    command_line.define_flags(values)
    assert values(["ieg", *words]) == ["ieg"]
    typed = {name: values[name].value for name in values if values[name].present}
    return config.resolve(typed).values()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_script_is_well_formed_and_says_its_command(script: Path) -> None:
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    header = script.read_text().split("set -euo pipefail")[0]
    assert header.startswith("#!/usr/bin/env bash\n#")
    assert f"scripts/{script.name}" in header
    assert f"`{script.name}`" in (ROOT / "scripts/README.md").read_text()


def test_every_recipe_has_its_script() -> None:
    assert {script.stem for script in SCRIPTS} - NO_RECIPES == set(RECIPES.names())


@pytest.mark.parametrize("name", RECIPES.names())
def test_a_script_runs_its_recipe(shell: Shell, name: str) -> None:
    recipe = RECIPES.get(name)
    done = shell.run(f"{name}.sh")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [run.command() for run in recipe.plan()]
    header = (ROOT / f"scripts/{name}.sh").read_text()
    assert f"default {recipe.runs}" in header
    chosen, plan = a_part(header, recipe)
    done = shell.run(f"{name}.sh", "my folder", "--max_iteration=3", "--tag=a b", **chosen)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == plan


def a_part(script: str, recipe: Recipe) -> tuple[dict[str, str], list[str]]:
    """All that the environment can choose in a script, and what it runs then."""
    rows, datasets = list(recipe.rows)[-2:], recipe.all_datasets()[-1:]
    chosen = {"SEEDS": "4 5"}
    variables = re.search(r"\$\{(METHODS|LOSSES|VARIANTS)-\}", script)
    if variables is not None:
        chosen[variables[1]] = " ".join(rows)
    if "DATASETS-" in script:
        chosen["DATASETS"] = datasets[0]
    plan = recipe.plan(
        "my folder",
        rows if variables is not None else [],
        datasets if "DATASETS-" in script else [],
        [4, 5],
        ["--max_iteration=3", "--tag=a b"],
    )
    return chosen, [run.command() for run in plan]


def test_the_grid_of_ones_own(shell: Shell) -> None:
    words = ("--methods=a b", "--datasets", "digits", "--seeds", "1", "--", "--max_iteration=3")
    done = shell.run("grid.sh", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert [shlex.split(line)[-1] for line in done.stdout.splitlines()] == ["--max_iteration=3"] * 2
    assert shell.commands() == [["-m", "ieg.grid", "free", *words]]
    done = shell.run("grid.sh")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_flag_in_the_place_of_the_folder_is_refused(shell: Shell) -> None:
    done = shell.run("digits.sh", "--max_iteration=4")
    assert done.returncode == 2 and "a FOLDER comes before all flags" in done.stderr


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
    done = shell.run("two_workers.sh", "mine", "--max_iteration=5")
    assert (done.returncode, done.stderr) == (3, "")
    (first, words), (second, same) = (
        json.loads(Path(f"{shell.log}{index}").read_text()) for index in range(2)
    )
    assert words == same and first["cluster"] == second["cluster"]
    assert len(set(first["cluster"]["worker"])) == 2
    assert [place["task"]["index"] for place in (first, second)] == [0, 1]
    settings = resolved(words[2:])
    assert settings["distribution_strategy"] == "multi_worker_mirrored"
    assert (settings["checkpoint_path"], settings["max_iteration"]) == ("mine", 5)


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
    shell.run("evaluate.sh")
    ((_, module, *words),) = shell.commands()
    found = resolved(words)
    assert (module, found["mode"]) == ("ieg.main", "evaluation")
    assert (found["dataset"], found["method"]) == ("cifar100_uniform_0.8", "ieg")
    assert (found["network_name"], found["checkpoint_path"]) == ("wrn28-10", "runs/ieg_cifar100")
    shell.run("evaluate.sh", "mine", "--dataset=digits", "--method=l2r")
    ((*_, a, b),) = shell.commands()
    assert (a, b) == ("--dataset=digits", "--method=l2r")


def real(script: str, *words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a script with the python that runs this test."""
    return subprocess.run(
        ["bash", str(ROOT / "scripts" / script), *words],
        cwd=cwd,
        env=path_with(Path(sys.executable).parent) | variables,
        capture_output=True,
        text=True,
        check=False,
    )


CIFAR = [f"ieg_{name}" for name in ("cifar100", "cifar10", "cifar10_resnet29")]
CIFAR += ["compare_cifar100", "compare_cifar10"]
PROSELFLC = [f"proselflc_cifar100_{network}" for network in ("resnet18", "shufflenetv2")]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", CIFAR)
def test_scripts_of_papers_run(tmp_path: Path, name: str) -> None:
    layout = CIFAR100 if "100" in name else CIFAR10
    archives.write(tmp_path, layout)
    # The archive is too small for the paper's share of probe data, and wrn28-10 takes minutes.
    tiny = ("--dataset_dir=.", "--network_name=cnn", "--probe_dataset_hold_ratio=0.25")
    words = (*SMALL, "--max_iteration=2", "--batch_size=8", *tiny)
    done = real(f"{name}.sh", "runs", *words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    results = sorted((tmp_path / "runs").rglob("result.json"))
    assert len(results) == len(RECIPES.get(name).plan())
    assert "published" not in done.stdout  # these are not CIFAR's images
    assert f"{layout.name}-like" in done.stdout
    before = [path.stat().st_mtime_ns for path in results]
    again = real(f"{name}.sh", "runs", *words, cwd=tmp_path)
    assert again.stdout.count("finished already") == len(results)
    assert [path.stat().st_mtime_ns for path in results] == before


@pytest.mark.slow
@pytest.mark.parametrize("name", PROSELFLC)
def test_recipes_of_proselflc_run(tmp_path: Path, name: str) -> None:
    archives.write(tmp_path, CIFAR100)
    # The archive has fewer images than a batch of the recipe.
    tiny = ("--dataset_dir=.", "--batch_size=8", "--classes_per_batch=4", "--max_iteration=20")
    more = ("--decay_steps=5,10", "--eval_freq=10", "--train_eval_size=50")
    done = real(f"{name}.sh", "runs", *tiny, *more, cwd=tmp_path)
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
    tiny_backbone().model.save(tmp_path / "tiny.keras")
    tiny = ("--dataset_dir=.", "--backbone=file:tiny.keras", "--image_size=32", "--batch_size=8")
    done = real("isic_2019.sh", "runs", *SMALL, *tiny, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = [json.loads(path.read_text()) for path in (tmp_path / "runs").rglob("result.json")]
    assert len(found) == len(RECIPES.get("isic_2019").plan())
    table = done.stdout.splitlines()[-60:]
    rows = [line for line in table if line.startswith("| isic2019")]
    # The table of them all stands at the end: settings tell variants of one method apart.
    assert len(rows) >= 15 and "isic2019-like" in done.stdout


@pytest.mark.slow
def test_digits_and_evaluate_run(tmp_path: Path) -> None:
    chosen = {"DATASETS": "digits_asymmetric_0.4", "SEEDS": "1"}
    done = real("digits.sh", "mine", *SMALL, cwd=tmp_path, **chosen)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("| digits_asymmetric_0.4 |") == len(RECIPES.get("digits").rows)
    run = ("--dataset=digits_asymmetric_0.4", "--method=l2r", "--network_name=cnn")
    done = real("evaluate.sh", "mine", *run, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "mine/digits_asymmetric_0.4/cnn/l2r/seed1"
    measured = json.loads((folder / "evaluation_step4_test.json").read_text())
    trained = json.loads((folder / "result.json").read_text())
    assert measured["ema"]["top1"] == trained["top1"]

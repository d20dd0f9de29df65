"""Every command of the README and the scripts runs: a few steps each, the long ones marked slow."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ieg.data.cifar import CIFAR10, CIFAR100
from ieg.main import main
from tests.data import archives, trees

ROOT = Path(__file__).parents[1]
SMALL = ["--max_iteration=4", "--eval_freq=2", "--batch_size=20", "--train_eval_size=50"]
#: What else a command on CIFAR needs on an archive of a few images, and to be over in seconds.
TINY = ["--network_name=cnn", "--probe_dataset_hold_ratio=0.25", "--batch_size=8"]
TINY_FILES = ["--network_name=cnn", "--image_size=8", "--batch_size=6"]


def readme_commands() -> list[str]:
    """Lines of the README's bash blocks, and inline commands that have nothing to fill in."""
    text = (ROOT / "README.md").read_text()
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    lines = blocks.replace("\\\n", " ").splitlines()
    inline = re.findall(r"`((?:python|bash) [^`]+)`", text)
    return [line.split("#")[0].strip() for line in [*lines, *inline] if line.strip()]


def ieg_commands() -> list[list[str]]:
    """The words behind `python -m ieg.main` of every such command; results of none go to /tmp."""
    found = []
    for command in readme_commands():
        words = shlex.split(command)
        if words[:3] == ["python", "-m", "ieg.main"] and words[3:] != ["--help"]:
            named = any(word.startswith("--checkpoint_path=") for word in words)
            found.append([*words[3:], *([] if named else ["--checkpoint_path=runs/unnamed"])])
    return found


def test_the_commands_on_digits_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [words for words in ieg_commands() if "digits" in str(words)]
    assert len(commands) >= 3
    for words in commands:
        assert main(["ieg", *words, *SMALL]) == 0, words
    assert list(tmp_path.glob("runs/*/digits_uniform_0.8/cnn/l2r/seed1/evaluation_step4_test.json"))


@pytest.mark.slow
def test_the_commands_on_cifar_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [words for words in ieg_commands() if "cifar" in str(words)]
    for words in commands:
        folder = next((w.split("=")[1] for w in words if w.startswith("--dataset_dir=")), "data")
        Path(folder).mkdir(exist_ok=True)
        for layout in (CIFAR10, CIFAR100):
            archives.write(Path(folder), layout)
        assert main(["ieg", *words, *SMALL, *TINY]) == 0, words
    assert len(list(tmp_path.rglob("result.json"))) == sum("mode=" not in str(w) for w in commands)


def test_the_commands_on_images_of_ones_own_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trees.write_folder(tmp_path / "photos")
    rows = [f"photos/train/{name}/{k:02d}.jpg,{name}" for name in trees.CLASSES for k in range(10)]
    trees.write_table(tmp_path / "labels.csv", rows)
    commands = [words for words in ieg_commands() if "/path/to/" in str(words)]
    for words in commands:
        own = [word.replace("/path/to", str(tmp_path)) for word in words]
        assert main(["ieg", *own, *SMALL, *TINY_FILES]) == 0, words
    assert len(list(tmp_path.rglob("result.json"))) == len(commands) == 2


def test_no_command_of_the_readme_is_left_out() -> None:
    known = re.compile("cifar|digits|/path/to/")
    assert all(known.search(str(words)) for words in ieg_commands())


def test_the_readme_names_no_command_that_is_not_there() -> None:
    for command in readme_commands():
        for module in re.findall(r"python -m (\S+)", command):
            assert (ROOT / f"{module.replace('.', '/')}.py").exists(), command
        for target in re.findall(r"^make (\S+)", command):
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        for script in re.findall(r"bash (\S+\.sh)", command):
            assert (ROOT / script).exists(), command


def run(*command: str, cwd: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_demo(tmp_path: Path) -> None:
    printed = run("bash", str(ROOT / "scripts/demo.sh"), str(tmp_path / "demo"), cwd=ROOT)
    assert "supervised" in printed and "l2r" in printed
    assert (tmp_path / "demo/comparison.png").stat().st_size > 10_000
    again = run("bash", str(ROOT / "scripts/demo.sh"), str(tmp_path / "demo"), cwd=ROOT)
    assert again.count("finished already") == 2


@pytest.mark.slow
def test_the_benchmarks(tmp_path: Path) -> None:
    flags = ("--network=cnn", "--batch=8", "--rounds=2")
    printed = run(sys.executable, "-m", "benchmarks.meta_gradient", *flags, cwd=ROOT)
    assert all(title in printed for title in ("plain", "forward", "nested", "classifier only"))
    printed = run(sys.executable, "-m", "benchmarks.peers", "--seeds", "1", "--markdown", cwd=ROOT)
    assert printed.count("| digits_") == 5


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_results_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASETS", "digits_uniform_0.4 digits_uniform_0.8")
    monkeypatch.setenv("SEEDS", "1")
    printed = run("bash", str(ROOT / "scripts/digits.sh"), str(tmp_path), cwd=ROOT)
    table = [
        [cell.strip() for cell in line.split("|")]
        for line in printed.splitlines()
        if re.match(r"\| (data|digits)", line)
    ]
    rows = [dict(zip(table[0], cells, strict=True)) for cells in table[1:]]
    last = {(row["data"], row["method"]): float(row["top-1, last step"]) for row in rows}
    assert len(last) == 6
    lowest = {"digits_uniform_0.4": (0.94, 0.97), "digits_uniform_0.8": (0.82, 0.95)}
    for dataset, (l2r, ieg) in lowest.items():
        assert last[dataset, "l2r"] >= l2r
        assert last[dataset, "ieg"] >= ieg
        assert last[dataset, "ieg"] > last[dataset, "l2r"] > last[dataset, "supervised"]

"""Every command of the README and of docs/ runs: a few steps, the long ones marked slow."""

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
from tests.markdown import cells

ROOT = Path(__file__).parents[1]
SMALL = ["--max_iteration=4", "--eval_freq=2", "--batch_size=20", "--train_eval_size=50"]
#: What else a command on CIFAR needs on an archive of a few images, and to be over in seconds.
TINY = ["--network_name=cnn", "--probe_dataset_hold_ratio=0.25", "--batch_size=8"]
TINY_FILES = ["--image_size=32", "--batch_size=6"]
#: Pages whose commands run here; these others have tests of their own.
ELSEWHERE = ("devices.md", "extending.md", "from_the_originals.md", "tracking.md")
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [*ROOT.glob("docs/*.md"), ROOT / "benchmarks/README.md", ROOT / "README.md"]
    if path.name not in ELSEWHERE
)


def commands_of(page: str) -> list[str]:
    """Lines of a page's bash blocks, and inline commands that have nothing to fill in."""
    text = (ROOT / page).read_text()
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    lines = blocks.replace("\\\n", " ").splitlines()
    inline = re.findall(r"`((?:python|bash) [^`]+)`", text)
    return [line.split("#")[0].strip() for line in [*lines, *inline] if line.strip()]


def ieg_commands(page: str) -> list[list[str]]:
    """The words behind `python -m ieg.main` of every such command; results of none go to /tmp."""
    found = []
    for command in commands_of(page):
        words = shlex.split(command)
        if words[:3] == ["python", "-m", "ieg.main"] and words[3:] != ["--help"]:
            named = any(word.startswith("--checkpoint_path=") for word in words)
            found.append([*words[3:], *([] if named else ["--checkpoint_path=runs/unnamed"])])
    return found


def run_all(commands: list[list[str]], folder: Path) -> None:
    """A few steps of each, in their order; a page that tells what to do with a run has trained it.

    Each file and folder that a command names is there: of images, of a table, of decisions.
    """
    trees.write_folder(folder / "photos")
    trees.write_folder(folder / "new")
    rows = [f"photos/train/{name}/{k:02d}.jpg,{name}" for name in trees.CLASSES for k in range(10)]
    trees.write_table(folder / "labels.csv", rows)
    first, second, *_ = trees.CLASSES
    decisions = ["path,decision,new_label", f"train/{first}/01.jpg,wrong,{second}"]
    (folder / "decisions.csv").write_text("\n".join(decisions))
    trained = set()
    for words in commands:
        own = [word.replace("/path/to", str(folder)) for word in words]
        training = [w for w in own if not w.startswith(("--mode=", "--input=", "--output="))]
        (runs,) = (w for w in own if w.startswith("--checkpoint_path="))
        small = [*SMALL, *(TINY_FILES if str(folder) in str(own) else [])]
        if "cifar" in str(own):
            data = next((w.split("=")[1] for w in own if w.startswith("--dataset_dir=")), "data")
            Path(data).mkdir(exist_ok=True)
            for layout in (CIFAR10, CIFAR100):
                archives.write(Path(data), layout)
            small += TINY
        if "--method=dro_lt" in own:
            small += ["--max_epoch=2", "--balanced_clf_nepochs=1"]
        without_run = {"--mode=show_data", "--mode=clean"} & set(own)
        if own != training and not without_run and runs not in trained:
            assert main(["ieg", *training, *small]) == 0, training
        assert main(["ieg", *own, *small]) == 0, own
        trained.add(runs)


def is_long(words: list[str]) -> bool:
    """Networks and networks' passes that take long to trace, or several runs in one."""
    return bool(re.search("cifar|audit_folds|finetune_epochs", str(words)))


@pytest.mark.parametrize(
    "page",
    ["README.md", *(f"docs/{name}.md" for name in ("training", "audit", "export", "photos"))],
)
def test_the_commands_of_a_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [words for words in ieg_commands(page) if not is_long(words)]
    assert commands
    run_all(commands, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", PAGES)
def test_the_long_commands_of_a_page(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_all(ieg_commands(page), tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_nothing_that_is_not_there(page: str) -> None:
    for command in commands_of(page):
        for module in re.findall(r"python -m (\S+)", command):
            place = ROOT / module.replace(".", "/")
            assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), command
        for target in re.findall(r"^make (\S+)", command):
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        for script in re.findall(r"bash (\S+\.sh)", command):
            assert (ROOT / script).exists(), command
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target


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
    flags = ("--network=cnn", "--batch", "20", "40", "--rounds=2")
    printed = run(sys.executable, "-m", "benchmarks.scaling", *flags, cwd=ROOT)
    assert len(re.findall(r"\| (?:20|40) +\|", printed)) == 8  # four methods
    assert re.search(r"\| 1,000,000 +\|", printed)
    flags = ("--network=cnn", "--method=l2r", "--steps=5", "--turns=2")
    printed = run(sys.executable, "-m", "benchmarks.overhead", *flags, cwd=ROOT)
    assert re.search(r"\| l2r +\|( +[\d.]+ +\|){2} [+-]\d+\.\d% +\| \d+\.\d% ", printed)
    printed = run(sys.executable, "-m", "benchmarks.peers", "--seeds", "1", cwd=ROOT)
    assert printed.count("| digits_") == 5


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_results_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASETS", "digits_uniform_0.4 digits_uniform_0.8")
    monkeypatch.setenv("SEEDS", "1")
    printed = run("bash", str(ROOT / "scripts/digits.sh"), str(tmp_path), cwd=ROOT)
    lines = [line for line in printed.splitlines() if re.match(r"\| (data|digits)", line)]
    rows = [dict(zip(cells(lines[0]), cells(line), strict=True)) for line in lines[1:]]
    last = {(row["data"], row["method"]): float(row["top-1, last step"]) for row in rows}
    assert len(last) == 8  # two data sets, four methods
    lowest = {"digits_uniform_0.4": (0.94, 0.97), "digits_uniform_0.8": (0.82, 0.95)}
    for dataset, (l2r, ieg) in lowest.items():
        assert last[dataset, "l2r"] >= l2r
        assert last[dataset, "ieg"] >= ieg
        assert last[dataset, "ieg"] > last[dataset, "l2r"] > last[dataset, "supervised"]

"""docs/extending.md: every file and command of it as it stands there; and files that are wrong."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ieg import own_code
from ieg.errors import InputError
from ieg.evaluation import measures
from ieg.main import main
from ieg.methods import outputs

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/extending.md").read_text()
SMALL = "--max_iteration=4 --eval_freq=2 --batch_size=20 --train_eval_size=50"

#: Runs every command of a page in one process: TensorFlow takes longer to start than they take.
RUN_ALL = """
import shlex, sys
from ieg.main import main
for command in sys.stdin.read().splitlines():
    python, module, name, *words = shlex.split(command)
    assert (python, module, name) == ("python", "-m", "ieg.main"), command
    assert main(["ieg", *words]) == 0, command
"""


def commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, re.S)
    return [line for block in blocks for line in block.splitlines()]


def write_files(folder: Path) -> list[str]:
    """The files of the page, each named in its first line."""
    blocks = re.findall(r"```python\n(# (\w+\.py)\n.*?)```", PAGE, re.S)
    for text, name in blocks:
        (folder / name).write_text(text)
    assert len(blocks) == PAGE.count("```python")
    return [name for _, name in blocks]


def run(folder: Path, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        input=text,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def result(folder: Path, run: str) -> dict[str, object]:
    (path,) = (folder / "runs" / run).rglob("result.json")
    return json.loads(path.read_text())


def columns(folder: Path, run: str, name: str) -> set[str]:
    (path,) = (folder / "runs" / run).rglob(name)
    return set(path.read_text().splitlines()[0].split(","))


def test_the_examples_of_the_page_train(tmp_path: Path) -> None:
    names = ["my_loss.py", "my_method.py", "my_network.py", "my_data.py", "my_figure.py"]
    assert write_files(tmp_path) == names
    assert len(commands()) == 6
    text = "\n".join(f"{command} {SMALL}" for command in commands())
    done = run(tmp_path, "-c", RUN_ALL, text=text)
    assert done.returncode == 0, done.stderr
    assert result(tmp_path, "loss")["settings"]["poly_epsilon"] == 2
    assert result(tmp_path, "method")["method"] == "small_loss"
    assert result(tmp_path, "network")["network"] == "two_layers"
    both = result(tmp_path, "both")
    assert (both["dataset"], both["noise_rate"]) == ("wine_symmetric_0.2", 0.2)
    assert both["settings"]["loss"] == "poly"
    assert "not drawn" not in done.stderr
    assert next((tmp_path / "runs/figure").rglob("accuracies.png"))
    assert columns(tmp_path, "method", "examples.csv") - outputs.PER_EXAMPLE == {"kept"}
    assert columns(tmp_path, "method", "metrics.csv") - outputs.SCALARS == {"kept_right"}
    assert columns(tmp_path, "loss", "metrics.csv") - outputs.SCALARS == {"label_probability"}
    assert columns(tmp_path, "loss", "metrics.csv") > outputs.SCALARS


def test_the_page_lists_the_names_that_are_taken() -> None:
    section = PAGE.partition("These names of values are taken.")[2].partition("\n\n")[0]
    scalars, per_example = (
        set(re.findall(r"`(\w+)`", part)) for part in section.split("per example:")
    )
    measured = {measure.key for measure in (*measures.ON_TEST, *measures.ON_TRAINING)}
    assert scalars == outputs.SCALARS - measured | {"top1"}
    assert per_example == outputs.PER_EXAMPLE


@pytest.mark.slow
def test_the_module_itself_takes_them_from_a_file_of_flags_and_says_so_in_help(
    tmp_path: Path,
) -> None:
    write_files(tmp_path)
    (tmp_path / "flags").write_text("--own_code=my_loss.py,my_method.py\n")
    done = run(tmp_path, "-m", "ieg.main", "--loss", "poly", "--flagfile=flags", "--helpfull")
    assert done.returncode == 0, done.stderr
    assert "--poly_epsilon" in done.stdout and "small_loss" in done.stdout
    done = run(tmp_path, *commands()[0].split()[1:], *SMALL.split())
    assert done.returncode == 0, done.stderr


BAD = {
    "missing": (None, r"there is no such Python file \(.py\)$"),
    "syntax": ("x = 1\ndef f(:\n", r"SyntaxError in line 2: invalid syntax$"),
    "fails": ("\n\nraise KeyError('a\\nb')\n", r"KeyError in line 3: 'a\\nb'$"),
    "taken": (
        "from ieg.losses import register\nregister('ce')(len)\n",
        r"ValueError in line 2: another loss is named 'ce' already$",
    ),
    "half": (
        "from ieg.losses import register\nregister('half')(len)\nimport no_such_module\n",
        r"ModuleNotFoundError in line 3: No module named 'no_such_module'$",
    ),
    "refuses": (
        "from ieg import errors, losses\nlosses.register('half')(len)\n"
        "raise errors.InputError('not here')\n",
        r"InputError in line 3: not here$",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_imported_is_one_line(tmp_path: Path, name: str) -> None:
    text, message = BAD[name]
    path = tmp_path / f"{name}.py"
    if text is not None:
        path.write_text(text)
    before = [registry.names() for registry in own_code.REGISTRIES]
    for _ in range(2):  # nothing of it stays behind
        with pytest.raises(InputError, match=f"^`own_code={path}`: {message}"):
            own_code.load(["ieg", "--method", "l2r", f"--own_code={path}"])
        assert [registry.names() for registry in own_code.REGISTRIES] == before


def test_main_says_it_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ieg", "--own_code=nowhere.py", "--dataset=digits"]) == 2
    assert capsys.readouterr().err == (
        "error: --own_code=nowhere.py: there is no such Python file (.py)\n"
    )


def test_a_file_is_imported_once(tmp_path: Path) -> None:
    path, log = tmp_path / "counts.py", tmp_path / "log"
    path.write_text(f"open({str(log)!r}, 'a').write('x')\n")
    for _ in range(2):
        own_code.load(["ieg", f"--own_code={path}"])
    assert log.read_text() == "x"


def test_workers_compare_what_files_hold_and_not_where_they_are(tmp_path: Path) -> None:
    for name, text in (("a", "x = 1"), ("b", "x = 1"), ("c", "x = 2")):
        (tmp_path / f"{name}.py").write_text(text)
    a, b, c = (str(tmp_path / f"{name}.py") for name in "abc")
    assert own_code.digest(None) is None
    assert own_code.digest(a) == own_code.digest(b) != own_code.digest(c)
    both = own_code.digest(f"{a}, {c}")
    assert both == own_code.digest(f"{b},{c}") != own_code.digest(f"{c},{a}")


WRONG = {
    "a_loss": (
        (
            "return LossOutput(ce + options.poly_epsilon * (1 - p)",
            "return LossOutput(tf.reduce_mean(ce)",
        ),
        "loss 'poly': values must be [B], got []",
    ),
    "a_step": (
        ('per_example={"kept": kept}', 'per_example={"keep": kept}'),
        "method 'small_loss': per_example must be ['kept'], as the method declares, got ['keep']",
    ),
}


@pytest.fixture
def registries() -> Iterator[None]:
    """The registries as they were, after a test that registers something."""
    assert all(registry.names() for registry in own_code.REGISTRIES)  # which imports all
    before = [registry.entries() for registry in own_code.REGISTRIES]
    yield
    for registry, entries in zip(own_code.REGISTRIES, before, strict=True):
        registry.restore(entries)


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("strategy", ["none", "mirrored"])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_values_of_a_step_are_one_line(
    name: str, strategy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (old, new), message = WRONG[name]
    write_files(tmp_path)
    file, choice = {
        "a_loss": ("my_loss.py", ["--method=supervised", "--loss=poly"]),
        "a_step": ("my_method.py", ["--method=small_loss"]),
    }[name]
    path = tmp_path / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    words = [f"--own_code={path}", *choice, f"--distribution_strategy={strategy}", *SMALL.split()]
    assert main(["ieg", f"--checkpoint_path={tmp_path / 'runs'}", *words]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


@pytest.mark.usefixtures("registries")
def test_a_curve_that_is_no_scalar_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_files(tmp_path)
    path = tmp_path / "my_method.py"
    path.write_text(path.read_text().replace('{"kept_right": "share', '{"kept_rigth": "share'))
    words = [f"--own_code={path}", "--method=small_loss", *SMALL.split()]
    assert main(["ieg", f"--checkpoint_path={tmp_path / 'runs'}", *words]) == 0
    said = [record.getMessage() for record in caplog.records if record.name == "ieg"]
    assert said == [
        "not drawn: kept_rigth, in the curves of the method, but never logged as a scalar"
    ]

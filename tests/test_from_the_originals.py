"""docs/from_the_originals.md: each command as typed starts a run, or ends in what to type."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from absl import flags

from ieg import command_line, config, grid, originals
from ieg.data.cifar import CIFAR10, CIFAR100
from ieg.errors import InputError
from ieg.main import main
from tests import original_tables
from tests.data import archives

ROOT = Path(__file__).parents[1]
SECTION = re.compile(r"```text\n(.*?)```\n(?:((?:(?!```).)*)```bash\n(.*?)```)?", re.DOTALL)
SMALL = ("--eval_freq=2", "--batch_size=8", "--train_eval_size=8", "--network_name=cnn")
#: What else a flag of a command becomes on an archive of a few images, by its beginning.
SMALLER = {
    "dataset=cifar10_imbal_0.02": "--dataset=cifar10_imbal_0.1",
    "max_epoch": "--max_epoch=1",
    "queue_bs": "--queue_bs=10",
    "queue_capacity": "--queue_capacity=20",
}
#: Stands in for a program of the shell: notes its words in a file of its own.
STAND_IN = """#!{python}
import json, os, sys
from pathlib import Path
Path({log!r}, f"{{os.getpid()}}.json").write_text(json.dumps(sys.argv))
"""


class Pair(NamedTuple):
    """Commands of an original program, and those here; "" where they are the same."""

    there: str
    here: str


PAIRS = [
    Pair(found[1], found[3] or "")
    for found in SECTION.finditer(original_tables.FILE.read_text(encoding="utf-8"))
]


def called(block: str, folder: Path, *programs: str, cwd: Path) -> list[list[str]]:
    """The words of every call of a program by a block, which the shell reads as it stands."""
    log, bin_ = folder / "log", folder / "bin"
    for place in (log, bin_):
        place.mkdir(parents=True)
    for name in programs:
        stand_in = bin_ / name
        stand_in.write_text(STAND_IN.format(python=sys.executable, log=str(log)))
        stand_in.chmod(0o755)
    environment = {"PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}"}
    script = f"set -e\n{block}\nwait"
    subprocess.run(["/bin/bash", "-c", script], cwd=cwd, env=environment, check=True)
    return [json.loads(file.read_text())[1:] for file in sorted(log.iterdir())]


def ours(words: list[str]) -> list[str] | None:
    """The flags of a call of `python -m ieg.main`; None for another program."""
    return words[2:] if words[:2] == ["-m", "ieg.main"] else None


def of_another(words: list[str]) -> list[str]:
    """What stands behind the file of another program."""
    return words[[word.endswith(".py") for word in words].index(True) + 1 :]


def known() -> flags.FlagValues:
    values = flags.FlagValues()
    command_line.define_flags(values)
    return values


def typed(words: list[str]) -> dict[str, Any]:
    values = known()
    accepted, _ = originals.accepted(words, values)
    assert values(["ieg", *accepted]) == ["ieg"]
    return {name: values[name].value for name in values if values[name].present}


def runs_of(block: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Values of the runs that our commands make."""
    found = []
    for words in called(block, folder, "python", cwd=ROOT):
        flags_typed = ours(words)
        if flags_typed is not None:
            found.append(flags_typed)
            continue
        module, recipe, *further = words[1:]
        assert module == "ieg.grid", words
        capsys.readouterr()
        assert grid.main([recipe, "--dry_run", *further]) == 0
        found += [shlex.split(line)[3:] for line in capsys.readouterr().out.splitlines()]
    return [config.resolve(typed(words)).values() for words in found]


@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_a_command_as_typed(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, here = PAIRS[number]
    results = runs_of(here, tmp_path / "here", capsys) if here else []
    place = tmp_path / "there"
    calls = called(there, place, "python", "python3", "bash", cwd=tmp_path)
    assert calls
    for words in calls:
        flags_typed = ours(words)
        if flags_typed is not None:
            config.resolve(typed(flags_typed))
        elif words[0].endswith(".sh"):
            assert (ROOT / "scripts" / Path(words[0]).name).exists()
        else:
            assert results
            if of_another(words):
                says_what_to_type(of_another(words), results, capsys)


def says_what_to_type(
    words: list[str], results: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The flags that the error names are those of a run on the page."""
    assert main(["ieg", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    command = re.search(r"here type: (?:\S+ )?python -m ieg\.main (.*) \(see docs/", line)
    assert command is not None, line
    wanted = typed(shlex.split(command[1]))
    for name in ("checkpoint_path", "pretrained_ckpt"):
        wanted.pop(name, None)
    assert any(wanted.items() <= values.items() for values in results), (wanted, line)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", [n for n, pair in enumerate(PAIRS) if "ieg.main" in pair.there])
def test_a_command_starts(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for layout in (CIFAR10, CIFAR100):
        archives.write(tmp_path / "data", layout)
    calls = called(PAIRS[number].there, tmp_path / "there", "python", "python3", cwd=tmp_path)
    for place, words in enumerate(filter(None, map(ours, calls))):
        if "--dataset=webvisionmini" in words:
            assert main(["ieg", *words]) == 2
            assert "webvision" in capsys.readouterr().err
            continue
        # A network for all of them would bring runs of other settings into one folder.
        small = [*SMALL, f"--checkpoint_path=runs{place}"]
        small += [flag for name, flag in SMALLER.items() if given(name, words)]
        small += [] if given("max_epoch", words) else ["--max_iteration=2"]
        small += [] if given("method=fsr", words) else ["--probe_dataset_hold_ratio=0.25"]
        evaluation = "--mode=evaluation"
        if evaluation in words:
            assert main(["ieg", *(word for word in words if word != evaluation), *small]) == 0
        assert main(["ieg", *words, *small]) == 0, words


def given(name: str, words: list[str]) -> bool:
    return any(word.lstrip("-").startswith(name) for word in words)


def test_options_of_the_release_are_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags_typed = (
        "--dataset=digits_uniform_0.4", "--mode=show_data", f"--checkpoint_path={tmp_path}",
        "--method=FSR", "--queue_metric", "margin", "--ds_include_metadata=True",
        "--use_pseudo_loss=",
    )  # fmt: skip
    assert main(["ieg", *flags_typed]) == 0
    notes = capsys.readouterr().out.splitlines()[:2]
    assert notes[0].startswith("note: --queue_metric=margin is taken: the dictionary ranks by")
    assert notes[1].startswith("note: --ds_include_metadata=True is taken: the index of every")


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["--nods_include_metadata", "--seed=1"], ["--seed=1"]),
        (["--ds_include_metadata", "--seed=1"], ["--seed=1"]),
        (["--use_pseudo_loss", ""], ["--use_pseudo_loss=none"]),
        (["--use_pseudo_loss=None"], ["--use_pseudo_loss=none"]),
        (["--use_pseudo_loss=all_1_0.1_1"], ["--use_pseudo_loss=all_1_0.1_1"]),
        (["-decay_epochs=160,180"], ["-decay_epochs=160,180"]),
        (["--nouse_ema", "word"], ["--nouse_ema", "word"]),
        (["--seeed=1", "--", "--gpu"], ["--seeed=1", "--", "--gpu"]),
    ],
)
def test_what_is_left_for_the_parser_of_flags(words: list[str], left: list[str]) -> None:
    assert originals.accepted(words, known())[0] == left


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("--queue_metric=loss", "--queue_metric=loss has no flag here: the dictionary ranks by"),
        ("--post_batch_mode_autoaug=False", "=False has no flag here: strong views are made of"),
        ("--noverbose_finer_log", "--noverbose_finer_log has no flag here: all that a method"),
        ("--summary_eval_to_train=0", "=0 has no flag here: events/ and metrics.csv have"),
        ("--pretrained_ckpt_mode=imagenet", "ImageNet weights come with --backbone=keras:NAME"),
        ("--exp_path_pattern=dataset+seed", "runs are always in CHECKPOINT_PATH/DATASET/NETWORK"),
        ("--loss_name=huber", "`loss_name=huber`: must be one of crossentropy, labelsmoothing,"),
    ],
)
def test_a_value_that_means_something_else_is_refused(word: str, reason: str) -> None:
    with pytest.raises(InputError, match=re.escape(reason)):
        originals.accepted([word], known())


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("--imb_factor 0.1 --dataset=cifar10 --imb_type step", "--dataset=cifar10_imbalstep_0.1"),
        ("--imb_type step --lr 0.1", "--learning_rate=0.1"),
        ("--train_rule Resample", "--sampler=resample"),
        ("--symmetric-noise-rate=0.4", "--dataset=BASE_symmetric_0.4"),
        ("--nouse_ema --b 32 --ds_include_metadata", "--nouse_ema --batch_size=32"),
    ],
)
def test_the_command_to_type(words: str, command: str) -> None:
    with pytest.raises(InputError, match=rf"here type: python -m ieg\.main {command} \(see docs/"):
        originals.accepted(words.split(), known())


def test_a_flag_of_own_code_comes_before_those_of_other_programs() -> None:
    values = known()
    flags.DEFINE_float("temperature", None, "", flag_values=values)
    words = ["--temperature", "2"]
    assert originals.accepted(words, values) == (words, [])


@pytest.mark.parametrize("word", ["--loss=CE", "--train_rule=None", "--network_name=ResNet29"])
def test_names_are_taken_in_either_case(word: str) -> None:
    name, value = word.lstrip("-").split("=")
    assert typed([word]) == {name: value.lower()}


def test_the_tables_are_those_of_the_code() -> None:
    made = original_tables.FILE.read_text(encoding="utf-8").split(original_tables.MARK)[1]
    assert made == original_tables.tables(), "python -m tests.original_tables writes them anew"

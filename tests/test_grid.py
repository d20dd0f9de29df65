"""The runner of grids: what it skips, how it goes on, stops and reports; real runs and signals."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ieg import grid
from ieg.recipes import RECIPES
from ieg.report import table
from tests import runs

ROOT = Path(__file__).parents[1]
SMALL = ("--max_iteration=4", "--eval_freq=2", "--batch_size=20", "--train_eval_size=50")


class Trained:
    """Stands in for training: notes the flags, and does what the name of a method says."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.acts: dict[str, Callable[[], int]] = {}

    def __call__(self, words: Sequence[str]) -> int:
        self.asked.append(list(words))
        given = dict(word[2:].split("=", 1) for word in words)
        act = self.acts.get(given["method"])
        if act is not None and (status := act()):
            return status
        place = f"{given['dataset']}/cnn/{given['method']}/seed{given['seed']}"
        folder = Path(given["checkpoint_path"], place)
        folder.mkdir(parents=True, exist_ok=True)
        result = {"network": "cnn", "steps": 4, "top1": 0.5, "settings": given | {"seed": None}}
        result |= {"dataset": given["dataset"], "method": given["method"]}
        (folder / "result.json").write_text(json.dumps(result | {"seed": int(given["seed"])}))
        return 0

    def methods(self) -> list[str]:
        """Of the runs since the last look."""
        given = [dict(word[2:].split("=", 1) for word in words) for words in self.asked]
        self.asked.clear()
        return [one["method"] for one in given]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Trained:
    stand_in = Trained()
    monkeypatch.setattr(grid, "train", stand_in)
    monkeypatch.chdir(tmp_path)
    return stand_in


def free(methods: str, *words: str, datasets: str = "digits", seeds: str = "1") -> int:
    names = ("--methods", methods, "--datasets", datasets, f"--seeds={seeds}", "--runs=runs")
    return grid.main(["free", *names, *words])


def test_each_command_is_printed_and_flags_are_handed_on(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    assert free("a b", "--", "--max_iteration=3", "--name=with space") == 0
    common = ["--dataset=digits", "--seed=1", "--checkpoint_path=runs"]
    further = ["--max_iteration=3", "--name=with space"]
    assert trained.asked == [
        [common[0], f"--method={method}", *common[1:], *further] for method in ("a", "b")
    ]
    out, err = capsys.readouterr()
    command = "python -m ieg.main --dataset=digits --method=a --seed=1 --checkpoint_path=runs"
    assert out.startswith(f"[1/2] {command} --max_iteration=3 '--name=with space'\n")
    assert "| digits | a | cnn | 4 | 1 | 0.500 |" in out and not err


def test_losses_have_folders_and_one_table(trained: Trained) -> None:
    assert free("a b", "--losses", "ce gce", seeds="1 2") == 0
    assert len(trained.asked) == 8
    assert trained.asked[1][1:] == [
        "--method=a", "--seed=1", "--checkpoint_path=runs/gce", "--loss=gce"
    ]  # fmt: skip
    assert len(table.read_results(Path("runs"))) == 8


def test_what_is_done_is_skipped(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    assert free("a b") == free("a b c", "--") == 0
    assert trained.methods() == ["a", "b", "c"]
    out = capsys.readouterr().out
    assert out.count("finished already: python -m ieg.main") == 2
    assert free("a", "--", "--max_iteration=9") == 0
    assert trained.methods() == ["a"]  # ieg.main knows what that means


def test_a_second_stage_takes_the_folder_of_the_first(trained: Trained) -> None:
    asked = ["mixup_labels_digits", "--row=upper_bound", "--seeds=1", "--runs=mine"]
    assert grid.main(asked) == 0
    first, second = trained.asked
    assert "--checkpoint_path=mine/clean" in first
    assert "--mixup_clean_ckpt=mine/clean/digits/cnn/supervised/seed1" in second
    assert grid.main(asked) == 0 and len(trained.asked) == 2  # both are done


def test_it_goes_on_after_a_failure_and_names_it(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    trained.acts = {"exit2": lambda: 2, "exit1": lambda: 1}
    assert free("exit2 a exit1", datasets="digits other") == 1
    assert trained.methods() == ["exit2", "a", "exit1"] * 2
    out, err = capsys.readouterr()
    assert "| digits | a | cnn |" in out
    first, *said = err.splitlines()
    assert first == "4 of 6 runs failed:"
    assert [line.partition(": ")[0] for line in said] == ["  status 2", "  status 1"] * 2
    assert said[0].endswith(
        "python -m ieg.main --dataset=digits --method=exit2 --seed=1 --checkpoint_path=runs"
    )


def test_an_exception_of_a_run_is_a_failure_of_that_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(argv: Sequence[str]) -> int:
        raise ZeroDivisionError("a mistake in a loss of one's own")

    monkeypatch.setattr("ieg.main.main", broken)
    assert grid.train(["--loss=own"]) == 1
    assert "ZeroDivisionError: a mistake in a loss" in capsys.readouterr().err


def test_a_table_that_fails_is_a_failure(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    trained.acts = {"a": lambda: 2}
    assert free("a") == 1  # no finished run
    monkeypatch.setattr(table, "main", lambda argv: 2)
    trained.acts = {}
    assert free("a") == 1


def raises(number: int) -> Callable[[], int]:
    """A run that gets this signal while nothing is being trained."""

    def act() -> int:
        signal.raise_signal(number)
        return 0

    return act


@pytest.mark.parametrize(
    ("act", "status"),
    [
        (lambda: 130, 130),
        (lambda: 143, 143),
        (raises(signal.SIGINT), 130),
        (raises(signal.SIGTERM), 143),
        (raises(signal.SIGHUP), 143),
    ],
    ids=["stopped by INT", "stopped by TERM", "INT", "TERM", "HUP"],
)
def test_an_interruption_ends_the_grid(
    trained: Trained, capsys: pytest.CaptureFixture[str], act: Callable[[], int], status: int
) -> None:
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        trained.acts = {"b": act}
        assert free("a b c") == status
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert trained.methods() == ["a", "b"]
    out, err = capsys.readouterr()
    assert err == "stopped in run 2 of 3; the same command goes on\n"
    assert "| digits |" not in out


def test_a_recipe_by_its_parts(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["digits", "--runs=", "--row=l2r ieg", "--dataset", "digits_uniform_0.4", "--seeds=3"]
    assert grid.main([*words, "--dry_run", "--", "--max_iteration=5"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"python -m ieg.main --dataset=digits_uniform_0.4 --method={method} --seed=3 "
        "--checkpoint_path=runs/digits --max_iteration=5"
        for method in ("l2r", "ieg")
    ]
    assert not trained.asked and not list(Path().iterdir())


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["free"], "must each name at least one"),
        (["free", "--methods=a", "--datasets=digits"], "must each name at least one"),
        (["free", "--methods", "a", "--datasets", "digits", "--seeds", ""], "at least one"),
        (["free", "--methods"], "--methods: expected at least one"),
        (["free", "--methods=a", "--datasets=d", "--seeds=one"], "whole numbers, not 'one'"),
        (["free", "--methods=a", "--datasets=d", "--seeds=-1"], "whole numbers, not '-1'"),
        (["free", "--methods=a", "--color=red"], "--color=red"),
        (["free", "--runs=--max_iteration=4"], "a FOLDER comes before all flags"),
        (["free", "--methods=a", "--datasets=d", "--seeds=1", "--", "8"], "--flag=value, not '8'"),
        (["free", "--methods=a", "--datasets=d", "--seeds=1", "--", "--seed=3"], "--seed=3 does"),
        (["free", "--methods=a", "--datasets=d", "--seeds=1", "--", "-dataset=x"], "-dataset=x"),
        (
            ["free", "--methods=a", "--datasets=d", "--seeds=1", "--losses=b", "--", "--loss=c"],
            "--loss does not belong",
        ),
        (["losses_digits", "--", "--loss=c"], "--loss does not belong"),
        (["--row=a"], "which recipe?"),
        (["digitz"], "unknown recipe 'digitz' (did you mean 'digits'?)"),
        (["digits", "--row=l3r"], "unknown row 'l3r' (did you mean 'l2r'?)"),
        (["digits", "--dataset=cifar10"], "unknown data set 'cifar10'"),
        (["digits", "--methods=a"], "--methods and --losses are for free"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(
    trained: Trained, capsys: pytest.CaptureFixture[str], words: list[str], part: str
) -> None:
    try:
        status = grid.main(words)
    except SystemExit as end:
        status = int(str(end.code))
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1 and part in err
    assert not trained.asked and not list(Path().iterdir())


def test_listing_and_errors_do_not_wait_for_tensorflow() -> None:
    program = (
        "import sys; from ieg import grid; grid.main([]); grid.main(['ieg_cifar10', '--list']); "
        "grid.main(['digits', '--dry_run']); grid.main(['none']); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0 and "unknown recipe" in done.stderr
    assert all(name in done.stdout for name in RECIPES.names())


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_a_real_grid_of_two_runs_of_which_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert free("supervised nonsense", "--", *SMALL, datasets="digits_uniform_0.4") == 1
    out, err = capfd.readouterr()
    assert "error: unknown method 'nonsense'" in err
    assert "1 of 2 runs failed:\n  status 2: python -m ieg.main" in err
    assert re.search(r"^\| digits_uniform_0\.4 \| 0\.\d+ \| supervised \| cnn \|", out, re.M)
    run = runs.only_run(tmp_path / "runs")
    command, checksum = (run / ".grid").read_text().splitlines()
    assert command in out
    counted = subprocess.run(
        ["cksum"], input=(run / "result.json").read_bytes(), capture_output=True, check=True
    )
    assert checksum == counted.stdout.decode().strip()


def test_a_signal_in_the_middle_of_a_run_saves_it(tmp_path: Path) -> None:
    words = ["digits", "--row=supervised", "--dataset=digits_uniform_0.4", "--seeds", "1", "2"]
    flags = ["--", "--eval_freq=2", "--train_eval_size=50", "--batch_size=20"]
    with subprocess.Popen(
        [sys.executable, "-m", "ieg.grid", *words, "--runs=runs", *flags, "--max_iteration=2000"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert any(line.startswith("step 2:") for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(timeout=120) == 128 + signal.SIGTERM
        stopped = re.search(r"stopped at step (\d+) of 2000; all is saved", rest)
        assert stopped is not None, rest
        assert process.stderr.read() == "stopped in run 1 of 2; the same command goes on\n"
    run = runs.only_run(tmp_path / "runs")
    assert (run / f"checkpoints/step-{stopped[1]}.index").exists()

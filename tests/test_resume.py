"""Real processes that are killed or stopped: the same command goes on to the same end, bit for bit.

A process takes four seconds to start, so that few of them do much: one uninterrupted run serves
all tests of its method, and each killed process is also the one that resumed the process before.
"""

import itertools
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ieg import checkpoints
from tests import runs

ROOT = Path(__file__).parents[1]

DIGITS = (
    "--dataset=digits_uniform_0.4",
    "--batch_size=40",
    "--max_iteration=120",
    "--eval_freq=20",
    "--decay_steps=50",
    "--dropout_rate=0.2",
)

#: Epochs have 34 steps: kills hit all stages.
OWN_FLAGS = {
    "l2r": ("--l2r_warmup_epochs=1", "--meta_interval=3"),
    "fsr": ("--meta_start_epoch=1",),
    "mixup_labels": ("--mixup_variant=proposal", "--mixup_target=soft"),  # all its memories
}

#: 32x32 colour images, of which the package itself has none without a download.
COLOURS = """
import ieg.quiet
import sys
import numpy as np
from ieg.augment.strong import StrongAugmentation
from ieg.augment.weak import WeakAugmentation
from ieg.data.sources import REGISTRY, Source, SourceEntry, Split
from ieg.main import main

COLOURS = np.array([[190, 70, 70], [70, 190, 70], [70, 70, 190], [150, 150, 60]])


def split(count, seed):
    labels = np.arange(count) % 4
    noise = np.random.default_rng(seed).normal(0, 40, [count, 32, 32, 3])
    images = COLOURS[labels][:, np.newaxis, np.newaxis] + noise
    return Split(np.clip(images, 0, 255).astype(np.uint8), labels)


def load(dataset_dir):
    names = ("red", "green", "blue", "olive")
    weak = WeakAugmentation(pad=4, flip=True)
    strong = StrongAugmentation("cifar10", per_batch=False, pad=4, flip=True, cutout=16)
    return Source(split(200, 0), split(40, 1), names, None, weak, strong)


REGISTRY.register("colours")(SourceEntry(load))
sys.exit(main(sys.argv))
"""

COLOURS_FLAGS = (
    "--dataset=colours_uniform_0.4",
    "--network_name=resnet32",
    "--batch_size=8",
    "--max_iteration=12",
    "--eval_freq=4",
    "--learning_rate=0.02",
    "--probe_dataset_hold_ratio=0.1",
    "--train_eval_size=40",
    "--val_batch_size=40",
)


class Process:
    """A training process.

    Args:
      root: root of the run folders; what the process prints is kept beside it.
      command: what to run with this Python.
    """

    _numbers = itertools.count()

    def __init__(self, root: Path, command: Sequence[str]) -> None:
        self.root = root
        self.log = root.parent / f"{next(self._numbers)}.log"
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        with open(self.log, "w") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                cwd=root.parent,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def running(self) -> bool:
        return self._process.poll() is None

    def checkpoints(self) -> set[str]:
        """Complete checkpoints; `temp` stands for one that is being written."""
        found = self.root.glob("*/*/*/*/checkpoints/*")
        return {
            "temp" if "_temp" in path.name else path.stem
            for path in found
            if path.suffix == ".index" or "_temp" in path.name
        }

    def restorable(self) -> int:
        """The step that another process would go on from; 0 when there is none."""
        lists = self.root.glob("*/*/*/*/checkpoints/checkpoint")
        latest = (checkpoints.latest(path.parent) for path in lists)
        return max((int(path.rpartition("-")[2]) for path in latest if path), default=0)

    def wait_for(self, happened: Callable[[], bool], pause: float = 0.01) -> None:
        """Waits until something has happened; it must while the process runs."""
        while not happened():
            assert self.running(), self.log.read_text()
            time.sleep(pause)

    def send(self, number: int) -> int:
        """Sends a signal to the process, which still runs, and returns its exit status."""
        assert self.running(), self.log.read_text()
        self._process.send_signal(number)
        return self._process.wait()

    def finish(self) -> None:
        assert self._process.wait() == 0, self.log.read_text()

    def end(self) -> None:
        """Leaves no process behind, whatever a test has found."""
        if self.running():
            self._process.kill()
        self._process.wait()


Start = Callable[..., Process]


@pytest.fixture(scope="module")
def start() -> "Start":
    """Starts processes that do not outlive the tests."""
    started: list[Process] = []

    def start(root: Path, *flags: str, script: Sequence[str] = ("-m", "ieg.main")) -> Process:
        started.append(Process(root, [*script, f"--checkpoint_path={root}", *flags]))
        return started[-1]

    yield start
    for process in started:
        process.end()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, start: Start) -> Callable[[str], Path]:
    """Method → the folder of a run on digits that nothing interrupted."""
    finished: dict[str, Path] = {}

    def folder(method: str) -> Path:
        if method not in finished:
            root = tmp_path_factory.mktemp(method) / "runs"
            start(root, *DIGITS, *of_method(method)).finish()
            finished[method] = runs.only_run(root)
        return finished[method]

    return folder


def of_method(method: str) -> tuple[str, ...]:
    """The flags that choose a method."""
    return (f"--method={method}", *OWN_FLAGS.get(method, ()))


def assert_same_end(resumed: Path, uninterrupted: Path, step: int) -> None:
    runs.assert_same_checkpoint(resumed, uninterrupted, step)
    assert runs.rows(resumed) == runs.rows(uninterrupted)
    assert (resumed / "examples.csv").read_text() == (uninterrupted / "examples.csv").read_text()


def kill_behind(process: Process, step: int, seconds: float = 0.0) -> None:
    """SIGKILL some time after another process could go on from that step."""
    process.wait_for(lambda: process.restorable() >= step)
    time.sleep(seconds)
    assert process.send(signal.SIGKILL) == -signal.SIGKILL


def kill_while_a_checkpoint_is_written(process: Process, following: int) -> None:
    """SIGKILL while the files of a checkpoint have their temporary names.

    They have them for a few milliseconds; where the machine is too busy to see that, the process
    is killed when the checkpoint has just been completed.

    Args:
      following: how many checkpoints are complete before that one.
    """
    process.wait_for(lambda: len(process.checkpoints() - {"temp"}) >= following)
    process.wait_for(lambda: "temp" not in process.checkpoints())
    before = process.checkpoints()
    process.wait_for(lambda: process.checkpoints() != before, pause=5e-4)
    assert process.send(signal.SIGKILL) == -signal.SIGKILL


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("l2r", marks=pytest.mark.slow),  # killed at 32x32 below
        pytest.param("ieg", marks=pytest.mark.slow),  # keeps what L2R keeps, and traces for longer
        "fsr",
        pytest.param("mixup_labels", marks=pytest.mark.slow),
    ],
)
def test_killed_twice_ends_like_one_never_interrupted(
    tmp_path: Path, start: Start, uninterrupted: Callable[[str], Path], method: str
) -> None:
    delays, root = random.Random(1), tmp_path / "runs"
    whole = uninterrupted(method)
    flags = (*DIGITS, *of_method(method))
    kill_behind(start(root, *flags), 20, delays.uniform(0, 0.4))
    kill_while_a_checkpoint_is_written(start(root, *flags), following=2)
    last = start(root, *flags)
    last.finish()
    assert re.search(r"^going on from step \d+$", last.log.read_text(), re.MULTILINE)
    assert_same_end(runs.only_run(root), whole, 120)


@pytest.mark.slow
def test_dynamic_loss_killed_in_each_of_its_phases_ends_like_one_never_interrupted(
    tmp_path: Path, start: Start
) -> None:
    # Epochs of 27 steps, the last two of which fine-tune behind the warm-up of one epoch. The step
    # behind the first two checkpoints is traced for seconds, so that kills hit between them.
    flags = (
        "--method=dynamic_loss",
        "--dataset=digits_imbal_0.1_prior_0.4",
        "--dynamic_warmup_epochs=1",
        "--warmup_epochs=1",
        "--dropout_rate=0.2",
        "--batch_size=20",
        "--max_iteration=104",
        "--eval_freq=26",
    )
    whole, root = start(tmp_path / "whole", *flags), tmp_path / "runs"
    logs = []
    for step in (26, 52, 78):
        process = start(root, *flags)
        kill_behind(process, step)
        logs.append(process.log)
    last = start(root, *flags)
    last.finish()
    logs.append(last.log)
    resumed = re.findall(r"^going on from step (\d+)$", "".join(map(Path.read_text, logs)), re.M)
    assert [int(step) for step in resumed] == [26, 52, 78]  # warm-up, fine-tuning, meta
    whole.finish()
    assert_same_end(runs.only_run(root), runs.only_run(tmp_path / "whole"), 104)


def test_dro_lt_killed_in_both_phases_ends_like_one_never_interrupted(
    tmp_path: Path, start: Start, uninterrupted: Callable[[str], Path]
) -> None:
    """Epochs have 36 steps: the features' phase ends after 72, the classifier's after 180."""
    root = tmp_path / "runs"
    first_stage = uninterrupted("supervised")
    flags = (
        *DIGITS,
        "--method=dro_lt",
        f"--pretrained_ckpt={first_stage}",
        "--max_iteration=180",
        "--balanced_clf_nepochs=3",
        "--dro_selection=best",
    )
    whole = start(tmp_path / "whole", *flags)
    for step in (20, 80):
        kill_behind(start(root, *flags), step)
    last = start(root, *flags)
    whole.finish()
    last.finish()
    resumed = re.search(r"^going on from step (\d+)$", last.log.read_text(), re.MULTILINE)
    assert resumed and 72 <= int(resumed[1]) < 180
    assert_same_end(runs.only_run(root), runs.only_run(tmp_path / "whole"), 180)


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(("--method=l2r", "--l2r_warmup_epochs=0"), id="l2r"),
        pytest.param(("--method=ieg",), marks=pytest.mark.slow, id="ieg"),
    ],
)
def test_at_32x32_killed_while_it_saves_ends_like_one_never_interrupted(
    tmp_path: Path, start: Start, flags: tuple[str, ...]
) -> None:
    script = tmp_path / "colours.py"
    script.write_text(COLOURS)
    flags = (*COLOURS_FLAGS, *flags)
    whole = start(tmp_path / "whole", *flags, script=[str(script)])
    killed = start(tmp_path / "killed", *flags, script=[str(script)])
    kill_while_a_checkpoint_is_written(killed, following=1)
    resumed = start(tmp_path / "killed", *flags, script=[str(script)])
    whole.finish()
    resumed.finish()
    assert re.search(r"^going on from step \d+$", resumed.log.read_text(), re.MULTILINE)
    assert_same_end(runs.only_run(tmp_path / "killed"), runs.only_run(tmp_path / "whole"), 12)
    weights = {row["weights_zero_ratio"] for row in runs.rows(runs.only_run(tmp_path / "killed"))}
    assert weights != {"1"}  # examples did get weights, so that something was compared


def stop_and_read(process: Process, number: int) -> tuple[int, list[str]]:
    """Stops a process with a signal after its first checkpoint.

    Returns:
      the step at which it stopped, and the arguments of the command that it printed.
    """
    before = process.checkpoints()
    process.wait_for(lambda: bool(process.checkpoints() - before - {"temp"}))
    assert process.send(number) == 128 + number
    lines = process.log.read_text().splitlines()
    assert "Traceback" not in process.log.read_text()
    stopped = re.fullmatch(
        rf"stopped at step (\d+) of 120; all is saved in {process.root}/.*", lines[-2]
    )
    assert stopped and lines[-1].startswith("to go on: python -m ieg.main ")
    step = int(stopped[1])
    assert f"step-{step}" in process.checkpoints()
    assert 20 <= step < 120
    return step, shlex.split(lines[-1])[4:]


def test_sigterm_and_ctrl_c_save_and_the_printed_command_goes_on(
    tmp_path: Path, start: Start, uninterrupted: Callable[[str], Path]
) -> None:
    # A space in the path: the printed command must be quoted.
    root, whole = tmp_path / "my runs", uninterrupted("supervised")
    first = start(root, *DIGITS, *of_method("supervised"))
    stopped, command = stop_and_read(first, signal.SIGTERM)
    second = Process(root, command)
    again, command = stop_and_read(second, signal.SIGINT)
    last = Process(root, command)
    last.finish()
    assert f"\ngoing on from step {stopped}\n" in f"\n{second.log.read_text()}"
    assert f"\ngoing on from step {again}\n" in last.log.read_text()
    assert_same_end(runs.only_run(root), whole, 120)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["supervised", "l2r", "ieg", "fsr"])
def test_killed_at_random_moments_ends_like_one_never_interrupted(
    tmp_path: Path, start: Start, method: str
) -> None:
    moments, root = random.Random(2), tmp_path / "runs"
    flags = (*DIGITS, "--max_iteration=1000", *of_method(method))
    for _ in range(3):
        process = start(root, *flags)
        time.sleep(moments.uniform(0.5, 4))  # it still imports, restores or traces
        assert process.send(signal.SIGKILL) == -signal.SIGKILL
        further = process.restorable() + 20 * moments.randint(1, 3)
        kill_behind(start(root, *flags), further, moments.uniform(0, 0.5))
    start(root, *flags).finish()
    start(tmp_path / "whole", *flags).finish()
    assert_same_end(runs.only_run(root), runs.only_run(tmp_path / "whole"), 1000)

"""Two worker processes train like two replicas of one, stop together, and go on together."""

import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import runs
from tests.data import trees
from tests.distribute.pairs import SECONDS, Pair

SMALL = (
    "--dataset=digits_uniform_0.4",
    "--batch_size=20",
    "--max_iteration=30",
    "--eval_freq=20",  # divided by the replicas
    "--decay_steps=50",
    "--dropout_rate=0.2",
    "--train_eval_size=100",
    "--seed=3",
)
METHODS = {
    "supervised": (),
    "l2r": ("--l2r_warmup_epochs=0",),
    "ieg": (),
    "fsr": ("--meta_start_epoch=0", "--queue_bs=30"),
    "dynamic_loss": ("--dynamic_warmup_epochs=0", "--max_epoch=2"),
    "mixup_labels": ("--mixup_target=soft",),
}

Start = Callable[..., Pair]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts pairs that do not outlive the test; their runs go to `tmp_path / "workers"`."""
    pairs: list[Pair] = []

    def start(*flags: str, **more: object) -> Pair:
        pairs.append(Pair(tmp_path, [f"--checkpoint_path={tmp_path / 'workers'}", *flags], **more))
        return pairs[-1]

    yield start
    for pair in pairs:
        pair.end()


def mirrored_run(tmp_path: Path, *flags: str) -> Path:
    """The run folder of two replicas in this process."""
    return runs.train(tmp_path / "mirrored", "--distribution_strategy=mirrored", *flags)


def wait_for_checkpoint(root: Path, pair: Pair, step: int) -> None:
    until = time.monotonic() + SECONDS
    while not list(root.glob(f"*/*/*/*/checkpoints/step-{step}.index")):
        assert time.monotonic() < until and pair.processes[0].poll() is None, pair.printed()
        time.sleep(0.01)


def assert_same_end(tmp_path: Path, *flags: str) -> None:
    workers, mirrored = runs.only_run(tmp_path / "workers"), mirrored_run(tmp_path, *flags)
    step = int(runs.rows(mirrored)[-1]["step"])
    runs.assert_same_checkpoint(workers, mirrored, step)
    assert runs.rows(workers) == runs.rows(mirrored)
    assert (workers / "examples.csv").read_text() == (mirrored / "examples.csv").read_text()


@pytest.mark.parametrize(
    "method",
    [name if name == "l2r" else pytest.param(name, marks=pytest.mark.slow) for name in METHODS],
)
def test_two_workers_equal_two_replicas(tmp_path: Path, start: Start, method: str) -> None:
    flags = (*SMALL, f"--method={method}", *METHODS[method])
    pair = start(*flags)
    pair.finish()
    chief, other = pair.printed()
    assert "2 CPU replicas on 2 workers" in chief and "\ndone: top-1" in chief
    assert other == ""
    assert_same_end(tmp_path, *flags)


@pytest.mark.slow
def test_passes_over_the_data_are_the_same_on_every_worker(tmp_path: Path, start: Start) -> None:
    """Centroids, and a choice of the best features by them, between the epochs of dro_lt."""
    first = runs.train(tmp_path / "first", *SMALL, "--method=supervised", "--max_iteration=4")
    flags = (
        *SMALL,
        "--method=dro_lt",
        "--max_epoch=3",
        "--balanced_clf_nepochs=1",
        "--dro_selection=best",
        f"--pretrained_ckpt={first}",
    )
    start(*flags).finish()
    assert_same_end(tmp_path, *flags)


@pytest.mark.slow
def test_damaged_files_are_found_by_one_and_known_to_all(tmp_path: Path, start: Start) -> None:
    """One worker alone begins its batches anew; later it is the other one that meets the image."""
    photos = trees.write_folder(tmp_path / "photos")
    for name in ("bee/04", "cat/07", "ant/02"):
        (photos / "train" / f"{name}.jpg").write_text("no image")
    flags = (
        f"--dataset=folder:{photos}",
        "--method=supervised",
        "--network_name=cnn",
        "--image_size=8",
        "--batch_size=3",
        "--max_iteration=20",
        "--eval_freq=6",
        "--train_eval_size=3",  # an evaluation hardly finds what the batches are to find
        "--damaged_limit=0.2",
    )
    start(*flags).finish()
    assert_same_end(tmp_path, *flags)
    listed = (runs.only_run(tmp_path / "workers") / "damaged_images.csv").read_text()
    assert [line.count(".jpg,") for line in listed.splitlines()] == [0, 1, 1, 1]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_killed_worker_ends_the_other_and_both_go_on(tmp_path: Path, start: Start) -> None:
    flags = (*SMALL, "--method=l2r", "--max_iteration=150", *METHODS["l2r"])
    root = tmp_path / "workers"
    for killed, step in ((1, 20), (0, 60)):
        pair = start(*flags)
        wait_for_checkpoint(root, pair, step)
        pair.processes[killed].kill()
        status = pair.wait()
        assert status[killed] == -signal.SIGKILL
        assert status[1 - killed] == 1, pair.printed()
        said = pair.printed()[1 - killed].splitlines()[-1]
        assert said.startswith("stopped: ") and "start all of them again" in said
    last = start(*flags)
    last.finish()
    assert re.search(r"^going on from step [1-9]\d*$", last.printed()[0], re.MULTILINE)
    assert_same_end(tmp_path, *flags)


@pytest.mark.slow
def test_a_signal_to_one_worker_stops_both_at_one_step(tmp_path: Path, start: Start) -> None:
    flags = (*SMALL, "--method=supervised", "--max_iteration=2000", "--eval_freq=100")
    pair = start(*flags)
    wait_for_checkpoint(tmp_path / "workers", pair, 50)
    pair.processes[1].send_signal(signal.SIGTERM)
    assert pair.wait() == [128 + signal.SIGTERM] * 2, pair.printed()
    stopped = re.search(r"^stopped at step (\d+) of 2000", pair.printed()[0], re.MULTILINE)
    assert stopped
    run = runs.only_run(tmp_path / "workers")
    assert (run / f"checkpoints/step-{stopped[1]}.index").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "own", "said"),
    [
        ((), (("--seed=1",), ("--seed=2",)), "--seed is 1 on worker 0 and 2 on worker 1"),
        (("--batch_size=720",), ((), ()), "a global batch of 1440 is larger than the 1437 images"),
        ((), ((), ("--method=ieg",)), "--method is supervised on worker 0 and ieg on worker 1"),
    ],
    ids=["seeds", "batch", "methods"],
)
def test_what_does_not_fit_ends_both_in_one_line(
    tmp_path: Path, start: Start, flags: tuple[str, ...], own: object, said: str
) -> None:
    pair = start(*SMALL, "--method=supervised", *flags, own=own)
    assert pair.wait() == [2, 2], pair.printed()
    for printed in pair.printed():
        (line,) = printed.splitlines()
        assert line.startswith("error: ") and said in line
    assert not (tmp_path / "workers").exists()

"""`--mode=visualize`: figures of what a method has learned, from any checkpoint of a run."""

from pathlib import Path

import matplotlib.image
import pytest

from ieg.main import main
from tests import runs

SMALL = (
    "--method=dynamic_loss",
    "--dataset=digits_imbal_0.1_prior_0.4",
    "--dynamic_warmup_epochs=0",
    "--warmup_epochs=0",
    "--batch_size=100",
    "--max_iteration=4",
    "--eval_freq=2",
)
NAMES = ["margins.png", "rank_weights.png"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of a finished run with checkpoints of steps 2 and 4."""
    root = tmp_path_factory.mktemp("trained") / "runs"
    runs.train(root, *SMALL)
    return root


def pictures(folder: Path) -> list[str]:
    """Names of the PNG files of a folder, each of which can be read."""
    paths = sorted(folder.glob("*.png"))
    assert all(min(matplotlib.image.imread(path).shape[:2]) > 200 for path in paths)
    return [path.name for path in paths]


def test_training_ends_with_the_figures_of_the_method(trained: Path) -> None:
    assert set(NAMES) <= set(pictures(runs.only_run(trained) / "figures"))


def test_a_checkpoint_is_drawn_into_a_folder_of_its_own(
    trained: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = runs.only_run(trained)
    before = runs.snapshot(run / "figures")
    for step, flags in ((4, ()), (2, ("--restore_step=2",))):
        # Settings of the run itself need not be typed again.
        typed = [f for f in SMALL if f.split("=")[0] in ("--method", "--dataset")]
        command = ["ieg", "--mode=visualize", f"--checkpoint_path={trained}", *typed, *flags]
        assert main(command) == 0
        printed = capfd.readouterr().out
        assert f"checkpoint of step {step}" in printed
        folder = run / "figures" / f"step{step}"
        assert pictures(folder) == NAMES
        assert all(f"saved as {folder / name}" in printed for name in NAMES)
    after = runs.snapshot(run / "figures")
    unchanged = {name: value for name, value in after.items() if not name.startswith("step")}
    assert unchanged == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--method=dynamic_loss", "--seed=99"), "no run in"),
        (("--method=dynamic_loss", "--restore_step=3"), "no such checkpoint"),
        (("--method=dynamic_loss", "--dynamic_ranks=7"), "was trained with 10"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(
    trained: Path, capfd: pytest.CaptureFixture[str], flags: tuple[str, ...], message: str
) -> None:
    before = runs.snapshot(trained)
    data = "--dataset=digits_imbal_0.1_prior_0.4"
    assert main(["ieg", "--mode=visualize", f"--checkpoint_path={trained}", data, *flags]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]
    assert runs.snapshot(trained) == before

"""Checkpoints: which ones there are, what comes back, and what is said when nothing can."""

import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from ieg.checkpoints import Checkpoints
from ieg.errors import InputError
from ieg.training.state import Meter


class Saved:
    """One variable with its checkpoints."""

    def __init__(self, folder: Path, shape: tuple[int, ...] = (2,), name: str = "weights") -> None:
        self.weights = tf.Variable(tf.zeros(shape))
        self.checkpoints = Checkpoints(tf.train.Checkpoint(**{name: self.weights}), folder)

    def save(self, *steps: int) -> None:
        """Saves the weights [step, step] for each of the steps."""
        for step in steps:
            self.weights.assign(tf.fill(self.weights.shape, float(step)))
            self.checkpoints.save(step)

    def value(self) -> float:
        return float(tf.reduce_max(self.weights))


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    return Saved(tmp_path / "checkpoints")


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def expected_files(*steps: int) -> set[str]:
    names = {f"step-{step}.{end}" for step in steps for end in ("index", "data-00000-of-00001")}
    return names | {"checkpoint"}


def test_without_a_checkpoint_nothing_is_restored_and_nothing_written(saved: Saved) -> None:
    saved.weights.assign([3.0, 3.0])
    assert saved.checkpoints.steps() == []
    assert saved.checkpoints.find() == 0
    assert saved.checkpoints.restore() == 0
    assert saved.value() == 3
    assert not list(saved.checkpoints._folder.parent.iterdir())


def test_the_latest_is_restored_unless_a_step_is_asked_for(saved: Saved, tmp_path: Path) -> None:
    saved.save(5, 20, 100)
    assert saved.checkpoints.steps() == [5, 20, 100]
    later = Saved(tmp_path / "checkpoints")
    assert (later.checkpoints.find(), later.checkpoints.find(20)) == (100, 20)
    assert later.checkpoints.restore() == 100
    assert later.value() == 100
    assert later.checkpoints.restore(20) == 20
    assert later.value() == 20


def test_the_last_three_are_kept(saved: Saved, tmp_path: Path) -> None:
    saved.save(1, 2, 3, 4)
    assert saved.checkpoints.steps() == [2, 3, 4]
    assert files(tmp_path / "checkpoints") == expected_files(2, 3, 4)


def test_a_later_process_deletes_those_of_an_earlier_one(saved: Saved, tmp_path: Path) -> None:
    saved.save(1, 2, 3)
    Saved(tmp_path / "checkpoints").save(4, 5)
    assert saved.checkpoints.steps() == [3, 4, 5]
    assert files(tmp_path / "checkpoints") == expected_files(3, 4, 5)


def test_a_step_that_does_not_exist_is_named_beside_those_that_do(saved: Saved) -> None:
    with pytest.raises(InputError, match="`restore_step=7`: no such checkpoint.*there is none"):
        saved.checkpoints.find(7)
    saved.save(5, 20)
    for call in (saved.checkpoints.find, saved.checkpoints.restore):
        with pytest.raises(InputError, match="`restore_step=7`: no such.*there are: 5, 20$"):
            call(7)
    assert saved.value() == 20


def test_going_back_deletes_what_came_later(saved: Saved, tmp_path: Path) -> None:
    saved.save(1, 2, 3)
    saved.checkpoints.forget_after(2)
    assert saved.checkpoints.steps() == [1, 2]
    assert files(tmp_path / "checkpoints") == expected_files(1, 2)
    assert saved.checkpoints.restore() == 2
    assert saved.value() == 2


def test_what_is_kept_when_going_back_still_counts_among_the_last_three(
    saved: Saved, tmp_path: Path
) -> None:
    saved.save(1, 2, 3)
    saved.checkpoints.forget_after(2)
    Saved(tmp_path / "checkpoints").save(5)
    assert saved.checkpoints.steps() == [1, 2, 5]
    Saved(tmp_path / "checkpoints").save(6)
    assert saved.checkpoints.steps() == [2, 5, 6]
    assert files(tmp_path / "checkpoints") == expected_files(2, 5, 6)


@pytest.mark.parametrize("relative", [False, True])
def test_a_run_folder_may_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    saved = Saved(Path("old") if relative else tmp_path / "old")
    saved.save(1, 2, 3)
    saved.checkpoints.forget_after(2)
    shutil.move(tmp_path / "old", tmp_path / "new")
    moved = Saved(tmp_path / "new")
    assert moved.checkpoints.restore(1) == 1
    moved.save(4, 5)
    assert files(tmp_path / "new") == expected_files(2, 4, 5)


@pytest.mark.parametrize("left", ["step-20_temp", "files"])
def test_a_checkpoint_cut_off_while_it_was_written_does_not_count(
    saved: Saved, tmp_path: Path, left: str
) -> None:
    saved.save(10)
    folder = tmp_path / "checkpoints"
    if left == "files":  # the process was killed before TensorFlow wrote its list
        (folder / "step-20.data-00000-of-00001").write_bytes(b"half")
        (folder / "step-20.index").write_bytes(b"half")
    else:
        (folder / left).mkdir()
        (folder / left / "part-00000-of-00001.data-00000-of-00001.tempstate1").write_bytes(b"half")
    later = Saved(folder)
    assert later.checkpoints.restore() == 10
    later.save(20)
    assert later.checkpoints.restore() == 20
    assert later.value() == 20


def test_the_number_of_saves_does_not_show_in_a_checkpoint(saved: Saved, tmp_path: Path) -> None:
    saved.save(1, 2, 3)
    other = Saved(tmp_path / "other")
    other.save(3)
    counters = [
        tf.train.load_checkpoint(str(folder / "step-3")).get_tensor(
            "save_counter/.ATTRIBUTES/VARIABLE_VALUE"
        )
        for folder in (tmp_path / "checkpoints", tmp_path / "other")
    ]
    assert counters[0] == counters[1]


def test_a_checkpoint_of_another_shape_is_refused(saved: Saved, tmp_path: Path) -> None:
    saved.save(1, 2)
    wider = Saved(tmp_path / "checkpoints", shape=(3,))
    with pytest.raises(InputError, match="step-2 .*another network; `restore_step=1` takes"):
        wider.checkpoints.restore()


def test_a_checkpoint_of_other_variables_is_refused(saved: Saved, tmp_path: Path) -> None:
    saved.save(2)
    other = Saved(tmp_path / "checkpoints", name="biases")
    with pytest.raises(InputError, match="step-2 belongs to another network or method$"):
        other.checkpoints.restore()
    assert other.value() == 0


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    saved = Saved(tmp_path / "file" / "checkpoints")
    with pytest.raises(InputError, match="cannot write a checkpoint to .*file/checkpoints"):
        saved.save(1)


def test_running_means_come_back_to_the_bit(tmp_path: Path) -> None:
    meter, restored = Meter(), Meter()
    for value in (0.1, 0.2, 0.7):
        meter.add({"loss": value, "train_accuracy": value / 3})
    Checkpoints(tf.train.Checkpoint(meter=meter), tmp_path).save(3)
    Checkpoints(tf.train.Checkpoint(meter=restored), tmp_path).restore()
    assert restored.means() == meter.means()
    assert restored.means()["loss"] == (0.1 + 0.2 + 0.7) / 3
    restored.add({"loss": 1.0, "train_accuracy": 1.0})
    assert restored.means()["loss"] == (0.1 + 0.2 + 0.7 + 1.0) / 4
    restored.clear()
    assert restored.means() == {}

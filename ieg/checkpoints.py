"""Checkpoints by step, and clear errors for one that is missing, damaged or of another network."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from ieg.errors import InputError

_MOST = 3
_PREFIX = "step"


def damage() -> tuple[type[Exception], ...]:
    """Errors of TensorFlow for a checkpoint that is damaged or cut off."""
    return (ValueError, LookupError, RuntimeError, tf.errors.OpError)


def latest(folder: Path) -> str | None:
    """Path of the latest checkpoint in a folder, as TensorFlow takes it, or None.

    Raises:
      InputError: the list of checkpoints, a file that TensorFlow keeps, is damaged.
    """
    with _list_of(folder) as state:
        return str(folder / Path(state.model_checkpoint_path).name) if state else None


class Checkpoints:
    """The checkpoints of one run folder; the last three are kept.

    Args:
      checkpoint: of all that training changes.
      folder: of the files; created at the first save.
    """

    def __init__(self, checkpoint: tf.train.Checkpoint, folder: Path) -> None:
        self._checkpoint = checkpoint
        self._folder = folder
        # The manager logs at warning level that it will not delete checkpoints of an earlier
        # process, which is what is wanted here.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, ascending.

        Raises:
          InputError: the list of them, a file that TensorFlow keeps, is damaged.
        """
        return sorted(_saved(self._folder))

    def save(self, step: int) -> None:
        """Write a checkpoint; it counts only once it is written whole.

        Raises:
          InputError: the folder cannot be written to.
        """
        # TensorFlow counts saves in a variable of the checkpoint; tied to the step, it does not
        # tell an interrupted run from an uninterrupted one.
        self._checkpoint.save_counter.assign(step - 1)
        try:
            self._manager().save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            raise InputError(f"cannot write a checkpoint to {self._folder}: {error}") from error

    def find(self, step: int = 0) -> int:
        """The step that `restore` would restore; 0 when there is none and none was asked for.

        Raises:
          InputError: that step does not exist.
        """
        steps = self.steps()
        if step and step not in steps:
            known = f"there are: {', '.join(map(str, steps))}" if steps else "there is none"
            raise InputError(
                f"no such checkpoint in {self._folder}; {known}", option="restore_step", value=step
            )
        return step or max(steps, default=0)

    def restore(self, step: int = 0) -> int:
        """Restore one step, or the latest for 0.

        Returns:
          the step restored; 0 when there is no checkpoint at all and none was asked for.
        Raises:
          InputError: that step does not exist, or the file is damaged or of another network.
        """
        wanted = self.find(step)
        if not wanted:
            return 0
        path = str(self._folder / f"{_PREFIX}-{wanted}")
        try:
            self._checkpoint.restore(path).assert_existing_objects_matched()
        except AssertionError:
            problem = "belongs to another network or method"
        except damage():
            problem = "is damaged, or belongs to another network"
        else:
            return wanted
        others = [s for s in self.steps() if s != wanted]
        hint = f"; `restore_step={others[-1]}` takes another one" if others else ""
        raise InputError(f"checkpoint {path} {problem}{hint}")

    def forget_after(self, step: int) -> None:
        """Delete the checkpoints of later steps, for a run that goes on from an earlier one."""
        saved = _saved(self._folder)
        earlier = sorted(s for s in saved if s <= step)
        names = [f"{_PREFIX}-{s}" for s in earlier]
        tf.compat.v1.train.update_checkpoint_state(
            str(self._folder.absolute()),
            names[-1],
            names,
            all_model_checkpoint_timestamps=[saved[s] for s in earlier],
            last_preserved_timestamp=0.0,
        )
        for later in saved.keys() - set(earlier):
            for file in self._folder.glob(f"{_PREFIX}-{later}.*"):
                file.unlink()

    def _manager(self) -> tf.train.CheckpointManager:
        return tf.train.CheckpointManager(
            self._checkpoint, str(self._folder), max_to_keep=_MOST, checkpoint_name=_PREFIX
        )


def _saved(folder: Path) -> dict[int, float]:
    """Step of each checkpoint → when it was saved, in seconds since the epoch."""
    with _list_of(folder) as state:
        if state is None:
            return {}
        paths = (Path(p) for p in state.all_model_checkpoint_paths)
        steps = [int(p.name.removeprefix(f"{_PREFIX}-")) for p in paths]
        return dict(zip(steps, state.all_model_checkpoint_timestamps, strict=True))


@contextlib.contextmanager
def _list_of(folder: Path) -> Iterator[Any]:
    """TensorFlow's list of the checkpoints in a folder, or None; a damaged one is an InputError."""
    try:
        state = tf.train.get_checkpoint_state(str(folder))
        if state is None and (folder / "checkpoint").exists():
            raise ValueError("not in the format of TensorFlow")
        yield state
    except (ValueError, OSError) as error:
        raise InputError(
            f"{folder / 'checkpoint'}, the list of checkpoints, is damaged: {error}"
        ) from None

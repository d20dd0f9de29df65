"""Checkpoints by step, and clear words when one is missing, damaged or of another network."""

import logging
from pathlib import Path

import tensorflow as tf

from ieg.errors import InputError

_KEPT = 3
_PREFIX = "step"


class Checkpoints:
    """The checkpoints of one run folder; the last three are kept.

    Args:
      checkpoint: what is saved and restored.
      folder: where the files go; created at the first save.
    """

    def __init__(self, checkpoint: tf.train.Checkpoint, folder: Path) -> None:
        self._checkpoint = checkpoint
        self._folder = folder
        # The manager logs at warning level that it will not delete checkpoints of an earlier
        # process, which is what is wanted here.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, ascending."""
        state = tf.train.get_checkpoint_state(str(self._folder))
        paths = state.all_model_checkpoint_paths if state else []
        return sorted(int(Path(p).name.removeprefix(f"{_PREFIX}-")) for p in paths)

    def save(self, step: int) -> None:
        """Writes a checkpoint; it counts only once all of its bytes are on disk.

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

    def restore(self, step: int = 0) -> int:
        """Restores one step, or the latest for 0.

        Returns:
          the step restored; 0 when there is no checkpoint at all and none was asked for.
        Raises:
          InputError: that step does not exist, or the file is damaged or of another network.
        """
        steps = self.steps()
        if step and step not in steps:
            known = f"there are: {', '.join(map(str, steps))}" if steps else "there is none"
            raise InputError(f"--restore_step={step}: no such checkpoint in {self._folder}; {known}")
        if not steps:
            return 0
        wanted = step or steps[-1]
        path = str(self._folder / f"{_PREFIX}-{wanted}")
        try:
            self._checkpoint.restore(path).assert_existing_objects_matched()
        except AssertionError:
            problem = "belongs to another network or method"
        except (ValueError, tf.errors.OpError):
            problem = "is damaged, or belongs to another network"
        else:
            return wanted
        others = [s for s in steps if s != wanted]
        hint = f"; --restore_step={others[-1]} takes an earlier one" if others else ""
        raise InputError(f"checkpoint {path} {problem}{hint}")

    def forget_after(self, step: int) -> None:
        """Deletes the checkpoints of later steps, for a run that goes on from an earlier one."""
        kept = [s for s in self.steps() if s <= step]
        dropped = [s for s in self.steps() if s > step]
        paths = [str(self._folder / f"{_PREFIX}-{s}") for s in kept]
        tf.train.update_checkpoint_state(str(self._folder), paths[-1], paths)
        for later in dropped:
            for file in self._folder.glob(f"{_PREFIX}-{later}.*"):
                file.unlink()

    def _manager(self) -> tf.train.CheckpointManager:
        return tf.train.CheckpointManager(
            self._checkpoint, str(self._folder), max_to_keep=_KEPT, checkpoint_name=_PREFIX
        )

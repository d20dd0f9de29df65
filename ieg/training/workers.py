"""Communication between the worker processes of one run, on the host.

It uses collectives, so all workers must call the same functions in the same order. With a single
process every function is the identity.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from ieg import replicas
from ieg.errors import InputError, TrainingStopped

T = TypeVar("T")

#: Errors of a collective when another worker is lost.
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


class Workers:
    """The worker processes of a strategy.

    Attributes:
      count: number of processes.
      index: of this one; 0 is the chief, the only one that writes files.

    Args:
      strategy: of the run.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self.count, self.index = 1, 0
        self._strategy = strategy
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            resolver = strategy.cluster_resolver
            jobs = resolver.cluster_spec().as_dict()
            self.count = sum(map(len, jobs.values()))
            chiefs = len(jobs.get("chief", []))
            self.index = resolver.task_id + (chiefs if resolver.task_type == "worker" else 0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
        def gathered(values: tf.Tensor) -> Any:
            return strategy.run(replicas.gather, args=(values,))

        self._gathered = gathered

    @property
    def is_chief(self) -> bool:
        """True for the process that writes files."""
        return self.index == 0

    def gather(self, value: Any) -> list[Any]:
        """Values of all workers, in their order; a value is anything that JSON can hold."""
        if self.count == 1:
            return [value]
        codes = np.frombuffer(json.dumps(value).encode(), np.uint8).astype(np.int32)
        # Each of a worker's replicas sends the same; the first one counts.
        own = self._strategy.num_replicas_in_sync // self.count
        sizes = self._everyone(np.array([len(codes)], np.int32))
        ends = np.cumsum(sizes)
        text = self._everyone(codes)
        parts = [text[end - size : end] for end, size in zip(ends, sizes, strict=True)][::own]
        return [json.loads(part.astype(np.uint8).tobytes()) for part in parts]

    def each(self, do: Callable[[], T]) -> T:
        """Run a function on every worker; an InputError on one of them is raised on all.

        Args:
          do: the function.
        Returns:
          Its result on this worker.
        Raises:
          InputError: of this worker, or else of the first worker that has one.
        """
        if self.count == 1:
            return do()
        problem, result = None, None
        try:
            result = do()
        except InputError as error:
            problem = str(error)
        problems = self.gather(problem)
        for worker, said in enumerate(problems):
            if said is not None:
                raise InputError(problem or f"worker {worker}: {said}")
        return result  # type: ignore[return-value]

    def from_chief(self, decide: Callable[[], T]) -> T:
        """Run a function on the chief alone and give its result to all workers.

        Args:
          decide: the function; its result is anything that JSON can hold.
        Raises:
          InputError: of the chief, on all workers.
        """
        if self.count == 1:
            return decide()
        decided = self.each(decide if self.is_chief else lambda: None)
        return self.gather(decided)[0]

    def require_same(self, values: Mapping[str, Any]) -> None:
        """Refuse workers that were started for different runs.

        Args:
          values: to compare, by name.
        Raises:
          InputError: on all workers, with the values of the first two that differ.
        """
        chief, *others = self.gather(dict(values))
        for worker, other in enumerate(others, 1):
            differing = [
                f"{name} is {chief[name]} on worker 0 and {other[name]} on worker {worker}"
                for name in chief
                if name in other and chief[name] != other[name]
            ]
            if differing:
                raise InputError(
                    f"workers differ: {'; '.join(differing)}; start all with the same settings"
                )

    def _everyone(self, values: np.ndarray) -> np.ndarray:
        """Gather [n] int32 of each replica, in their order."""
        return self._strategy.experimental_local_results(self._gathered(values))[0].numpy()


@contextlib.contextmanager
def together(several: bool) -> Iterator[None]:
    """Turn the errors of a lost worker in the block into one clear line.

    Args:
      several: True if there are other workers; else errors pass unchanged.
    Raises:
      TrainingStopped: another worker is lost, and this one cannot go on alone.
    """
    try:
        yield
    except _LOST as error:
        if not several:
            raise
        raise TrainingStopped(
            f"another worker is lost ({type(error).__name__}); start all of them again with the "
            "same command, and they go on from the last checkpoint"
        ) from error

"""What the processes of one run tell each other on the host; one alone talks to itself.

Collectives carry it, so all workers must call the same functions in the same order.
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

#: What a collective raises when another worker is gone.
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


class Workers:
    """The processes that a strategy spans.

    Attributes:
      count: how many.
      index: which one this is; the chief, who alone writes, is 0.

    Args:
      strategy: whose replicas share the work.
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
        """Whether this is the process that writes."""
        return self.index == 0

    def gather(self, value: Any) -> list[Any]:
        """What every worker gives (anything that JSON has), in their order."""
        if self.count == 1:
            return [value]
        codes = np.frombuffer(json.dumps(value).encode(), np.uint8).astype(np.int32)
        # Each of a worker's replicas says the same; the first one is listened to.
        own = self._strategy.num_replicas_in_sync // self.count
        sizes = self._everyone(np.array([len(codes)], np.int32))
        ends = np.cumsum(sizes)
        text = self._everyone(codes)
        parts = [text[end - size : end] for end, size in zip(ends, sizes, strict=True)][::own]
        return [json.loads(part.astype(np.uint8).tobytes()) for part in parts]

    def each(self, do: Callable[[], T]) -> T:
        """Runs on every worker; what goes wrong on one of them is raised on all.

        Raises:
          InputError: of this worker, or else of the first that has one.
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
        """What the chief decides (anything that JSON has); its InputError is raised on all."""
        if self.count == 1:
            return decide()
        decided = self.each(decide if self.is_chief else lambda: None)
        return self.gather(decided)[0]

    def require_same(self, values: Mapping[str, Any]) -> None:
        """Refuses workers that were started for different runs.

        Args:
          values: what to compare, by what it is called.
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
                raise InputError(f"workers differ: {'; '.join(differing)}; start all of them alike")

    def _everyone(self, values: np.ndarray) -> np.ndarray:
        """[n] int32 of each replica → those of all, replica by replica."""
        return self._strategy.experimental_local_results(self._gathered(values))[0].numpy()


@contextlib.contextmanager
def together(several: bool) -> Iterator[None]:
    """Says in words when another worker is lost in the block.

    Args:
      several: whether there are others; else errors pass as they are.
    Raises:
      TrainingStopped: this worker cannot go on alone.
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

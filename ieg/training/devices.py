"""Distribution strategies, and settings for results that are equal bit for bit."""

import functools
import logging
import os
import socket

import tensorflow as tf

from ieg.errors import InputError
from ieg.training import cluster, deadline, rendezvous

#: Seconds that TensorFlow may take to start on all workers, or on a TPU; and those until somebody
#: answers at the address of a TPU.
START, _ANSWER = 300.0, 10.0


def strategy(name: str) -> tf.distribute.Strategy:
    """Create the strategy of `distribution_strategy`.

    Args:
      name: "none"; "mirrored", over all GPUs or, without any, over all logical CPU devices; "auto",
        "mirrored" with several GPUs and else "none"; "multi_worker_mirrored", over the processes of
        TF_CONFIG or a Slurm step, after waiting for all of them; "tpu".
    Raises:
      InputError: the description of the workers is wrong, or there is no such TPU.
      TrainingStopped: a worker is missing.
    """
    if name == "multi_worker_mirrored":
        return _multi_worker()
    if name == "tpu":
        return _tpu()
    gpus = tf.config.list_logical_devices("GPU")
    if name == "none" or (name == "auto" and len(gpus) < 2):
        return tf.distribute.get_strategy()
    devices = gpus or tf.config.list_logical_devices("CPU")
    return _mirrored(tuple(device.name for device in devices))


@functools.cache  # a second strategy over the same devices would reuse keys of running collectives
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(devices)


@functools.cache
def _multi_worker() -> tf.distribute.Strategy:
    found = cluster.read()
    rendezvous.meet(found)
    # For a Slurm step too: only the resolver of TF_CONFIG counts the GPUs of this process.
    os.environ["TF_CONFIG"] = found.tf_config
    lost = (
        f"stopped: worker {found.place} has waited {START:.0f} s for TensorFlow to start on all "
        f"workers ({', '.join(found.addresses)}), of which one was lost after they had met; start "
        "all of them again with the same command"
    )
    with deadline.within(START, lost):
        return tf.distribute.MultiWorkerMirroredStrategy()


@functools.cache
def _tpu() -> tf.distribute.Strategy:
    name = os.environ.get("TPU_NAME", "local")
    silent = f"stopped: the TPU {name!r} has not answered within {START:.0f} s; see TPU_NAME"
    try:
        _call(name)
        with deadline.within(START, silent):
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver(name)
            tf.config.experimental_connect_to_cluster(resolver)
            tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise InputError(
            f"there is no TPU {name!r} here ({reason}); leave this out, or name one in TPU_NAME",
            option="distribution_strategy",
            value="tpu",
        ) from None


def _call(name: str) -> None:
    """Call the addresses of a TPU that is named by them, for which TensorFlow would wait.

    Raises:
      OSError, ValueError: nobody answers, or it is no address.
    """
    if name.startswith("grpc://"):
        for address in name.split(","):
            place = cluster.host_and_port(address.removeprefix("grpc://"))
            try:
                socket.create_connection(place, _ANSWER).close()
            except OSError as error:
                raise OSError(f"nobody answers at {address}: {error}") from None


def keep_order_of_sums(strategy: tf.distribute.Strategy, *, as_written: bool) -> None:
    """Fix the order of sums, so that processes, and replicas of one or several, give the same bits.

    TensorFlow's arithmetic optimization reorders sums whose terms come from another device or
    worker. On one device it stays on but for some methods: without it the same step at 32x32 had
    several results, while with it a step of FSR has two.

    Args:
      strategy: of the run.
      as_written: True to keep sums as they are written on one device too.
    """
    alone = strategy.num_replicas_in_sync == 1
    optimized = alone and not as_written
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": optimized})


def make_deterministic(wanted: bool | None) -> bool:
    """Make repeated runs equal bit for bit; to be called before TensorFlow runs anything.

    That takes deterministic kernels and a single inter-op thread: with more, forward mode at 32x32
    gives several results for the same step.

    Args:
      wanted: None for "on CPUs only", where it costs little.
    Returns:
      True if it is on.
    """
    on = not tf.config.list_physical_devices("GPU") if wanted is None else wanted
    if not on:
        return False
    tf.config.experimental.enable_op_determinism()
    if tf.config.threading.get_inter_op_parallelism_threads() != 1:
        try:
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:  # the caller's process has used TensorFlow before
            logging.getLogger("ieg").warning(
                "TensorFlow already runs with several inter-op threads: results may differ in the "
                "last bits from run to run"
            )
    return True

"""Devices: the distribution strategy, and what it takes to be the same bit for bit."""

import functools
import logging
import os

import tensorflow as tf

from ieg.errors import InputError
from ieg.training import cluster, rendezvous


def strategy(name: str) -> tf.distribute.Strategy:
    """The distribution strategy of `--distribution_strategy`.

    Args:
      name: "none"; "mirrored", over all GPUs or, without any, over all logical CPU devices; "auto",
        which is mirrored when there are several GPUs; "multi_worker_mirrored", over the processes
        of TF_CONFIG or a Slurm step, which waits for all of them; "tpu".
    Raises:
      InputError: the workers or the TPU are not as described, or not there.
      TrainingStopped: a worker has not come.
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
    # Of a Slurm step too: only with this resolver TensorFlow counts the GPUs of this process.
    os.environ["TF_CONFIG"] = found.tf_config
    return tf.distribute.MultiWorkerMirroredStrategy()


@functools.cache
def _tpu() -> tf.distribute.Strategy:
    name = os.environ.get("TPU_NAME", "local")
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(name)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        reason = str(error).partition(".")[0]
        raise InputError(
            f"--distribution_strategy=tpu: there is no TPU {name!r} here ({reason}); leave "
            "the flag out, or name one in TPU_NAME"
        ) from None


def keep_order_of_sums(strategy: tf.distribute.Strategy) -> None:
    """Lets several replicas of one process and those of several workers come to the same bits.

    TensorFlow's rewriting of sums adds terms up in another order where some of them come from
    another device or worker. On one device it stays: without it the same step at 32x32 has several
    results.
    """
    alone = strategy.num_replicas_in_sync == 1
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": alone})


def make_deterministic(wanted: bool | None) -> bool:
    """Makes equal runs equal bit for bit; call it before TensorFlow runs anything.

    That takes deterministic kernels and a single inter-op thread: with more, forward mode at 32x32
    gives several results for the same step.

    Args:
      wanted: None stands for "on CPUs", where it costs little.
    Returns:
      whether it is on.
    """
    on = not tf.config.list_physical_devices("GPU") if wanted is None else wanted
    if not on:
        return False
    tf.config.experimental.enable_op_determinism()
    if tf.config.threading.get_inter_op_parallelism_threads() != 1:
        try:
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:  # TensorFlow is running already, in a process that is not ours alone
            logging.getLogger("ieg").warning(
                "TensorFlow already runs with several inter-op threads: results may differ in the "
                "last bits from run to run"
            )
    return True

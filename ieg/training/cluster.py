"""The worker processes of one run, as TF_CONFIG or Slurm describes them.

Everything is checked before TensorFlow starts its server, which would end the process on an error.
"""

import json
import os
from typing import Any, NamedTuple

import tensorflow as tf

from ieg.errors import InputError

_EXAMPLE = (
    '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'
)

#: Jobs of one Slurm cluster may share a node, so each has ports of its own, from this one on.
_FIRST_SLURM_PORT, _TASKS_OF_A_NODE, _JOBS = 10000, 16, 1000


class Cluster(NamedTuple):
    """The workers of one run.

    Attributes:
      addresses: HOST:PORT of each, the chief's first.
      place: index of this process in `addresses`.
      tf_config: the same as JSON, for TensorFlow.
    """

    addresses: tuple[str, ...]
    place: int
    tf_config: str


def read() -> Cluster:
    """Read the cluster from TF_CONFIG or, without it, from the Slurm step of this process.

    Raises:
      InputError: neither exists, or it does not describe the workers and the place of this one.
    """
    text, source = os.environ.get("TF_CONFIG"), "TF_CONFIG"
    if text is None and "SLURM_PROCID" in os.environ:
        text, source = _of_slurm(), "the Slurm step"
    if text is None:
        raise InputError(
            f"needs the environment variable TF_CONFIG, like {_EXAMPLE}, or a Slurm step (srun)",
            option="distribution_strategy",
            value="multi_worker_mirrored",
        )
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InputError(f"TF_CONFIG is no JSON ({error}); it looks like {_EXAMPLE}") from None
    try:
        return _parse(content, text)
    except ValueError as error:
        raise InputError(f"{source}: {error}; it looks like {_EXAMPLE}") from None


def _parse(content: Any, text: str) -> Cluster:
    """Check the content of TF_CONFIG.

    Raises:
      ValueError: it describes no cluster; the message says why.
    """
    if not isinstance(content, dict):
        raise ValueError("it must be a JSON object")
    jobs, task = content.get("cluster"), content.get("task")
    if not isinstance(jobs, dict) or not jobs:
        raise ValueError("'cluster' must list the addresses of the workers")
    for job, addresses in jobs.items():
        if job not in ("chief", "worker"):
            raise ValueError(f"'cluster' has {job!r}; only 'chief' and 'worker' are possible")
        if not isinstance(addresses, list) or not addresses:
            raise ValueError(f"'cluster' must list the addresses of each {job!r}")
        for address in addresses:
            host_and_port(address)
    chiefs = jobs.get("chief", [])
    if len(chiefs) > 1:
        raise ValueError("there must be one 'chief' at most")
    everyone = [*chiefs, *jobs.get("worker", [])]
    if len(set(everyone)) < len(everyone):
        raise ValueError("two workers have the same address")
    if not isinstance(task, dict) or str(task.get("type")) not in jobs:
        raise ValueError(f"'task' must have a 'type' ({', '.join(jobs)}) and an 'index'")
    kind, index = task["type"], str(task.get("index"))
    if not index.isdecimal() or int(index) >= len(jobs[kind]):
        raise ValueError(
            f"'task' is {kind} {index}, but 'cluster' has {len(jobs[kind])} of that type, counted "
            "from 0"
        )
    return Cluster(tuple(everyone), int(index) + (len(chiefs) if kind == "worker" else 0), text)


def host_and_port(address: Any) -> tuple[str, int]:
    """Split "HOST:PORT".

    Raises:
      ValueError: it has another form.

    >>> host_and_port("[::1]:2222")
    ('::1', 2222)
    """
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(f"{address!r} is not of the form HOST:PORT")
    return host.strip("[]"), int(port)


def _of_slurm() -> str:
    """TF_CONFIG of this task of a Slurm step; a task takes all GPUs that are visible to it.

    Raises:
      InputError: TensorFlow's resolver does not understand the step, or orders its nodes wrongly.
    """
    try:
        job = int(os.environ.get("SLURM_JOB_ID", "0")) % _JOBS
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=_FIRST_SLURM_PORT + _TASKS_OF_A_NODE * job,
            # The resolver would divide the GPUs of a node once more; here it only finds addresses.
            gpus_per_node=_TASKS_OF_A_NODE,
            gpus_per_task=1,
            auto_set_gpu=False,
        )
        jobs = resolver.cluster_spec().as_dict()
        kind, index = resolver.get_task_info()
    except (RuntimeError, ValueError) as error:
        raise InputError(f"the Slurm step cannot be understood: {error}; set TF_CONFIG") from None
    host = jobs[kind][index].rpartition(":")[0]
    here = os.environ.get("SLURMD_NODENAME", host)
    if here != host:  # the resolver sorts node10 before node2, unlike Slurm
        raise InputError(
            f"TensorFlow orders nodes by name and takes task {index} of the Slurm step to be on "
            f"{host}, but it is on {here}; set TF_CONFIG"
        )
    return json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})

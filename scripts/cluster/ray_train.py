"""Ray Train starts the workers of one run, and starts them again when one of them is lost.

    python scripts/cluster/ray_train.py runs/ray --workers=2 --method=l2r --batch_size=50

Options that are not listed here go to ieg.main. Every machine needs ieg (pip install "ieg[ray]")
and sees FOLDER, where the run, its checkpoints and Ray's own files go. Without a Ray cluster at
RAY_ADDRESS, Ray starts on this machine.
"""

import argparse
import os
import sys
from pathlib import Path

from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.tensorflow import TensorflowTrainer

#: Status of bad input, which another attempt does not improve.
BAD_INPUT = 2


def work(flags: list[str]) -> int:
    """Run one worker, for which Ray has set TF_CONFIG; returns its exit status.

    Raises:
      RuntimeError: it has stopped early, so that Ray starts all workers again.
    """
    os.environ.pop("TF_USE_LEGACY_KERAS", None)  # Ray asks for Keras 2
    from ieg.main import main

    status = main(["ieg", "--distribution_strategy=multi_worker_mirrored", *flags])
    if status not in (0, BAD_INPUT):
        raise RuntimeError(f"ieg ended with status {status}")
    return status


def main() -> int:
    """Start the workers; returns their exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, help="of runs, as --checkpoint_path of ieg.main")
    parser.add_argument("--workers", type=int, required=True, help="number of processes")
    parser.add_argument("--gpus", action="store_true", help="one for each worker")
    parser.add_argument("--attempts", type=int, default=10, help="how often to start again")
    own, flags = parser.parse_known_args()
    folder = own.folder.resolve()  # Ray's workers have a current directory of their own
    trainer = TensorflowTrainer(
        work,
        train_loop_config=[*flags, f"--checkpoint_path={folder}"],
        scaling_config=ScalingConfig(num_workers=own.workers, use_gpu=own.gpus),
        run_config=RunConfig(
            storage_path=str(folder / "ray"),
            failure_config=FailureConfig(max_failures=own.attempts),
            worker_runtime_env={"env_vars": {"TF_CPP_MIN_LOG_LEVEL": "3"}},
        ),
    )
    return int(trainer.fit().return_value)


if __name__ == "__main__":
    sys.exit(main())

"""Cost of whole steps of the methods, as ratios to a plain training step in the same run.

    python -m benchmarks.step --network=resnet29 --batch=32

Passes through the network are counted in convolutions per layer; a plain step has 3 (forward 1,
backward 2). L2R has 8: probe 3, forward 1, tangents 2, backward 2; probe 3/4 with a quarter of the
images. IEG has 26: forward of both views 2, backward of the virtual step 4, probe 3, tangents of
both views 4, backward of the training loss 4, and the mixture of three batches 9. If the gradient
of the look-ahead stops at the guessed labels, only the weak view is differentiated in it: 26 - 2 -
2 = 22. FSR with a dictionary of twice the batch and a look-ahead of the classifier alone has 5:
plain step 3 and forward of the dictionary 2; with MixUp 1 more for the images that are not mixed.
If a share s of the network takes part in the look-ahead, add inner backward 2 s, tangents 2 s and
backward of the dictionary 4 s; the three stages of resnet29 cost about the same.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import ieg.quiet  # noqa: F401

import tensorflow as tf

from benchmarks.steps import interleaved, make_step
from benchmarks.tables import print_table
from ieg import networks
from ieg.training import devices

Rows = dict[str, tuple[str, dict[str, Any], float]]

_PLAIN = 3
_QUARTER = "l2r, a quarter of the clean images"
#: Row → (method, options, convolutions per layer).
_ROWS: Rows = {
    "plain": ("supervised", {}, _PLAIN),
    "l2r": ("l2r", {}, 8),
    _QUARTER: ("l2r", {}, 5 + 3 / 4),
    "ieg": ("ieg", {}, 26),
    "ieg, --noguess_gradient": ("ieg", {"guess_gradient": False}, 22),
    "fsr, --nouse_mixup": ("fsr", {"use_mixup": False}, 5),
    "fsr": ("fsr", {}, 6),
    "fsr, --fsr_joint_pass": ("fsr", {"fsr_joint_pass": True}, 6),
    "fsr, --meta_partial_level=1": ("fsr", {"meta_partial_level": 1}, 6 + 8 / 3),
    "fsr, --meta_partial_level=2": ("fsr", {"meta_partial_level": 2}, 6 + 16 / 3),
    "fsr, --meta_partial_level=-1": ("fsr", {"meta_partial_level": -1}, 6 + 8),
}


def main(argv: Sequence[str]) -> int:
    """Print the table of costs; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", default="resnet29", choices=networks.REGISTRY.names())
    parser.add_argument("--batch", type=int, default=32, help="training and probe batch")
    timed = ["l2r", "ieg", "fsr"]
    parser.add_argument("--methods", nargs="+", default=timed, choices=timed, help="beside plain")
    parser.add_argument("--rounds", type=int, default=9, help="rounds that are timed")
    parser.add_argument("--deterministic", action="store_true", help="as training on CPUs is")
    arguments = parser.parse_args(argv)
    devices.make_deterministic(arguments.deterministic)
    tf.get_logger().setLevel("ERROR")  # functions of one name look like needless retracing
    rows = {
        title: row for title, row in _ROWS.items() if row[0] in ("supervised", *arguments.methods)
    }
    # As published, the dictionary gives twice the batch.
    fsr = {"queue_bs": 2 * arguments.batch, "queue_capacity": arguments.batch}
    steps = [
        make_step(
            method,
            options | (fsr if method == "fsr" else {}),
            arguments.network,
            arguments.batch,
            probe_size=arguments.batch // 4 if title == _QUARTER else None,
        )
        for title, (method, options, _) in rows.items()
    ]
    _print(arguments, rows, interleaved(steps, arguments.rounds))
    return 0


def _print(arguments: argparse.Namespace, rows: Rows, seconds: list[float]) -> None:
    lines = []
    for (title, (_, _, convolutions)), taken in zip(rows.items(), seconds, strict=True):
        ratio, passes = taken / seconds[0], convolutions / _PLAIN
        ratios = [f"{ratio:.2f}", f"{passes:.2f}", f"{ratio / passes - 1:+.0%}"]
        lines.append([title, f"{1000 * taken:.1f}", *ratios])
    titles = ["step", "ms", "ratio to plain", "passes alone", "above them"]
    print_table(titles, lines, f"{arguments.network}, batch {arguments.batch}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

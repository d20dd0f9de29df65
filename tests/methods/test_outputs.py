"""Values that no loss and no step can return, each refused with one line that names it."""

from types import SimpleNamespace
from typing import ClassVar

import pytest
import tensorflow as tf

from ieg.errors import InputError
from ieg.losses import LossOutput
from ieg.methods import Method, StepOutput, outputs

LABELS = tf.zeros([4], tf.int32)
GOOD = LossOutput(tf.zeros([4]), {"trust": tf.zeros([4])})


class Own(Method):
    per_example: ClassVar = ("weight",)


METHOD = Own(None, SimpleNamespace(num_classes=3))
STEP = StepOutput(
    gradients=[],
    network_state=[],
    loss=tf.constant(0.0),
    logits=tf.zeros([4, 3]),
    scalars={"purity": tf.constant(0.5), "a_number": 0.5},
    per_example={"weight": tf.zeros([4])},
)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (tf.zeros([4]), "loss 'poly' must return a LossOutput, got EagerTensor"),
        (GOOD._replace(values=tf.constant(1.0)), r"loss 'poly': values must be \[B\], got \[\]"),
        (
            GOOD._replace(values=tf.zeros([4, 1])),
            r"loss 'poly': values must be \[B\], got \[4, 1\]",
        ),
        (
            GOOD._replace(monitors={"trust": tf.constant(1.0)}),
            r"loss 'poly': monitors\[\"trust\"\] must be \[B\], got \[\]",
        ),
        (
            GOOD._replace(monitors={"top1": tf.zeros([4])}),
            r"loss 'poly': monitors\[\"top1\"\]: every run has a value of this name",
        ),
    ],
)
def test_values_of_a_loss(found: LossOutput, message: str) -> None:
    outputs.check_loss("poly", GOOD, LABELS)
    with pytest.raises(InputError, match=f"^{message}$"):
        outputs.check_loss("poly", found, LABELS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": tf.zeros([4])}, r"loss must be a scalar, got \[4\]"),
        ({"loss": None}, "loss must be a scalar, got None"),
        ({"logits": tf.zeros([4, 2])}, r"logits must be \[B, K\], got \[4, 2\]"),
        ({"scalars": {"x": tf.zeros([4])}}, r"scalars\[\"x\"\] must be a scalar, got \[4\]"),
        ({"scalars": {"loss": 0.0}}, r"scalars\[\"loss\"\]: every run has a value of this name"),
        ({"per_example": {"weight": 0.0}}, r"per_example\[\"weight\"\] must be \[B\], got \[\]"),
        ({"per_example": {}}, r"per_example must be \['weight'\], as .* declares, got \[\]"),
        (
            {"per_example": {"weight": LABELS, "agreement": LABELS}},
            r"per_example\[\"agreement\"\]: every run has a value of this name",
        ),
    ],
)
def test_results_of_a_step(changes: dict[str, object], message: str) -> None:
    outputs.check_step(METHOD, STEP, LABELS)
    with pytest.raises(InputError, match=f"^method 'Own': {message}$"):
        outputs.check_step(METHOD, STEP._replace(**changes), LABELS)


def test_a_size_that_is_unknown_when_a_step_is_traced_passes() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def traced(labels: tf.Tensor) -> None:
        values = tf.cast(labels, tf.float32)
        outputs.check_loss("poly", LossOutput(values), labels)
        outputs.check_step(METHOD, STEP._replace(per_example={"weight": values}), labels)

    traced.get_concrete_function()

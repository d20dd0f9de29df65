"""TensorFlow as every test finds it: two CPU devices, no GPU, equal numbers in every run."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
import tensorflow as tf

from ieg.training import devices

# All of this counts only before TensorFlow starts, so it stands here and not in a fixture.
tf.config.set_visible_devices([], "GPU")
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()
tf.random.set_seed(0)  # which determinism wants for the order that Keras' fit draws


@pytest.fixture(scope="session")
def mirrored() -> tf.distribute.Strategy:
    """Two replicas on one machine; collectives of a second strategy would clash with it."""
    return devices.strategy("mirrored")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that takes longest comes first: side by side, others need not wait for its end."""
    items.sort(key=lambda item: item.path.name != "test_resume.py")

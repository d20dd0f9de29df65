"""Formats of an exported model: the file of each, its writer, and the Python that loads it."""

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import tensorflow as tf

from ieg.errors import InputError
from ieg.exporting import inference

DEFAULT = ("keras", "saved_model")
#: First version of Keras whose `Model.export` writes LiteRT.
_KERAS_WITH_LITERT = (3, 13)


class Format(NamedTuple):
    """A format of an exported model.

    Attributes:
      file: name of its file or folder.
      write: (path, model from raw examples to probabilities, class names) → None.
      use: Python that computes `probabilities` of `examples`, a NumPy array.
    """

    file: str
    write: Callable[[Path, keras.Model, Sequence[str]], None]
    use: str


def chosen(text: str) -> tuple[str, ...]:
    """Names in a list such as "keras,onnx", each once, after a look at what they need.

    Raises:
      InputError: an unknown name, or a package that is not installed.

    >>> chosen("saved_model, keras,keras")
    ('saved_model', 'keras')
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in FORMATS:
            raise InputError(
                f"{name!r} is no format; there are {', '.join(FORMATS)}", option="export_format"
            )
    if "onnx" in names and importlib.util.find_spec("tf2onnx") is None:
        raise InputError("onnx needs tf2onnx: pip install 'ieg[onnx]'", option="export_format")
    if "litert" in names and _version(keras.__version__) < _KERAS_WITH_LITERT:
        raise InputError(
            f"litert needs a newer Keras than {keras.__version__}: pip install -U keras",
            option="export_format",
        )
    return names


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def _keras(path: Path, model: keras.Model, class_names: Sequence[str]) -> None:
    inference.checked(model).save(path)


def _saved_model(path: Path, model: keras.Model, class_names: Sequence[str]) -> None:
    """Write a SavedModel, whose signature also returns the class names."""
    (example,) = model.inputs

    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "probabilities": model(examples, training=False),
            "class_names": tf.constant(class_names),
        }

    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [tf.TensorSpec(example.shape, example.dtype, name="examples")]
    archive.add_endpoint("serve", serve, signature)
    archive.write_out(str(path), verbose=False)


def _by_keras(name: str) -> Callable[[Path, keras.Model, Sequence[str]], None]:
    """Writer of a format that `keras.Model.export` converts to."""

    def write(path: Path, model: keras.Model, class_names: Sequence[str]) -> None:
        named = keras.Model(model.inputs, {"probabilities": model.outputs[0]}, name=model.name)
        named(named.inputs[0])  # Keras converts only what was called
        try:
            with warnings.catch_warnings():  # of the converters, on versions of NumPy
                warnings.simplefilter("ignore")
                named.export(str(path), format=name, verbose=False)
        except Exception as error:  # converters raise anything for an operation that they lack
            said = " ".join(str(error).split())[:200]
            raise InputError(
                f"this network cannot be written as {name}: {said}", option="export_format"
            ) from error

    return write


FORMATS = {
    "keras": Format(
        "model.keras",
        _keras,
        'import keras\nprobabilities = keras.models.load_model("model.keras")(examples)',
    ),
    "saved_model": Format(
        "saved_model",
        _saved_model,
        "import tensorflow as tf\n"
        'serve = tf.saved_model.load("saved_model").signatures["serving_default"]\n'
        "served = serve(tf.constant(examples))\n"
        'probabilities, class_names = served["probabilities"], served["class_names"]',
    ),
    "litert": Format(
        "model.tflite",
        _by_keras("litert"),
        "from ai_edge_litert.interpreter import Interpreter  # pip install ai-edge-litert\n"
        'run = Interpreter("model.tflite").get_signature_runner()\n'
        'probabilities = run(examples=examples)["probabilities"]',
    ),
    "onnx": Format(
        "model.onnx",
        _by_keras("onnx"),
        "import onnxruntime  # pip install onnxruntime\n"
        'session = onnxruntime.InferenceSession("model.onnx")\n'
        '(probabilities,) = session.run(["probabilities"], {"examples": examples})',
    ),
}

"""`RobustClassifier`: scikit-learn's interface to the experiments that commands run."""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from rich.console import Console
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ieg.classifier import data, network, saved, training
from ieg.classifier.data import Prepared
from ieg.classifier.datasets import collected
from ieg.classifier.examples import is_path, listed_paths
from ieg.classifier.labels import checked_labels
from ieg.classifier.saved import Fitted
from ieg.classifier.spelling import python_spelling
from ieg.commands.predict import columns
from ieg.config import Config, resolve
from ieg.data import listing
from ieg.data.files import FileImages
from ieg.data.images import Images, readable
from ieg.data.pipeline import sweep
from ieg.data.settings import DataSettings
from ieg.data.sources import Request, arrays
from ieg.errors import InputError
from ieg.exporting import inference, package
from ieg.exporting.formats import DEFAULT, chosen
from ieg.features import preset
from ieg.methods import REGISTRY as METHODS
from ieg.own_code import OnMetrics

_PREDICT_BATCH = 100
#: For image files.
_BACKBONE = "efficientnet_lite0"
#: Least number of steps in an epoch of few examples, by smaller batches.
_STEPS = 10
_SMALLEST_BATCH = 10
#: Share of the epochs with equal weights in FSR, as in the presets of data sets.
_FSR_START = 1 / 6


class Chosen(NamedTuple):
    """Method and backbone of a fit."""

    method: str
    backbone: str


class RobustClassifier(ClassifierMixin, BaseEstimator):
    """Classifier for examples of which some have wrong labels.

    `fit` trains a network by one of the package's methods and audits the labels: it estimates for
    each example how probable its label is, and suggests another one where that is more probable.

    Args:
      method: name of a method. "fsr" needs no clean examples; "l2r", "ieg" and others need some in
        `fit`. None: "gaussian" with a backbone, otherwise "fsr".
      network: name of a network ("cnn", "resnet20", "mlp", ...), a keras.Model from examples to
        logits, or a function (shape of an example, number of classes) → such a model. None: "cnn"
        for images, "mlp" for features, "linear" behind a backbone. A model is
        copied, and the copy is trained from its weights on. Networks see images as float32 in
        [-1, 1]. Networks by name see standardized features, others features as they are.
      backbone: frozen pretrained network that images go through first, such as
        "efficientnet_lite0", see docs/photos.md; "none" to train from pixels. None:
        "efficientnet_lite0" for files unless a network is given, otherwise "none".
      epochs: passes over the training examples; None: 60, behind a backbone 30, and 1
        for "gaussian".
      batch_size: examples in a step; None: 100, fewer for few examples, for files as in their
        preset.
      learning_rate: initial learning rate; None: 0.03, for files and behind a backbone as in their
        preset.
      augmentation: augmentation of training images: "shift" by up to an eighth of their size,
        "shift_flip" (also mirrored), or "none".
      random_state: int for the same initial weights, order and augmentation in each fit; a
        RandomState or None for others each time. Rounding may still differ between fits where
        TensorFlow adds up in several threads, and training magnifies it.
        settings={"deterministic": True} makes fits equal to the last bit, in a process that has not
        used TensorFlow before.
      run_folder: folder for everything that the command keeps (metrics, figures, label audit,
        checkpoints). An interrupted fit is resumed from there. Accuracy is then measured on X_test,
        or without it on a tenth of the examples, which is not trained on. None keeps nothing.
      verbose: True to print progress as the command does.
      settings: further options of the command by name, such as {"lr_schedule": "constant"}.

    Attributes:
      classes_: [K] labels, sorted; numbers in a CSV file are sorted by value.
      n_features_in_: number of values in one example.
      label_quality_: [N] in [0, 1], estimated probability that the label of a training example is
        right, in the order of X; nan for an image file that cannot be read.
      suggested_labels_: [N] the given label where label_quality_ is at least 0.5, otherwise a more
        probable one.
      noise_rate_: estimated share of wrong labels, in [0, 1].
      n_iter_: number of training steps.
      model_: keras.Model from examples (pixels in 0 .. 255, or features) to probabilities.
      network_: the part of `model_` that gives logits.
      paths_: [N] image files that it was trained on, for files and for what
        `keras.utils.image_dataset_from_directory` makes.

    Every fifth label is wrong; the audit finds these examples:

    >>> from sklearn.datasets import make_blobs
    >>> X, truth = make_blobs(200, centers=[[0, 0], [3, 3]], cluster_std=0.5, random_state=0)
    >>> wrong = np.arange(200) % 5 == 0
    >>> classifier = RobustClassifier("supervised", epochs=20)
    >>> classifier = classifier.fit(X, np.where(wrong, 1 - truth, truth))
    >>> bool(np.all((classifier.label_quality_ < 0.5) == wrong))
    True
    >>> classifier.score(X, truth)
    1.0
    """

    def __init__(
        self,
        method: str | None = None,
        network: Any = None,
        *,
        backbone: str | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        augmentation: str = "shift",
        random_state: Any = 0,
        run_folder: str | None = None,
        verbose: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.method = method
        self.network = network
        self.backbone = backbone
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.augmentation = augmentation
        self.random_state = random_state
        self.run_folder = run_folder
        self.verbose = verbose
        self.settings = settings

    @python_spelling()
    def fit(
        self,
        X: Any,
        y: Any = None,
        X_probe: Any = None,
        y_probe: Any = None,
        *,
        X_test: Any = None,
        y_test: Any = None,
        on_metrics: OnMetrics | None = None,
    ) -> "RobustClassifier":
        """Train on examples and their given labels, some of which may be wrong.

        Args:
          X: images [N, H, W, C] or [N, H, W] (whole numbers from 0 to 255, or floats from 0 to 1
            or from 0 to 255), features [N, D], a list of paths of image files, a finite
            tf.data.Dataset of (x, y) in a fixed order, or the path of a folder of class folders or
            of a CSV file that lists images.
          y: [N] labels of any one type, or one-hot [N, K], whose labels are the numbers of the
            columns; None for a Dataset or a path.
          X_probe, y_probe: clean examples of every class, for methods that need a probe set.
          X_test, y_test: examples on which accuracy is measured, for `run_folder` and exports.
          on_metrics: with `run_folder`, a function that is told the step and a dictionary of
            metrics at each evaluation, the columns of metrics.csv. Its exceptions end the fit.
        Returns:
          the classifier itself.
        Raises:
          InputError: (a ValueError) data or parameters cannot be used; nothing has been trained.
          TrainingStopped: the loss is not finite.
        """
        if self.augmentation not in arrays.AUGMENTATIONS:
            names = ", ".join(arrays.AUGMENTATIONS)
            raise InputError(
                f"must be one of {names}", option="augmentation", value=self.augmentation
            )
        chosen = self._chosen(X)
        needs_probe = METHODS.get(chosen.method).needs.probe
        seed, pairs = self._seed(), [(X_probe, y_probe), (X_test, y_test)]
        if is_path(X):
            prepared = data.from_path(X, [(None, y), *pairs], self._request(seed, chosen))
        elif listed_paths(X) is not None:
            prepared = data.from_files([(X, y), *pairs], self._request(seed, chosen))
        else:
            prepared = data.from_arrays(
                self,
                [(X, y), *pairs],
                augmentation=self.augmentation,
                standardize=self.network is None or isinstance(self.network, str),
            )
        if needs_probe and prepared.in_order and X_probe is None:
            raise InputError(
                "needs clean examples: give X_probe and y_probe, or take `method=fsr`, which needs "
                "none",
                option="method",
                value=chosen.method,
            )
        if not needs_probe and X_probe is not None:
            warnings.warn(f"method={chosen.method!r} does not use X_probe", stacklevel=3)
        with tempfile.TemporaryDirectory() as scratch:
            config = self._config(chosen, prepared, seed, scratch)
            keep = self.run_folder is not None
            console = Console(quiet=not self.verbose)
            experiment = training.train(config, console, keep=keep, on_metrics=on_metrics)
            prepared = prepared.behind(experiment.square())
            self._set(training.fitted(experiment, prepared))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels.

        Args:
          X: examples of the form of `fit`: arrays on the same scale, a tf.data.Dataset in a fixed
            order; or a list of paths, the path of an image, of a CSV file with a column path, or of
            a folder, whose files are sorted by path.
        Returns:
          [N] labels; for an image file that cannot be read "" among names, None among numbers.
        Raises:
          InputError: the examples have another form than those of `fit`.
        """
        p = self.predict_proba(X)
        labels, unknown = self.classes_[np.argmax(p, axis=1)], np.isnan(p).all(axis=1)
        if unknown.any():
            named = labels.dtype.kind == "U"
            labels = labels if named else labels.astype(object)
            labels[unknown] = "" if named else None
        return labels

    @python_spelling()
    def predict_table(self, X: Any) -> dict[str, list[Any]]:
        """Predict labels and probabilities, beside the examples that they belong to.

        Args:
          X: examples as for `predict`.
        Returns:
          columns with N rows, for a DataFrame or a CSV file: `path` of files, or else `index`;
          `predicted_label`, None for a file that cannot be read; `probability`; and `p(CLASS)` for
          each class.
        Raises:
          InputError: the examples have another form than those of `fit`.
        """
        check_is_fitted(self, "model_")
        examples, paths = data.to_predict(self, X, self.form_)
        named = {"index": list(range(len(examples)))} if paths is None else {"path": paths}
        return columns(named, self._probabilities(examples), self.classes_.tolist())

    @python_spelling()
    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities of classes.

        Args:
          X: examples as for `predict`.
        Returns:
          [N, K] float32 in the order of `classes_`; nan for an image file that cannot be read,
          of which a warning is logged.
        Raises:
          InputError: the examples have another form than those of `fit`.
        """
        check_is_fitted(self, "model_")
        return self._probabilities(data.to_predict(self, X, self.form_).examples)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Accuracy of the predicted labels, in [0, 1]; a file that cannot be read counts as wrong.

        Args:
          X: examples as for `predict`; a tf.data.Dataset of (x, y) in any order.
          y: [N] true labels; None for a tf.data.Dataset of (x, y).
          sample_weight: [N] weights of the examples; None for equal ones.
        """
        if isinstance(X, tf.data.Dataset):
            X, y, _ = collected(X, y, ordered=False)
        p = self.predict_proba(X)
        labels, known = checked_labels(y, len(p)), ~np.isnan(p).all(axis=1)
        weights = np.ones(len(p)) if sample_weight is None else np.asarray(sample_weight)
        predicted = self.classes_[p[known].argmax(axis=1)]
        right = accuracy_score(
            labels[known], predicted, normalize=False, sample_weight=weights[known]
        )
        return float(right / weights.sum())

    @python_spelling()
    def export(self, folder: str | Path, formats: str | Sequence[str] = DEFAULT) -> None:
        """Write the model as files that load without this package, and a model card.

        The exported model takes images as uint8; if the classifier was fitted on files, of any
        size.

        Args:
          folder: folder to write; an older export in it is replaced.
          formats: one or several of "keras", "saved_model", "litert" and "onnx".
        Raises:
          InputError: the folder cannot be written, the network not in one of the formats, or a
            package for it is not installed.
        """
        check_is_fitted(self, "model_")
        wanted = chosen(formats if isinstance(formats, str) else ",".join(formats))
        raw = data.raw_input(self.form_, exported=True)
        model = inference.probability_model(self.network_, raw)
        names = [str(label) for label in self.classes_]
        package.write(Path(folder).expanduser(), model, names, self.card_, wanted)

    @python_spelling()
    def save(self, folder: str | Path) -> None:
        """Write the fitted classifier as model.keras and classifier.json, for `load`.

        If `network` is no name, it is not saved as a parameter; the trained network is in
        model.keras.

        Args:
          folder: folder of both files, which is made if it is missing.
        Raises:
          InputError: the folder cannot be written, or labels are of a type that JSON does not have.
        """
        check_is_fitted(self, "model_")
        saved.write(Path(folder).expanduser(), self._fitted(), self.get_params(deep=False))

    @classmethod
    @python_spelling()
    def load(
        cls, folder: str | Path, custom_objects: Mapping[str, Any] | None = None
    ) -> "RobustClassifier":
        """Read a classifier that `save` has written; nothing is unpickled.

        Args:
          folder: folder of model.keras and classifier.json.
          custom_objects: name → class of layers that Keras does not have.
        Raises:
          InputError: the folder has no classifier, or a damaged one.
        """
        fitted, params = saved.read(Path(folder).expanduser(), custom_objects)
        classifier = cls(**params)
        classifier._set(fitted)
        return classifier

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"params": self.get_params(deep=False)}
        if hasattr(self, "model_"):
            state["fitted"] = saved.to_bytes(self._fitted())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state["params"])  # type: ignore[misc]
        if "fitted" in state:
            self._set(saved.from_bytes(state["fitted"]))

    def _probabilities(self, examples: Images) -> np.ndarray:
        """[N, K] float32; nan for files that cannot be read."""
        strategy = tf.distribute.get_strategy()
        p = sweep(examples, strategy, self._outputs, batch_size=_PREDICT_BATCH, weak=None)
        if isinstance(examples, FileImages):
            p[~readable(examples)] = np.nan
            listing.warn_of_damage(examples)
        return p

    def _chosen(self, X: Any) -> Chosen:
        """Method and backbone, by what the examples are where nothing else was said."""
        suits = (is_path(X) or listed_paths(X) is not None) and self.network is None
        backbone = self.backbone or (_BACKBONE if suits else "none")
        method = self.method or ("fsr" if backbone == "none" else preset.METHOD)
        return Chosen(method, backbone)

    def _config(self, chosen: Chosen, prepared: Prepared, seed: int, scratch: str) -> Config:
        """Configuration of the experiment that the parameters describe."""
        typed = self._typed(chosen, prepared, seed)
        num_classes = len(prepared.classes)
        typed["checkpoint_path"] = scratch if self.run_folder is None else str(self.run_folder)
        architecture, facts = None, {}
        if prepared.form.kind == "images":
            facts["augmentation"] = self.augmentation
        if self.network is not None and not isinstance(self.network, str):
            seen = prepared.as_seen()
            make = network.maker(self.network, seen, num_classes, seed)
            architecture = network.entry(make)
            typed["network_name"] = "own"
            typed = network.settings_for(make, chosen.method, seen, num_classes) | typed
            if self.run_folder is not None:
                facts["network"] = network.fingerprint(self.network, make)
        # Searches over parameters draw them as scalars of NumPy.
        plain = {n: v.item() if isinstance(v, np.generic) else v for n, v in typed.items()}
        return resolve(plain, source=prepared.entry, architecture=architecture, facts=facts)

    def _typed(self, chosen: Chosen, prepared: Prepared, seed: int) -> dict[str, Any]:
        """Option → value as if typed on the command line, without those for the network."""
        typed: dict[str, Any] = {
            "method": chosen.method,
            "backbone": chosen.backbone,
            "dataset": prepared.dataset,
            "seed": seed,
            # Determinism is switched for the whole process, which belongs to the caller.
            "deterministic": False,
        }
        if isinstance(self.network, str):
            typed["network_name"] = self.network
        elif prepared.form.kind == "features":
            typed["network_name"] = "mlp"
        arguments = {
            "max_epoch": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        settings = self.settings or {}
        taken = typed.keys() - {"deterministic"} | {"checkpoint_path", "mode", "network_name"}
        for name in settings.keys() & taken:
            raise InputError(f'settings={{"{name}": ...}}: the classifier sets this option itself')
        for name in settings.keys() & given.keys():
            problem = f'settings={{"{name}": ...}} says it too; leave one of them out'
            raise InputError(problem, option=name, value=given[name])
        typed |= given | {name: value for name, value in settings.items() if value is not None}
        untested = self.run_folder is not None and not prepared.tested
        if untested and typed.setdefault("eval_split", "validation") == "test":
            raise InputError(
                "needs X_test if `checkpoint_path` is given", option="eval_split", value="test"
            )
        return typed | self._sized(chosen, prepared, typed)

    def _seed(self) -> int:
        """Seed of a fit: `random_state`, or a number drawn from it."""
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _request(self, seed: int, chosen: Chosen) -> Request:
        """Request for image files, without their path."""
        settings = self.settings or {}
        names = ("damaged_limit", "image_size")[: 2 if chosen.backbone == "none" else 1]
        typed = {n: settings[n] for n in names if n in settings}
        if "background" in settings:
            typed["background"] = DataSettings(background=settings["background"]).background_color()
        return Request(seed=seed, **typed)

    def _sized(
        self, chosen: Chosen, prepared: Prepared, typed: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Settings that depend on the number of examples."""
        if prepared.form.kind == "files":
            return {}
        count, usual = prepared.size, arrays.PRESET
        if self.run_folder is not None and typed.get("eval_split") == "validation":
            # The part that is held out is rounded within each class.
            count -= round(count * typed.get("validation_ratio", 0.1)) + len(prepared.classes)
        count = max(count, 1)
        fitting = min(usual["batch_size"], max(_SMALLEST_BATCH, count // _STEPS))
        size = min(typed.get("batch_size", fitting), count)
        if size < typed.get("batch_size", 0):
            warnings.warn(f"batch_size is {size}: there are no more examples", stacklevel=5)
        sized: dict[str, Any] = {"batch_size": size}
        if chosen.method == "fsr":
            sized["queue_bs"] = typed.get("queue_bs", min(usual["queue_bs"], size))
            if "max_epoch" in typed:
                start = int(typed["max_epoch"] * _FSR_START)
                sized["meta_start_epoch"] = typed.get("meta_start_epoch", start)
        return sized

    def _set(self, fitted: Fitted) -> None:
        """Set the fitted attributes."""
        self.classes_ = fitted.classes
        self.n_features_in_ = int(np.prod(fitted.form.shape))
        for name in ("feature_names_in_", "paths_"):
            self.__dict__.pop(name, None)  # of an earlier fit
        if fitted.feature_names is not None:
            self.feature_names_in_ = np.array(fitted.feature_names, dtype=object)
        self.label_quality_ = fitted.label_quality
        self._suggested = fitted.suggested
        self.suggested_labels_ = fitted.classes[fitted.suggested]
        self.noise_rate_ = fitted.noise_rate
        self.n_iter_ = fitted.steps
        if fitted.paths is not None:
            self.paths_ = list(fitted.paths)
        self.form_ = fitted.form
        self.card_ = fitted.card
        self.model_ = fitted.model
        self.network_ = fitted.model.layers[-2]  # in front of the softmax
        self._outputs = tf.function(
            lambda batch: fitted.model(batch, training=False), autograph=False
        )

    def _fitted(self) -> Fitted:
        """Fitted attributes as one value."""
        names = getattr(self, "feature_names_in_", None)
        return Fitted(
            model=self.model_,
            classes=self.classes_,
            form=self.form_,
            label_quality=self.label_quality_,
            suggested=self._suggested,
            noise_rate=self.noise_rate_,
            steps=self.n_iter_,
            card=self.card_,
            feature_names=None if names is None else names.tolist(),
            paths=getattr(self, "paths_", None),
        )

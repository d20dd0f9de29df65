"""The immutable configuration of a run, and the flags that are made from it.

What a user did not type is unset. Resolution, most specific first: what was typed, what the loss
brings, the preset of the data set, the method's own defaults, the network's, then the defaults
written here.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from absl import flags

from ieg import networks, options
from ieg.data import names, samplers, sources
from ieg.errors import InputError
from ieg.losses import REGISTRY as LOSSES
from ieg.losses import LossEntry
from ieg.methods import REGISTRY as METHODS
from ieg.methods import Method
from ieg.networks import precision
from ieg.options import option
from ieg.training import schedules


@dataclass(frozen=True)
class Config:
    """Settings that every method has in common; a method's own are in its `Options`."""

    method: str = option("ieg", "how to train; see the list of methods")
    dataset: str = option(
        "digits_uniform_0.4",
        "BASE, BASE_NOISE_RATIO, BASE_imbal_FACTOR, BASE_imbal_FACTOR_RATIO or "
        "BASE_imbal_FACTOR_NOISE_RATIO, or images of your own as folder:PATH or csv:PATH; see the "
        "README",
    )
    noise: str | None = option(
        None, "for folder:PATH and csv:PATH: what follows the BASE of other names: uniform_0.4"
    )
    label_corrections: str | None = option(
        None,
        "CSV file of decisions on given labels (index or path, decision, new_label), which are "
        "applied before training; a run belongs to what the file says, not to its path",
        experiment=False,
    )
    image_size: int = option(
        0, "side in pixels to which image files are brought; 0: what the data set says", at_least=0
    )
    use_imagenet_as_eval: bool = option(
        False, "test on ImageNet's validation images of the classes that WebVision mini has"
    )
    damaged_limit: float = option(
        0.01,
        "share of the image files that may turn out to be damaged before the run ends",
        at_least=0,
        at_most=1,
        experiment=False,
    )
    network_name: str = option("wrn28-10", "the network")
    mode: str = option(
        "train",
        "train; evaluation of a checkpoint; visualize, which draws what the method of a checkpoint "
        "has learned; audit, which lists the labels that it takes for wrong; export as files that "
        "load without this package; predict, which labels the images of --input; or show_data, "
        "which draws a sheet of training images",
        choices=("train", "evaluation", "visualize", "audit", "export", "predict", "show_data"),
        experiment=False,
    )
    input: str | None = option(
        None,
        "for --mode=predict: a folder of images, or a CSV file with a column path",
        experiment=False,
    )
    own_code: str | None = option(
        None,
        "Python files of your own, comma separated, that are imported first and add losses, "
        "methods, networks or data sets; see docs/extending.md",
        experiment=False,
    )
    checkpoint_path: str = option("/tmp/ieg", "root of the run folders", experiment=False)
    restore_step: int = option(
        0,
        "the step to restore, 0 being the latest; training forgets what came later",
        at_least=0,
        experiment=False,
    )
    dataset_dir: str = option("./data", "where data sets live", experiment=False)
    seed: int = option(12345, "seed of split, noise, start weights, order and views", at_least=0)
    max_iteration: int | None = option(200000, "training steps", above=0, experiment=False)
    max_epoch: int | None = option(
        None, "the same as passes over the training data", above=0, experiment=False
    )
    batch_size: int = option(100, "images per replica and step", above=0)
    val_batch_size: int = option(
        100, "images per replica and step in evaluation", above=0, experiment=False
    )
    eval_freq: int = option(
        500, "steps between evaluations with checkpoint; divided by the replicas", above=0
    )
    eval_split: str = option("test", "what accuracy is measured on", choices=("test", "validation"))
    validation_ratio: float = option(
        0.1, "share of the training split for eval_split=validation", above=0, below=1
    )
    train_eval_size: int = option(
        2000, "training images on which the fit to clean and wrong labels is followed", above=0
    )
    many_shot_above: int = option(
        100, "a class with more training images counts as many-shot", at_least=0, experiment=False
    )
    few_shot_below: int = option(
        20, "a class with fewer training images counts as few-shot", at_least=0, experiment=False
    )
    probe_dataset_hold_ratio: float = option(
        0.02, "share of the training images kept as clean probe data", at_least=0, below=1
    )
    probe_batch_size: int | None = option(
        None, "clean probe images per replica and step; unset: as many as --batch_size", above=0
    )
    aug_type: str = option(
        "autoaug",
        "strong view, for methods that want one: autoaug (the list of the data set, for CIFAR that "
        "of IEG), autoaug25 (the usual 25 sub-policies), randaug, or default (crop and flip alone)",
        choices=("autoaug", "autoaug25", "randaug", "default"),
    )
    aug_per_batch: bool | None = option(
        None, "the same strong operations for a whole batch; unset: for randaug, as released"
    )
    weak_rotation: float = option(
        0.0, "degrees by which the weak view is rotated at most", at_least=0, at_most=180
    )
    sampler: str | None = option(
        None,
        "how batches are put together, by given label: shuffle, balanced, class_aware (rows of "
        "each class in turn; more steps an epoch), or resample (with replacement, small classes "
        "more often); unset: balanced with --classes_per_batch, else shuffle",
        choices=samplers.NAMES,
    )
    classes_per_batch: int = option(
        0, "of --sampler=balanced: classes in a batch, with equally many images each", at_least=0
    )
    images_in_a_row: int = option(
        4, "of --sampler=class_aware: images of a class before the next class", above=0
    )
    learning_rate: float = option(0.1, "of SGD at the start", above=0)
    momentum: float = option(0.9, "of SGD", at_least=0, below=1)
    lr_schedule: str = option(
        "cosine",
        "cosine (restarts), cosine_warmup, cosine_one (one cosine over the run), cosine_epoch (the "
        "same in stairs of an epoch), custom_step (milestones), exponential (factor 0.9, "
        "staircase) or constant",
        choices=schedules.NAMES,
    )
    decay_steps: str | None = option(
        None, "first cosine period, exponential step or milestones, in steps: comma separated"
    )
    decay_epochs: str | None = option("1", "the same in epochs")
    decay_rate: float = option(0.1, "factor at each milestone of custom_step", above=0)
    cos_t_mul: float = option(1.5, "each cosine period is this much longer", at_least=1)
    cos_m_mul: float = option(0.9, "each cosine period starts this much lower", above=0)
    warmup_epochs: float = option(0.0, "linear warm-up of the learning rate", at_least=0)
    use_ema: bool = option(True, "evaluate an exponential moving average of the weights (0.999)")
    l2_weight_decay: float = option(4e-4, "coefficient of ½‖θ‖²", at_least=0)
    label_smoothing: float = option(0.0, "of the training labels", at_least=0, below=1)
    dropout_rate: float = option(0.0, "in front of the classifier", at_least=0, below=1)
    cosine_classifier: bool = option(
        False, "logits are 30 times cosines between features and class vectors; without bias"
    )
    clip_norm: float = option(0.0, "largest global gradient norm; 0 does not clip", at_least=0)
    accumulation_steps: int = option(
        1, "batches whose gradients are averaged for one update", above=0
    )
    audit_folds: int = option(
        0,
        "score each given label by models that have not trained on it: runs on this many parts "
        "left out in turn, after the run itself; 0: by the run itself",
        at_least=0,
        experiment=False,
    )
    nearest_centroid: bool = option(
        False,
        "--mode=evaluation also tells classes by the direction of their mean training feature",
        experiment=False,
    )
    save_features: bool = option(
        False,
        "--mode=evaluation writes features, labels and predictions of both splits as .npz",
        experiment=False,
    )
    pretrained_ckpt: str | None = option(
        None, "start from the weights of this run folder or checkpoint"
    )
    fix_network_features: bool = option(False, "train only the classifier")
    figure_format: str = option(
        "png", "of the figures of a run", choices=("png", "pdf"), experiment=False
    )
    write_xlsx: bool = option(
        False, "write the curves as .xlsx too; needs openpyxl", experiment=False
    )
    distribution_strategy: str = option(
        "auto",
        "none, mirrored (all devices of this machine), auto (mirrored with several GPUs), "
        "multi_worker_mirrored (the processes of TF_CONFIG or a Slurm step), or tpu",
        choices=("auto", "none", "mirrored", "multi_worker_mirrored", "tpu"),
        experiment=False,
    )
    sync_batch_norm: bool = option(
        False, "batch norm by the statistics of the global batch, not of each replica's part"
    )
    precision: str = option(
        "float32",
        "what the network computes in before its classifier; mixed ones keep weights, logits and "
        "losses in float32",
        choices=precision.NAMES,
    )
    jit_compile: bool = option(
        False, "let XLA compile the training step; not with several replicas", experiment=False
    )
    steps_per_execution: int | None = option(
        None,
        "training steps for each call from Python, with the same results; a signal waits for them; "
        "unset: 10, or fewer of large images",
        above=0,
        experiment=False,
    )
    deterministic: bool | None = option(
        None,
        "bit for bit the same in every run; unset: on without GPUs, off with",
        experiment=False,
    )


#: Two ways to say one thing: who says it in one way does not mean what was said in the other.
_ALTERNATIVES = (("max_iteration", "max_epoch"), ("decay_steps", "decay_epochs"))


@dataclass(frozen=True)
class Settings:
    """A resolved configuration.

    Attributes:
      config: what all methods have in common.
      options: the method's own, an instance of its `Options`.
      origins: flag → where its value came from.
      given: what a caller in Python hands over, a `construction.Given`; None for nothing.
      facts: what defines the experiment and no flag can say, by a caller in Python.
    """

    config: Config
    options: Any
    origins: Mapping[str, str]
    given: Any = None
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """All values by the name of their flag, and the facts."""
        flags = {**dataclasses.asdict(self.config), **dataclasses.asdict(self.options)}
        return {**flags, **self.facts}

    def experiment(self) -> dict[str, Any]:
        """Those values that define the experiment, by the name of their flag, and the facts."""
        fields = [*dataclasses.fields(self.config), *dataclasses.fields(self.options)]
        defining = [f.name for f in fields if f.metadata["experiment"]]
        values = self.values()
        return {name: values[name] for name in [*defining, *self.facts]}


_DEFINE: dict[type, Callable[..., Any]] = {
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_bool,
    str: flags.DEFINE_string,
}


def as_flag(name: str, value: str | None) -> str:
    """An option as the command line has it: `--name` or `--name=value`."""
    return f"--{name}" if value is None else f"--{name}={value}"


def option_classes() -> dict[str, type]:
    """Who → dataclass whose fields are flags: "common", every method and every loss."""
    methods = {f"--method={name}": METHODS.get(name).Options for name in METHODS.names()}
    losses = {f"--loss={name}": LOSSES.get(name).Options for name in LOSSES.names()}
    return {"common": Config, **methods, **losses}


def define_flags(flag_values: flags.FlagValues) -> None:
    """Makes one flag of every field; None stands for "not typed"."""
    defined: dict[str, type] = {}
    for who, cls in option_classes().items():
        for field in dataclasses.fields(cls):
            kind = options.value_type(cls, field.name)
            if field.name in defined:
                if defined[field.name] is not kind:
                    raise TypeError(f"--{field.name} of {who} has another type elsewhere")
                continue
            defined[field.name] = kind
            _DEFINE[kind](field.name, None, field.metadata["help"], flag_values=flag_values)
            flag = flag_values[field.name]
            flag.parser = _ClearParser(flag.parser, options.KINDS[kind])


class _ClearParser(flags.ArgumentParser):
    """absl's parser of a flag, with an error that says what would be right."""

    def __init__(self, parser: flags.ArgumentParser, wanted: str) -> None:
        self._parser = parser
        self._wanted = wanted

    def parse(self, argument: Any) -> Any:
        try:
            return self._parser.parse(argument)
        except (TypeError, ValueError):
            raise ValueError(f"must be {self._wanted}") from None


def help_text() -> str:
    """All flags with help and default, the common ones first, then those of each method."""
    lines = [
        "usage: python -m ieg.main [--flag=value ...]   (--flagfile=FILE reads flags from FILE)",
        "A data set's preset, the method and the network change some of the defaults below.",
    ]
    lines += [f"methods: {', '.join(METHODS.names())}"]
    lines += [f"losses:  {', '.join(LOSSES.names())}"]
    lines += [f"data:    {', '.join(sources.names())}", "", "networks:"]
    for name in networks.names():
        lines.append(f"  {name:<14} {networks.REGISTRY.get(name).description}")
    for who, cls in option_classes().items():
        title = "for every method" if who == "common" else f"for {who}"
        fields = dataclasses.fields(cls)
        lines += ["", f"{title}:" if fields else f"{title}: none"]
        for field in fields:
            choices = field.metadata["choices"]
            listed = f" [{'|'.join(choices)}]" if choices else ""
            default = "unset" if field.default is None else field.default
            lines.append(f"  --{field.name}{listed}  (default: {default})")
            lines.append(f"      {field.metadata['help']}")
    return "\n".join(lines)


def resolve(typed: Mapping[str, Any]) -> Settings:
    """Fills in what was not typed and checks everything that needs no data.

    Args:
      typed: flag → value, only what the user gave.
    Raises:
      InputError: an unknown name, a value out of range, or an option of another method.
    """
    if "dataset" in typed:
        typed = {**typed, "dataset": names.absolute(typed["dataset"])}
    common = {f.name: f.default for f in dataclasses.fields(Config)}
    preset = _preset(typed)
    method_name = _early(typed, preset, "method")
    method = METHODS.get(method_name)
    network_name = _early(typed, {**method.defaults, **preset}, "network_name")
    loss_name, loss = _chosen_loss(typed, preset, method)
    options_class = _options_class(method, loss)
    own = {f.name: f.default for f in dataclasses.fields(options_class)}
    layers: list[tuple[str, Mapping[str, Any]]] = [
        ("default", common | own),
        (
            f"network {network_name}",
            {"l2_weight_decay": networks.REGISTRY.get(network_name).weight_decay},
        ),
        (f"method {method_name}", {**method.defaults, **method.requires}),
        ("preset of the data set", preset),
        (f"loss {loss_name}", {**loss.defaults, **loss.requires} if loss else {}),
        ("command line", typed),
    ]
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in layers:
        known = {name: value for name, value in layer.items() if name in common | own}
        known = _without_alternatives(known) | known
        values.update(known)
        origins.update(dict.fromkeys(known, origin))
    for name in typed:
        if name not in values:
            chosen = f"--loss={loss_name}" if loss and _is_of_a_loss(name) else None
            raise InputError(f"--{name} is no option of {chosen or f'--method={method_name}'}")
    rate = values["learning_rate"]
    if origins.get("meta_stepsize") == "default" and values["meta_stepsize"] != rate:
        # A virtual step that is longer than the real ones says nothing about them.
        values["meta_stepsize"], origins["meta_stepsize"] = rate, "the learning rate"
    if values["sync_batch_norm"]:
        _keep_collectives_from_forward_mode(values, origins)
    if values.get("meta_low_memory") and values["meta_gradient"] != "forward":
        raise InputError(
            f"--meta_low_memory --meta_gradient={values['meta_gradient']}: nested tapes need all "
            "activations at once; it goes with forward mode"
        )
    unasked = origins["warmup_epochs"] != "command line"
    if unasked and values["lr_schedule"] in schedules.WITHOUT_WARMUP:
        values["warmup_epochs"], origins["warmup_epochs"] = 0.0, "the schedule"
    for field in [*dataclasses.fields(Config), *dataclasses.fields(options_class)]:
        options.check(field, values[field.name])
    for name, wanted in loss.requires.items() if loss else ():
        if values[name] != wanted:
            raise InputError(f"--{name}={values[name]}: --loss={loss_name} needs {wanted}")
    for name, wanted in method.requires.items():
        if values[name] != wanted:
            raise InputError(f"--{name}={values[name]}: --method={method_name} needs {wanted}")
    return Settings(
        config=Config(**{name: values[name] for name in common}),
        options=options_class(**{name: values[name] for name in own}),
        origins=origins,
    )


def _keep_collectives_from_forward_mode(values: dict[str, Any], origins: dict[str, str]) -> None:
    """Through a collective forward mode gives 0 without a word, so tapes differentiate instead.

    Raises:
      InputError: what was typed contradicts synchronised batch norm.
    """
    if "meta_gradient" not in values:
        return
    if values["meta_gradient"] != "nested" and origins["meta_gradient"] == "command line":
        raise InputError(
            f"--meta_gradient={values['meta_gradient']} --sync_batch_norm: forward mode does not "
            "see through batch norm that replicas share; leave --meta_gradient out, or give nested"
        )
    if values["meta_scope"] == "replica":
        raise InputError(
            "--meta_scope=replica --sync_batch_norm: the one leaves each replica alone in the "
            "look-ahead, the other couples them there; leave one of them out"
        )
    if values["meta_gradient"] != "nested":
        values["meta_gradient"], origins["meta_gradient"] = "nested", "--sync_batch_norm"


def _chosen_loss(
    typed: Mapping[str, Any], preset: Mapping[str, Any], method: type[Method]
) -> tuple[str, LossEntry] | tuple[None, None]:
    """Name and entry of the loss, of a method that lets one choose it."""
    own = {f.name: f.default for f in dataclasses.fields(method.Options)}
    if "loss" not in own:
        return None, None
    name = {**own, **method.defaults, **preset, **typed}["loss"]
    return name, LOSSES.get(name)


def _is_of_a_loss(name: str) -> bool:
    entries = map(LOSSES.get, LOSSES.names())
    return any(name == f.name for entry in entries for f in dataclasses.fields(entry.Options))


def _options_class(method: type[Method], loss: LossEntry | None) -> type:
    """The options of a method, with those of the loss where it has one."""
    if loss is None:
        return method.Options
    return dataclasses.make_dataclass(
        "Options", [], bases=(loss.Options, method.Options), frozen=True
    )


def _preset(typed: Mapping[str, Any]) -> dict[str, Any]:
    """What the data set suggests; its periods belong to its schedule, not to another one."""
    asked = names.parse(_early(typed, {}, "dataset"), typed.get("noise"))
    entry = sources.REGISTRY.get(asked.base)
    preset = dict(entry.preset)
    of_method = entry.method_presets.get(_early(typed, preset, "method"), {})
    preset |= _without_alternatives(of_method) | dict(of_method)
    if _early(typed, preset, "lr_schedule") != _early({}, preset, "lr_schedule"):
        preset.pop("decay_steps", None)
        preset.pop("decay_epochs", None)
    return preset


def _without_alternatives(layer: Mapping[str, Any]) -> dict[str, None]:
    """What a layer unsets: the other way to say what it says, from less specific layers."""
    pairs = [*_ALTERNATIVES, *((b, a) for a, b in _ALTERNATIVES)]
    return {other: None for name, other in pairs if name in layer}


def _early(typed: Mapping[str, Any], preset: Mapping[str, Any], name: str) -> Any:
    """A value that others depend on: typed, else preset, else the default."""
    return typed.get(name, preset.get(name, getattr(Config, name)))

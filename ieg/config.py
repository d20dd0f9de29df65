"""The resolved configuration of a run: groups of settings, each from the package of its reader.

An option that was not typed is unset. Layers of values, later ones win: the defaults of the groups,
the network's, the method's, the preset of the data set, the loss's, what was typed.
"""

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ieg import networks, options
from ieg.data import names, sources
from ieg.data.names import DatasetName
from ieg.data.settings import DataSettings
from ieg.data.sources import Presets, SourceEntry
from ieg.errors import InputError
from ieg.evaluation.settings import EvaluationSettings
from ieg.features import preset as features
from ieg.losses import REGISTRY as LOSSES
from ieg.losses import LossEntry
from ieg.methods import REGISTRY as METHODS
from ieg.methods import Method
from ieg.networks import NetworkEntry
from ieg.networks.settings import NetworkSettings
from ieg.runs.settings import RunSettings
from ieg.training import schedules
from ieg.training.settings import TrainingSettings

#: Attribute of `Config` → the group of settings that every method has in common.
GROUPS: Mapping[str, type] = {
    "data": DataSettings,
    "network": NetworkSettings,
    "training": TrainingSettings,
    "evaluation": EvaluationSettings,
    "run": RunSettings,
}

#: Pairs of options that say the same thing: if one is set, the value of the other from a less
#: specific layer is dropped.
_ALTERNATIVES = (("max_iteration", "max_epoch"), ("decay_steps", "decay_epochs"))


@dataclass(frozen=True)
class Config:
    """The resolved configuration of a run.

    Attributes:
      data, network, training, evaluation, run: settings that every method has in common.
      options: the method's own, an instance of its `Options`, with those of its loss.
      dataset: meaning of `data.dataset` and `data.noise`.
      source: registered entry of that data set, or an entry made by the caller.
      architecture: registered entry of the network, or an entry made by the caller.
      method: class of the method.
      origins: option → origin of its value, for example "command line".
      facts: values without an option that define the experiment, set by a caller in Python.
      part: sub-folder of the run folder, for a part of a run; "" for the run itself.
    """

    data: DataSettings
    network: NetworkSettings
    training: TrainingSettings
    evaluation: EvaluationSettings
    run: RunSettings
    options: Any
    dataset: DatasetName
    source: SourceEntry
    architecture: NetworkEntry
    method: type[Method]
    origins: Mapping[str, str]
    facts: Mapping[str, Any] = field(default_factory=dict)
    part: str = ""

    @property
    def trains_backbone(self) -> bool:
        """True if the network is trained from pixels, the backbone being a part of it."""
        return self.network.train_backbone or self.training.finetune_epochs > 0

    def values(self) -> dict[str, Any]:
        """Value of every option by name, and the facts."""
        return {f.name: getattr(group, f.name) for group, f in self._fields()} | dict(self.facts)

    def experiment(self) -> dict[str, Any]:
        """Values of the options that define the experiment, by name, and the facts."""
        defining = [(group, f.name) for group, f in self._fields() if f.metadata["experiment"]]
        return {name: getattr(group, name) for group, name in defining} | dict(self.facts)

    def values_before(self) -> dict[str, Any]:
        """Values in effect in runs that are older than an option, by its name."""
        fields = (f for _, f in self._fields() if "before" in f.metadata)
        return {f.name: f.metadata["before"] for f in fields}

    def _fields(self) -> list[tuple[Any, dataclasses.Field]]:
        groups = [*(getattr(self, name) for name in GROUPS), self.options]
        return [(group, f) for group in groups for f in dataclasses.fields(group)]


def option_classes() -> dict[str, type]:
    """Dataclasses whose fields are options: the groups by name, then every method's and loss's.

    Raises:
      InputError: an option of a method or loss has the name of a common setting.
    """
    methods = {f"method={name}": METHODS.get(name).Options for name in METHODS.names()}
    losses = {f"loss={name}": LOSSES.get(name).Options for name in LOSSES.names()}
    for who, cls in {**methods, **losses}.items():
        _refuse_common_names(who, cls)
    return {**GROUPS, **{f"--{who}": cls for who, cls in {**methods, **losses}.items()}}


def resolve(
    typed: Mapping[str, Any],
    *,
    source: SourceEntry | None = None,
    architecture: NetworkEntry | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Config:
    """Fill in what was not typed and check everything that needs no data.

    Args:
      typed: option → value, only those that the user gave.
      source: entry to take in the place of the registered one; without a path in its name,
        `dataset` is only its title.
      architecture: entry of a network that no registry has; `network_name` is then only its title.
      facts: values without an option that define the experiment.
    Raises:
      InputError: an unknown name, a value out of range, an option of another method, or one with
        the name of a common setting.
    """
    typed, dataset, source = _data(typed, source)
    preset = _preset(typed, source)
    method_name = _early(typed, preset, "method")
    method = METHODS.get(method_name)
    network_name = _early(typed, {**method.defaults, **preset}, "network_name")
    architecture = architecture or networks.REGISTRY.get(network_name)
    loss_name, loss = _chosen_loss(typed, preset, method)
    _refuse_common_names(f"method={method_name}", method.Options)
    if loss is not None:
        _refuse_common_names(f"loss={loss_name}", loss.Options)
    groups = {**GROUPS, "options": _options_class(method, loss)}
    fields = {f.name: f for cls in groups.values() for f in dataclasses.fields(cls)}
    for name in (name for name in typed if name not in fields):
        chosen = f"loss={loss_name}" if loss and _is_of_a_loss(name) else f"method={method_name}"
        raise InputError(f"no option of `{chosen}`{_others(name)}", option=name)
    layers: dict[str, Mapping[str, Any]] = {
        "default": {name: f.default for name, f in fields.items()},
        f"network {network_name}": {"l2_weight_decay": architecture.weight_decay},
        f"method {method_name}": {**method.defaults, **method.requires},
        "preset of the data set": preset,
        f"loss {loss_name}": {**loss.defaults, **loss.requires} if loss else {},
        "command line": typed,
    }
    values, origins = _merged(layers)
    _adapt(values, origins, architecture.highest_rate)
    for name, f in fields.items():
        options.check(f, values[name])
    if loss is not None:
        _check_required(values, loss.requires, f"loss={loss_name}")
    _check_required(values, method.requires, f"method={method_name}")
    return Config(
        **{
            group: cls(**{f.name: values[f.name] for f in dataclasses.fields(cls)})
            for group, cls in groups.items()
        },
        dataset=dataset,
        source=source,
        architecture=architecture,
        method=method,
        origins={**origins, **dict.fromkeys(facts or {}, "the caller")},
        facts=facts or {},
    )


_DEFAULTS = {f.name: f.default for cls in GROUPS.values() for f in dataclasses.fields(cls)}


def _data(
    typed: Mapping[str, Any], source: SourceEntry | None
) -> tuple[dict[str, Any], DatasetName, SourceEntry]:
    """Typed options with whole paths, the meaning of the data's name, and the data's entry."""
    if source is not None and not source.takes_path:
        return dict(typed), DatasetName(typed["dataset"], text=typed["dataset"]), source
    dataset = names.parse(_early(typed, {}, "dataset"), typed.get("noise"))
    typed = {**typed, "dataset": dataset.text} if "dataset" in typed else dict(typed)
    return typed, dataset, source or sources.REGISTRY.get(dataset.base)


def _merged(layers: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Values by option, and the layer that each comes from; only options of the first layer."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in layers.items():
        known = {name: value for name, value in layer.items() if name in layers["default"]}
        known = _without_alternatives(known) | known
        values.update(known)
        origins.update(dict.fromkeys(known, origin))
    return values, origins


def _adapt(values: dict[str, Any], origins: dict[str, str], highest_rate: float | None) -> None:
    """Change values that nobody typed to those that go with others.

    Args:
      values, origins: of all options; changed in place.
      highest_rate: of the network, see `NetworkEntry`.
    Raises:
      InputError: options contradict each other.
    """
    too_high = highest_rate is not None and values["learning_rate"] > highest_rate
    if too_high and origins["learning_rate"] != "command line":
        values["learning_rate"] = highest_rate
        origins["learning_rate"] = f"network {values['network_name']}"
    rate = values["learning_rate"]
    if origins.get("meta_stepsize") == "default" and values["meta_stepsize"] != rate:
        # A virtual step that is longer than the real ones says nothing about them.
        values["meta_stepsize"], origins["meta_stepsize"] = rate, "the learning rate"
    if values.get("meta_schedule") == "learning_rate" and values["meta_stepsize"] != rate:
        raise InputError(
            f"`meta_schedule=learning_rate` `meta_stepsize={values['meta_stepsize']:g}`: the one "
            "takes the learning rate of each step, the other a constant; leave one of them out"
        )
    if values["sync_batch_norm"] and "meta_gradient" in values:
        _keep_collectives_from_forward_mode(values, origins)
    if values.get("meta_low_memory") and values["meta_gradient"] != "forward":
        raise InputError(
            f"`meta_low_memory` `meta_gradient={values['meta_gradient']}`: nested tapes need all "
            "activations at once; it goes with forward mode"
        )
    untyped = origins["warmup_epochs"] != "command line"
    if untyped and values["lr_schedule"] in schedules.WITHOUT_WARMUP:
        values["warmup_epochs"], origins["warmup_epochs"] = 0.0, "the schedule"
    periods = "decay_epochs" if values["decay_steps"] is None else "decay_steps"
    if values["lr_schedule"] == "custom_step" and origins[periods] == "default":
        raise InputError(
            "`lr_schedule=custom_step` needs its milestones: `decay_epochs` or `decay_steps`"
        )


def _keep_collectives_from_forward_mode(values: dict[str, Any], origins: dict[str, str]) -> None:
    """Choose nested tapes, since forward mode through a collective silently gives 0.

    Raises:
      InputError: typed options contradict synchronized batch norm.
    """
    if values["meta_gradient"] != "nested" and origins["meta_gradient"] == "command line":
        raise InputError(
            f"`meta_gradient={values['meta_gradient']}` `sync_batch_norm`: forward mode does not "
            "see through batch norm that replicas share; leave `meta_gradient` out, or give nested"
        )
    if values["meta_scope"] == "replica":
        raise InputError(
            "`meta_scope=replica` `sync_batch_norm`: the one leaves each replica alone in the "
            "look-ahead, the other couples them there; leave one of them out"
        )
    if values["meta_gradient"] != "nested":
        values["meta_gradient"], origins["meta_gradient"] = "nested", "sync_batch_norm"


def _check_required(values: Mapping[str, Any], required: Mapping[str, Any], who: str) -> None:
    for name, wanted in required.items():
        if values[name] != wanted:
            words = f"does not go with `{who}`; leave it out" if wanted is None else None
            raise InputError(words or f"`{who}` needs {wanted}", option=name, value=values[name])


def _chosen_loss(
    typed: Mapping[str, Any], preset: Mapping[str, Any], method: type[Method]
) -> tuple[str, LossEntry] | tuple[None, None]:
    """Name and entry of the loss, for a method with a choice of losses."""
    own = {f.name: f.default for f in dataclasses.fields(method.Options)}
    if "loss" not in own:
        return None, None
    name = {**own, **method.defaults, **preset, **typed}["loss"]
    return name, LOSSES.get(name)


def _refuse_common_names(who: str, cls: type) -> None:
    """Refuse options of a method or loss that would take the place of a common setting."""
    for name in (f.name for f in dataclasses.fields(cls) if f.name in _DEFAULTS):
        raise InputError(
            f"`{who}`: its option `{name}` has the name of a setting that all methods have; give "
            "it another name"
        )


def _others(name: str) -> str:
    """End of the sentence that a method has no such option: what may be meant instead."""
    if name != "loss":
        known = sorted(
            {f.name for cls in option_classes().values() for f in dataclasses.fields(cls)}
        )
        near = [] if name in known else difflib.get_close_matches(name, known, n=1)
        return f" (did you mean {near[0]!r}?)" if near else ""
    classes = {n: METHODS.get(n).Options for n in METHODS.names()}
    able = [n for n, cls in classes.items() if name in {f.name for f in dataclasses.fields(cls)}]
    return f"; it goes with {', '.join(f'`method={n}`' for n in able)}"


def _is_of_a_loss(name: str) -> bool:
    entries = map(LOSSES.get, LOSSES.names())
    return any(name == f.name for entry in entries for f in dataclasses.fields(entry.Options))


def _options_class(method: type[Method], loss: LossEntry | None) -> type:
    """The options of a method, with those of its loss."""
    if loss is None:
        return method.Options
    return dataclasses.make_dataclass(
        "Options", [], bases=(loss.Options, method.Options), frozen=True
    )


def _preset(typed: Mapping[str, Any], source: SourceEntry) -> dict[str, Any]:
    """Settings that suit the data set; its periods belong to its schedule, not to another one."""
    backbone = typed.get("backbone", source.backbone)
    whole = typed.get("train_backbone", False)
    if backbone != "none" and not whole:
        method = METHODS.get(typed.get("method", features.METHOD))
        return {"backbone": backbone, **features.SETTINGS, **method.on_features}
    network = _early(typed, source.preset, "network_name")
    usual = Presets(source.preset, source.method_presets)
    settings, of_methods = usual if whole else source.of_networks.get(network, usual)
    preset = dict(settings)
    if whole:
        preset |= {"backbone": backbone, "network_name": features.NETWORK}
    of_method = of_methods.get(_early(typed, preset, "method"), {})
    preset |= _without_alternatives(of_method) | dict(of_method)
    if _early(typed, preset, "lr_schedule") != _early({}, preset, "lr_schedule"):
        preset.pop("decay_steps", None)
        preset.pop("decay_epochs", None)
    return preset


def _without_alternatives(layer: Mapping[str, Any]) -> dict[str, None]:
    """None for each option whose alternative the layer sets."""
    pairs = [*_ALTERNATIVES, *((b, a) for a, b in _ALTERNATIVES)]
    return {other: None for name, other in pairs if name in layer}


def _early(typed: Mapping[str, Any], preset: Mapping[str, Any], name: str) -> Any:
    """A common option before all layers are known: typed, else preset, else its default."""
    return typed.get(name, preset.get(name, _DEFAULTS[name]))

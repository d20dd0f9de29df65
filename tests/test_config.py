"""From what a user typed to a resolved configuration, and the flags made from dataclasses."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from absl import flags

from ieg import command_line, config, help, networks
from ieg.config import resolve
from ieg.data import sources
from ieg.errors import InputError
from ieg.losses import REGISTRY as LOSSES
from ieg.losses import LossEntry
from ieg.methods import REGISTRY as METHODS
from ieg.methods import Method
from ieg.options import option
from ieg.registry import Registry
from ieg.runs.settings import MODES
from ieg.training.settings import TrainingSettings


def typed(*words: str) -> dict[str, Any]:
    """Flags that a command line sets, by name."""
    values = flags.FlagValues()
    command_line.define_flags(values)
    assert values(["ieg", *words]) == ["ieg"]
    return {name: values[name].value for name in values if values[name].present}


@pytest.fixture
def made_up_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that exists during one test, with an option and defaults of its own."""

    @dataclass(frozen=True)
    class Options:
        made_up_width: int | None = option(None, "a width", above=0)

    class MadeUp(Method):
        defaults: ClassVar = {
            "learning_rate": 0.3,
            "max_iteration": 7,
            "l2_weight_decay": 0.2,
            "network_name": "resnet32",
            "made_up_width": 4,
        }

    MadeUp.Options = Options
    METHODS.names()  # its modules register first
    monkeypatch.setitem(METHODS._entries, "made_up", MadeUp)


def assert_origin(arguments: Mapping[str, Any], name: str, value: Any, origin: str) -> None:
    settings = resolve(arguments)
    assert settings.values()[name] == value
    assert settings.origins[name] == origin


def test_what_nobody_sets_has_its_default() -> None:
    assert_origin({}, "momentum", 0.9, "default")
    assert_origin({"method": "l2r"}, "meta_stepsize", 0.1, "default")


def test_the_network_goes_before_the_default() -> None:
    assert TrainingSettings.l2_weight_decay != 2e-3
    assert_origin({}, "l2_weight_decay", 2e-3, "network cnn")
    assert_origin({"network_name": "resnet32"}, "l2_weight_decay", 5e-4, "network resnet32")


@pytest.mark.usefixtures("made_up_method")
def test_the_method_goes_before_network_and_default() -> None:
    chosen = {"method": "made_up"}
    assert_origin(chosen, "learning_rate", 0.3, "method made_up")
    assert_origin(chosen, "l2_weight_decay", 0.2, "method made_up")
    assert_origin(chosen, "made_up_width", 4, "method made_up")


@pytest.mark.usefixtures("made_up_method")
@pytest.mark.parametrize("method", ["supervised", "made_up"])
def test_the_preset_of_the_data_goes_before_the_method(method: str) -> None:
    preset = sources.REGISTRY.get("digits").preset
    known = resolve({"method": method}).values()
    assert len(preset.keys() & known.keys()) > 4
    for name, value in preset.items():
        if name not in known:  # of another method
            continue
        assert_origin({"method": method}, name, value, "preset of the data set")


@pytest.mark.usefixtures("made_up_method")
def test_a_preset_for_the_method_goes_before_that_of_the_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digits = sources.REGISTRY.get("digits")
    own = {"made_up": {"max_epoch": 7, "eval_freq": 3, "made_up_width": 6}, "l2r": {"seed": 1}}
    entry = dataclasses.replace(digits, method_presets=own)
    monkeypatch.setitem(sources.REGISTRY._entries, "digits", entry)
    chosen = {"method": "made_up"}
    for name, value in (own["made_up"] | {"max_iteration": None, "network_name": "cnn"}).items():
        assert_origin(chosen, name, value, "preset of the data set")
    assert resolve({**chosen, "max_iteration": 5}).training.max_epoch is None
    assert (
        resolve({"method": "supervised"}).training.max_iteration == digits.preset["max_iteration"]
    )


@pytest.mark.usefixtures("made_up_method")
@pytest.mark.parametrize(
    ("name", "value"),
    [("max_iteration", 9), ("l2_weight_decay", 0.0), ("momentum", 0.0), ("made_up_width", 5)],
)
def test_what_is_typed_goes_before_everything(name: str, value: Any) -> None:
    assert_origin({"method": "made_up", name: value}, name, value, "command line")


def test_what_is_typed_counts_even_when_it_equals_the_default() -> None:
    assert_origin({"momentum": 0.9}, "momentum", 0.9, "command line")


@pytest.mark.usefixtures("made_up_method")
@pytest.mark.parametrize(
    ("said", "value", "other"),
    [
        ("max_epoch", 3, "max_iteration"),
        ("max_iteration", 9, "max_epoch"),
        ("decay_steps", "7", "decay_epochs"),
        ("decay_epochs", "7", "decay_steps"),
    ],
)
def test_what_is_said_in_one_way_unsets_the_other_way(
    said: str, value: Any, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {"max_iteration": 1, "max_epoch": 1, "decay_steps": "1", "decay_epochs": "1"}
    monkeypatch.setattr(METHODS.get("made_up"), "defaults", both)
    arguments = {"method": "made_up", said: value}
    assert_origin(arguments, said, value, "command line")
    assert_origin(arguments, other, None, "command line")


def test_what_is_said_in_both_ways_stays_in_both() -> None:
    settings = resolve({"max_epoch": 3, "max_iteration": 9})
    assert (settings.training.max_epoch, settings.training.max_iteration) == (3, 9)


@pytest.mark.usefixtures("made_up_method")
def test_the_decay_is_that_of_the_network_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    # The method would like resnet32, the preset says cnn and wins.
    monkeypatch.setattr(METHODS.get("made_up"), "defaults", {"network_name": "resnet32"})
    settings = resolve({"method": "made_up"})
    assert settings.network.network_name == "cnn"
    assert settings.origins["l2_weight_decay"] == "network cnn"


def test_every_value_has_an_origin_and_is_in_the_settings() -> None:
    settings = resolve({"method": "l2r"})
    classes = (*config.GROUPS.values(), METHODS.get("l2r").Options)
    names = {field.name for cls in classes for field in dataclasses.fields(cls)}
    assert set(settings.values()) == set(settings.origins) == names


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        resolve({}).run.seed = 1  # type: ignore[misc]


def test_where_and_how_long_a_run_goes_does_not_define_the_experiment() -> None:
    experiment = resolve({"method": "l2r"}).experiment()
    assert {"method", "dataset", "seed", "batch_size", "meta_stepsize"} <= set(experiment)
    elsewhere = {"mode", "checkpoint_path", "max_iteration", "max_epoch", "distribution_strategy"}
    assert not elsewhere & set(experiment)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("batch_size", 0, "above 0"),
        ("seed", -1, "at least 0"),
        ("max_epoch", 0, "above 0"),
        ("learning_rate", float("nan"), "above 0"),
        ("momentum", 1.0, "at least 0 and below 1"),
        ("validation_ratio", 0.0, "above 0 and below 1"),
        ("probe_dataset_hold_ratio", 1.0, "at least 0 and below 1"),
        ("cos_t_mul", 0.5, "at least 1"),
        (
            "mode",
            "teach",
            "one of train, audit, clean, evaluation, export, predict, embed, pack, show_data, "
            "visualize",
        ),
        ("eval_split", "train", "one of test, validation"),
        ("meta_stepsize", 0.0, "above 0"),
        ("meta_partial_level", -2, "at least -1"),
        ("meta_gradient", "reverse", "one of forward, nested"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(name: str, value: Any, wanted: str) -> None:
    with pytest.raises(InputError, match=f"^`{name}={value}`: must be {wanted}$"):
        resolve({"method": "l2r", name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("probe_dataset_hold_ratio", 0.0), ("cos_t_mul", 1.0), ("seed", 0), ("momentum", 0.0)],
)
def test_a_value_at_the_end_of_its_range_is_accepted(name: str, value: Any) -> None:
    assert resolve({name: value}).values()[name] == value


@pytest.mark.parametrize(
    ("chosen", "option", "whose"),
    [
        ({"method": "supervised"}, "meta_stepsize", "method=supervised"),
        ({"method": "supervised"}, "gce_q", "loss=ce"),
        ({"method": "supervised", "loss": "dm"}, "gce_q", "loss=dm"),
        ({"method": "l2r"}, "gce_q", "method=l2r"),
        ({"method": "l2r"}, "loss", "method=l2r`; it goes with `method=supervised"),
    ],
)
def test_an_option_of_another_method_or_loss_is_refused(
    chosen: dict[str, str], option: str, whose: str
) -> None:
    with pytest.raises(InputError, match=f"^`{option}`: no option of `{whose}`$"):
        resolve({**chosen, option: 0.2})


def test_the_options_of_the_chosen_loss_are_those_of_the_method() -> None:
    chosen = {"method": "supervised", "loss": "proselflc", "proselflc_temperature": 0.4}
    settings = resolve(chosen)
    assert (settings.options.loss, settings.options.proselflc_temperature) == ("proselflc", 0.4)
    assert settings.experiment()["proselflc_exp_base"] == 12
    assert "gce_q" not in settings.values()


def test_a_loss_brings_the_settings_that_it_needs() -> None:
    chosen = {"method": "supervised", "loss": "ldam"}
    assert_origin(chosen, "cosine_classifier", True, "loss ldam")
    message = "^`cosine_classifier=False`: `loss=ldam` needs True$"
    with pytest.raises(InputError, match=message):
        resolve({**chosen, "cosine_classifier": False})
    chosen["loss"] = "label_smoothing"
    assert_origin(chosen, "label_smoothing", 0.5, "loss label_smoothing")
    assert_origin({**chosen, "label_smoothing": 0.1}, "label_smoothing", 0.1, "command line")
    with pytest.raises(InputError, match=r"^`label_smoothing=0.1`: `loss=gce` needs 0.0$"):
        resolve({"method": "supervised", "loss": "gce", "label_smoothing": 0.1})


@pytest.mark.parametrize("loss", LOSSES.names())
def test_every_loss_resolves_with_its_own_defaults(loss: str) -> None:
    settings = resolve({"method": "supervised", "loss": loss})
    for field in dataclasses.fields(LOSSES.get(loss).Options):
        assert settings.values()[field.name] == field.default


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("method", "l2rr", r"^unknown method 'l2rr' \(did you mean 'l2r'\?\); .*supervised"),
        ("network_name", "cnnn", r"^unknown network 'cnnn' \(did you mean 'cnn'\?\); .*resnet32"),
        ("dataset", "digit", "^`dataset=digit`: unknown data set; a name is BASE"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(
    name: str, value: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        resolve({name: value})


def test_nothing_is_set_unless_it_is_typed() -> None:
    assert typed() == {}


def test_flags_have_the_types_of_their_fields() -> None:
    words = ["--seed=3", "--learning_rate=1", "--dataset=digits", "--decay_steps=10,20"]
    values = typed(*words, "--max_epoch=5")
    assert values == {
        "seed": 3,
        "learning_rate": 1.0,
        "dataset": "digits",
        "decay_steps": "10,20",
        "max_epoch": 5,
    }
    assert isinstance(values["learning_rate"], float)


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("--use_ema", "use_ema", True),
        ("--nouse_ema", "use_ema", False),
        ("--use_ema=false", "use_ema", False),
        ("--deterministic", "deterministic", True),
        ("--nodeterministic", "deterministic", False),
    ],
)
def test_switches_are_on_off_or_unset(word: str, name: str, value: bool) -> None:
    assert typed(word) == {name: value}
    assert_origin(typed(word), name, value, "command line")
    assert resolve({}).training.deterministic is None


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("--seed=three", "a whole number"),
        ("--seed=1.5", "a whole number"),
        ("--max_epoch=many", "a whole number"),
        ("--learning_rate=fast", "a number"),
        ("--use_ema=perhaps", "true or false"),
    ],
)
def test_a_word_of_another_type_is_refused(word: str, wanted: str) -> None:
    with pytest.raises(flags.IllegalFlagValueError, match=f"^flag {word}: must be {wanted}$"):
        typed(word)


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(flags.UnrecognizedFlagError, match=r"Unknown command line flag 'sede'"):
        typed("--sede=3")


def test_a_flag_file_is_read_and_later_flags_go_first(tmp_path: Path) -> None:
    file = tmp_path / "flags.txt"
    file.write_text("# a comment\n--seed=3\n--nouse_ema\n--method=supervised\n")
    assert typed(f"--flagfile={file}", "--seed=4") == {
        "seed": 4,
        "use_ema": False,
        "method": "supervised",
    }


def test_options_of_every_method_are_flags() -> None:
    values = flags.FlagValues()
    command_line.define_flags(values)
    fields = {f.name for cls in config.option_classes().values() for f in dataclasses.fields(cls)}
    assert set(values) == fields
    assert {values[name].value for name in values} == {None}
    assert {"seed", "meta_stepsize"} <= fields


@pytest.mark.usefixtures("made_up_method")
def test_an_option_of_a_new_method_is_a_flag_by_itself() -> None:
    settings = resolve(typed("--method=made_up", "--made_up_width=3"))
    assert settings.options.made_up_width == 3
    assert "for --method=made_up:\n  --made_up_width  (default: unset)" in help.everything()


def test_an_option_that_two_share_is_one_flag_of_one_type(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {
        name: dataclasses.make_dataclass(name, [("width", kind, option(1, "a width"))])
        for name, kind in [("a", int), ("b", int), ("c", float)]
    }
    monkeypatch.setattr(config, "option_classes", lambda: {n: kinds[n] for n in "ab"})
    assert typed("--width=3") == {"width": 3}
    monkeypatch.setattr(config, "option_classes", lambda: kinds)
    with pytest.raises(TypeError, match=r"^--width of c has another type elsewhere$"):
        typed()


@pytest.mark.parametrize("registry", [METHODS, LOSSES])
def test_an_option_with_the_name_of_a_common_setting_is_refused(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = dataclasses.make_dataclass(
        "Options", [("loss", str, option("ce", "")), ("momentum", float, option(0.5, ""))]
    )
    entry = (
        LossEntry(len, taken) if registry is LOSSES else type("Own", (Method,), {"Options": taken})
    )
    registry.names()  # its modules register first
    monkeypatch.setitem(registry._entries, "own", entry)
    message = f"^`{registry.kind}=own`: its option `momentum` has the name of a setting"
    with pytest.raises(InputError, match=message):
        resolve({"method": "supervised", registry.kind: "own"})
    with pytest.raises(InputError, match=message):
        command_line.define_flags(flags.FlagValues())


def test_the_help_names_every_flag_with_its_default() -> None:
    values = flags.FlagValues()
    command_line.define_flags(values)
    lines = help.everything().splitlines()
    for name in values:
        found = [i for i, text in enumerate(lines) if text.split()[:1] == [f"--{name}"]]
        assert found  # several times when several methods have it
        for line in found:
            assert "(default: " in lines[line]
            assert lines[line + 1].strip() == values[name].help


def test_the_help_lists_choices_defaults_and_what_there_is() -> None:
    text = help.everything()
    modes = "|".join(MODES)
    assert f"  --mode [{modes}]  (default: train)\n" in text
    assert "  --max_epoch  (default: unset)\n" in text
    assert "  --label_smoothing  (default: 0.0)\n" in text
    assert "for --loss=mae: none" in text
    assert "for --loss=gce:\n  --gce_q  (default: 0.7)" in text
    assert "--flagfile=FILE" in text
    lines = text.splitlines()
    for name in networks.REGISTRY.names():
        (at,) = [i for i, line in enumerate(lines) if line.split()[:1] == [name]]
        listed = " ".join(" ".join(lines[at : at + 3]).split())
        assert networks.REGISTRY.get(name).description in listed
    for start, registry in [
        ("\n--method", METHODS),
        ("\n--loss", LOSSES),
        ("\n--dataset", sources.REGISTRY),
    ]:
        listed = text.partition(start)[2].partition("\n\n")[0]
        assert set(registry.names()) <= set(re.findall(r"[\w-]+", listed))


def test_a_warm_up_that_nobody_asked_for_is_left_out_where_a_schedule_has_none():
    typed = {"method": "dynamic_loss", "dataset": "cifar10", "decay_epochs": "160"}
    settings = config.resolve(typed | {"lr_schedule": "custom_step"})
    assert settings.training.warmup_epochs == 0
    assert settings.origins["warmup_epochs"] == "the schedule"
    assert config.resolve(typed).training.warmup_epochs == 5


def test_a_virtual_step_is_as_long_as_the_learning_rate_says():
    typed = {"method": "ieg", "dataset": "cifar10"}
    assert config.resolve(typed).options.meta_stepsize == 0.1  # as released
    settings = config.resolve(typed | {"learning_rate": 0.02})
    assert settings.options.meta_stepsize == 0.02
    assert settings.origins["meta_stepsize"] == "the learning rate"
    asked = config.resolve(typed | {"learning_rate": 0.02, "meta_stepsize": 0.1})
    assert asked.options.meta_stepsize == 0.1


def test_a_rate_that_nobody_typed_is_one_that_the_network_trains_at(tmp_path: Path) -> None:
    chosen = {"network_name": "resnet20", "method": "l2r"}
    assert_origin(chosen, "learning_rate", 0.02, "network resnet20")
    assert_origin(chosen, "meta_stepsize", 0.02, "the learning rate")
    folder = chosen | {"dataset": f"folder:{tmp_path}", "backbone": "none"}  # its preset has 0.03
    assert_origin(folder, "learning_rate", 0.02, "network resnet20")
    assert_origin(chosen | {"learning_rate": 0.1}, "learning_rate", 0.1, "command line")
    lower = {"network_name": "resnet20", "method": "dro_lt"}
    assert_origin(lower, "learning_rate", 0.005, "method dro_lt")
    assert_origin({"network_name": "resnet32"}, "learning_rate", 0.1, "default")


def test_synchronised_batch_norm_takes_nested_tapes() -> None:
    settings = resolve({"method": "l2r", "sync_batch_norm": True})
    assert settings.options.meta_gradient == "nested"
    assert settings.origins["meta_gradient"] == "sync_batch_norm"
    assert resolve({"method": "l2r"}).options.meta_gradient == "forward"
    typed = {"method": "ieg", "sync_batch_norm": True, "meta_gradient": "nested"}
    assert resolve(typed).origins["meta_gradient"] == "command line"
    resolve({"method": "supervised", "sync_batch_norm": True})
    for name, value in (("meta_gradient", "forward"), ("meta_scope", "replica")):
        for method in ("l2r", "dynamic_loss"):
            with pytest.raises(InputError, match=f"`{name}={value}` `sync_batch_norm`"):
                resolve({"method": method, "sync_batch_norm": True, name: value})

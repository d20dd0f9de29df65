"""Command lines of the original programs: what of them is taken, and what to type for the rest.

Options of the IEG and FSR release that are no flags here are taken with a note where their value is
what is done anyway, and refused with the reason otherwise. Flags of the other programs end in one
line with the whole command to type. docs/from_the_originals.md shows the same tables.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from absl import flags

from ieg.errors import InputError

PAGE = "docs/from_the_originals.md"

_TRUE = ("true", "t", "1", "yes", "y")
_FALSE = ("false", "f", "0", "no", "n")


class Released(NamedTuple):
    """An option of the IEG and FSR release that is no flag here.

    Attributes:
      values: those that are taken, in lower case.
      reason: what is done here: the note on these values, and the reason against others.
      boolean: whether it stands without a value too, and with the prefix "no".
    """

    values: tuple[str, ...]
    reason: str
    boolean: bool = False


RELEASED: Mapping[str, Released] = {
    "ds_include_metadata": Released(
        (*_TRUE, *_FALSE), "the index of every image is always known", boolean=True
    ),
    "queue_metric": Released(
        ("margin",), "the dictionary ranks by the margin of the losses, as the release always does"
    ),
    "post_batch_mode_autoaug": Released(
        _TRUE,
        "strong views are made of whole batches; --aug_per_batch lets a batch share one draw",
        boolean=True,
    ),
    "verbose_finer_log": Released(
        _TRUE, "all that a method measures is always in metrics.csv and in events/", boolean=True
    ),
    "summary_eval_to_train": Released(
        _TRUE, "events/ and metrics.csv have training and evaluation together", boolean=True
    ),
    "pretrained_ckpt_mode": Released(
        (),
        "--pretrained_ckpt takes a run folder or a checkpoint of this package; ImageNet weights "
        "come with --backbone=keras:NAME --train_backbone",
    ),
    "exp_path_pattern": Released(
        (), "runs are always in CHECKPOINT_PATH/DATASET/NETWORK/METHOD/seedSEED"
    ),
}

#: Flag here → value in the release, in lower case → value here.
SPELLINGS: Mapping[str, Mapping[str, str]] = {"use_pseudo_loss": {"": "none", "none": "none"}}


class Foreign(NamedTuple):
    """A flag of another program.

    Attributes:
      program: the program or programs, for the page.
      here: flags to type, with {} for the value and {last} for what follows its last comma; BASE is
        the typed data set. By value in lower case where it has a few. "" needs no flag.
      remark: for the page.
    """

    program: str
    here: str | Mapping[str, str]
    remark: str = ""


_DRO_LT, _ISIC, _PROSELFLC, _DYNAMIC = "DRO-LT", "ISIC-2019", "ProSelfLC", "Dynamic Loss"

#: Flags by name, with "_" for "-". One with a flag of the same name here has only other values.
FOREIGN: Mapping[str, Foreign] = {
    "gpu": Foreign(_DRO_LT, "CUDA_VISIBLE_DEVICES={}", "before the command"),
    "arch": Foreign(_DRO_LT, {"resnet32": "--network_name=resnet32_skip"}),
    "imb_type": Foreign(_DRO_LT, {"exp": "", "step": ""}, "step: `imbalstep` for `imbal`"),
    "imb_factor": Foreign(_DRO_LT, "--dataset=BASE_imbal_{}"),
    "loss_type": Foreign(
        _DRO_LT,
        {name: f"--method=supervised --loss={name}" for name in ("ce", "ldam", "focal")},
    ),
    "train_rule": Foreign(_DRO_LT, {"resample": "--sampler=resample"}),
    "lr": Foreign(f"{_DRO_LT}, {_PROSELFLC}", "--learning_rate={}"),
    "wd": Foreign(_DRO_LT, "--l2_weight_decay={}"),
    "b": Foreign(f"{_DRO_LT}, {_ISIC}", "--batch_size={}"),
    "epochs": Foreign(f"{_DRO_LT}, {_ISIC}", "--max_epoch={}"),
    "resume": Foreign(_DRO_LT, "", "the same command goes on with a run that was stopped"),
    "pretrained": Foreign(
        _DRO_LT, "--method=dro_lt --pretrained_ckpt=RUN", "RUN: run folder of the first stage"
    ),
    "feat_sampler": Foreign(_DRO_LT, "--sampler=class_aware --images_in_a_row={last}"),
    "feat_lr": Foreign(_DRO_LT, "--learning_rate={}"),
    "cls_sampler": Foreign(_DRO_LT, "", "not read there"),
    "temperature": Foreign(_DRO_LT, "--dro_temperature={}"),
    "margin": Foreign(_DRO_LT, "--dro_margin={}"),
    "margin_type": Foreign(_DRO_LT, {"learned": ""}, "margins are always learned"),
    "evaluation": Foreign(_DRO_LT, "--mode=evaluation", "any value counts as true there"),
    "noise_fraction": Foreign(_ISIC, "--dataset=isic2019_symmetric_{}"),
    "fig_path": Foreign(_ISIC, "--checkpoint_path=runs/{}", "figures are in the run folder"),
    "batch_size": Foreign(_ISIC, "--batch_size={}"),
    "learning_rate": Foreign(_ISIC, "--learning_rate={}"),
    "loss_name": Foreign(
        _PROSELFLC,
        {
            "crossentropy": "--loss=ce",
            "labelsmoothing": "--loss=label_smoothing",
            "lablesmoothing": "--loss=label_smoothing",
            "confidencepenalty": "--loss=confidence_penalty --detach_target",
            "labelcorrection": "--loss=label_correction --detach_target",
            "proselflc": "--loss=proselflc",
            "dm_exp_pi": "--loss=dm",
            "dm_standard_mae": "--loss=mae",
            "dm_standard_mse": "--loss=mse",
            "dm_gce": "--loss=gce",
            "dm_sce": "--loss=sce",
        },
    ),
    "data_name": Foreign(_PROSELFLC, "--dataset={}"),
    "symmetric_noise_rate": Foreign(_PROSELFLC, "--dataset=BASE_symmetric_{}"),
    "asymmetric_noise_rate_finea2b": Foreign(_PROSELFLC, "--dataset=BASE_superpair_{}"),
    "exp_base": Foreign(_PROSELFLC, "--proselflc_exp_base={}"),
    "transit_time_ratio": Foreign(_PROSELFLC, "--proselflc_transit_time_ratio={}"),
    "batch_accumu_steps": Foreign(_PROSELFLC, "--accumulation_steps={}"),
    "total_epochs": Foreign(_PROSELFLC, "--max_epoch={}"),
    "weight_decay": Foreign(_PROSELFLC, "--l2_weight_decay={}"),
    "config": Foreign(_DYNAMIC, "--mode=visualize", "with the flags of the configuration"),
    "checkpoint": Foreign(_DYNAMIC, "", "found by data set, network, method and seed"),
}

#: File of a configuration of Dynamic Loss: its noise follows the class sizes.
_CONFIGURATION = re.compile(r"metadynamic_resnet32_(cifar100?)_cor([\d.]+)_imb([\d.]+)\.py$")
_CONFIGURED = r"--method=dynamic_loss --dataset=\1_imbal_\3_prior_\2"


class _Flag(NamedTuple):
    """A flag as typed; one without a name is a word that is no flag."""

    name: str
    value: str | None
    words: tuple[str, ...]

    @property
    def key(self) -> str:
        """Name in `FOREIGN`."""
        return self.name.replace("-", "_")


def accepted(words: Sequence[str], known: flags.FlagValues) -> tuple[list[str], list[str]]:
    """Words that are flags here, and a note on each option of the release that is none.

    Args:
      words: flags as typed, without the name of the program.
      known: the flags here; one of the user's own code comes before those of other programs.
    Raises:
      InputError: an option of the release whose value is not what is done here, or flags of
        another program; the message then has the whole command to type.

    >>> known = flags.FlagValues()
    >>> _ = flags.DEFINE_string("method", None, "", flag_values=known)
    >>> accepted(["--method=fsr", "--queue_metric=margin"], known)[0]
    ['--method=fsr']
    >>> accepted(["--epochs", "100"], known)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ieg.errors.InputError: ...type: python -m ieg.main --max_epoch=100 (see ...
    """
    found = list(_read(words, known))
    others = [flag for flag in found if _is_foreign(flag, known)]
    if others:
        belongs = "belongs" if len(others) == 1 else "belong"
        named = ", ".join(flag.words[0].partition("=")[0] for flag in others)
        raise InputError(
            f"{named} {belongs} to another program; here type: {_instead(found, others)} "
            f"(see {PAGE})"
        )
    kept: list[str] = []
    notes = []
    for flag in found:
        released = _released(flag, known)
        if released is not None:
            notes.append(_note(flag, *released))
        else:
            spelling = SPELLINGS.get(flag.name, {}).get((flag.value or "").lower())
            respelled = flag.value is not None and spelling is not None
            kept += [f"--{flag.name}={spelling}"] if respelled else flag.words
    return kept, notes


def _read(words: Sequence[str], known: flags.FlagValues) -> Iterator[_Flag]:
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-"):
            yield _Flag("", word, (word,))
        elif not name:  # "--" ends the flags
            yield _Flag("", None, (word, *rest))
            return
        elif equals:
            yield _Flag(name, value, (word,))
        elif rest and not rest[0].startswith("-") and _takes_value(name, known):
            value = rest.pop(0)
            yield _Flag(name, value, (word, value))
        else:
            yield _Flag(name, None, (word,))


def _takes_value(name: str, known: flags.FlagValues) -> bool:
    if name in known:
        return not known[name].boolean
    if name in RELEASED:
        return not RELEASED[name].boolean
    return name.replace("-", "_") in FOREIGN


def _is_foreign(flag: _Flag, known: flags.FlagValues) -> bool:
    if not flag.name:
        return bool(_CONFIGURATION.search(flag.value or ""))
    if flag.key not in FOREIGN:
        return False
    here = FOREIGN[flag.key].here
    special = isinstance(here, Mapping) and (flag.value or "").lower() in here
    return flag.name not in known or special


def _instead(found: Sequence[_Flag], others: Sequence[_Flag]) -> str:
    """The command to type: flags that keep their names, then those of the others."""
    before: list[str] = []
    typed: dict[str, str] = {}
    for flag in sorted(found, key=others.__contains__):  # so that BASE is known
        here = _here(flag).split() if flag in others else [_joined(flag)]
        for word in here if flag.name not in RELEASED else ():
            if not word.startswith("-"):
                before.append(word)
                continue
            name, equals, value = word.partition("=")
            base = typed.get(name, "=BASE")[1:]
            typed[name] = equals + value.replace("BASE", base)
    if any(flag.key == "imb_type" and flag.value == "step" for flag in others):
        typed = {name: value.replace("_imbal_", "_imbalstep_") for name, value in typed.items()}
    return shlex.join([*before, "python", "-m", "ieg.main", *map("".join, typed.items())])


def _here(flag: _Flag) -> str:
    """The flags to type for one of another program."""
    configured = _CONFIGURATION.search(flag.value or "")
    named = configured.expand(_CONFIGURED) if configured else ""
    if not flag.name:
        return named
    here = FOREIGN[flag.key].here
    value = flag.value or ""
    if isinstance(here, Mapping):
        if value.lower() not in here:
            raise InputError(f"must be one of {', '.join(here)}", option=flag.name, value=value)
        here = here[value.lower()]
    return f"{named} {here.format(value, last=value.rpartition(',')[2])}"


def _joined(flag: _Flag) -> str:
    """A flag in one word that begins with two dashes."""
    if not flag.name:
        return " ".join(flag.words)
    return f"--{flag.name}" if flag.value is None else f"--{flag.name}={flag.value}"


def _released(flag: _Flag, known: flags.FlagValues) -> tuple[str, str] | None:
    """Name and value of an option of the release, in lower case; None for any other flag."""
    if flag.name in known:
        return None
    if flag.name in RELEASED:
        return flag.name, "true" if flag.value is None else flag.value.lower()
    name = flag.name.removeprefix("no")
    return (name, "false") if name in RELEASED and RELEASED[name].boolean else None


def _note(flag: _Flag, name: str, value: str) -> str:
    """The note on an option of the release.

    Raises:
      InputError: its value is not what is done here.
    """
    values, reason, _ = RELEASED[name]
    if value not in values:
        raise InputError(f"{_joined(flag)} has no flag here: {reason}; leave it out")
    return f"{_joined(flag)} is taken: {reason}"

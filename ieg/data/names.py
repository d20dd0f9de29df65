"""Grammar of data set names: "digits_imbal_0.1_0.2" → base, imbalance, noise."""

import dataclasses
import hashlib
import os
import re
from dataclasses import dataclass

from ieg.data import imbalance, noise, sources
from ieg.data.corrections import digest
from ieg.errors import InputError


@dataclass(frozen=True)
class DatasetName:
    """Meaning of a name.

    Attributes:
      base: name of the base data set.
      imbalance: in (0, 1], imbalance factor; None leaves the classes as they are.
      noise: name of the noise type; None leaves the labels as they are.
      ratio: in [0, 1], noise ratio: share of the labels to hit.
      profile: class sizes between the largest and the smallest, see `imbalance.PROFILES`.
      path: whole path of the user's own data, "" for a data set with a name.
      listed: name in a catalogue, "mnist" of "tfds:mnist"; "" for any other data set.
      text: the name itself, with that path.
      noise_words: noise and imbalance beside a path, as typed.
      run_name: name of the folder of results of a run that was begun on another path of the same
        files; "" for the name of this path.
    """

    base: str
    imbalance: float | None = None
    noise: str | None = None
    ratio: float = 0.0
    profile: str = "imbal"
    path: str = ""
    listed: str = ""
    text: str = ""
    noise_words: str | None = None
    run_name: str = ""

    @property
    def title(self) -> str:
        """Name for display: "folder:/home/me/photos" becomes "folder:photos"."""
        return ", ".join(filter(None, (without_folders(self.text), self.noise_words)))

    def folder(self, label_corrections: str | None = None) -> str:
        """Name of the folder of results: the name, or a slug of its path.

        "folder:/home/me/my photos" becomes "folder_my-photos-" and eight digits of a digest of the
        whole path, and "tfds:a/b:1.0.0" becomes "tfds_a-b-1.0.0". Corrected labels add
        "_corrected-" and eight digits of a digest of the file.

        Args:
          label_corrections: path of a file of decisions, or None.
        Raises:
          InputError: that file cannot be read.
        """
        if self.run_name:
            return self.run_name
        corrected = "" if label_corrections is None else f"_corrected-{digest(label_corrections)}"
        if not self.path and not self.listed:
            return self.text + corrected
        slug = of_path(self.path) if self.path else re.sub("[/:]", "-", self.listed)
        parts = filter(None, (self.base, slug, self.noise_words))
        return "_".join(parts) + corrected


def parse(name: str, noise_words: str | None = None) -> DatasetName:
    """Parse a name such as "digits_uniform_0.4", "digits_imbal_0.1" or "digits_imbal_0.1_0.2".

    Noise comes after imbalance. There it is uniform unless its type is named, as in
    "digits_imbal_0.1_prior_0.4".

    Args:
      name: such a name; "folder:PATH" or "csv:PATH" for data of the user's own; or "tfds:NAME".
      noise_words: noise and imbalance for one with a colon, for example "uniform_0.4".
    Raises:
      InputError: the name does not fit the grammar; the message shows the grammar.

    >>> found = parse("digits_imbal_0.1_0.2")
    >>> found.base, found.imbalance, found.noise, found.ratio
    ('digits', 0.1, 'uniform', 0.2)
    """
    kind, colon, rest = name.partition(":")
    if colon and kind in _with_colon():
        words = noise_words.split("_") if noise_words else []
        # In an error both options are shown, each in backquotes.
        shown = f"{name}` `noise={noise_words}" if noise_words else name
        if not rest:
            raise _error(name, f"the {_with_colon()[kind].lower()} is missing")
        asked = dataclasses.replace(_meaning(shown, kind, words), noise_words=noise_words)
        if kind not in _with_path():
            return dataclasses.replace(asked, listed=rest, text=name)
        path = _whole(rest)
        return dataclasses.replace(asked, path=path, text=f"{kind}:{path}")
    if noise_words is not None:
        raise InputError(
            f"for {', '.join(forms())}; of other data sets it is a part of the name: "
            f"`dataset={name}_{noise_words}`",
            option="noise",
            value=noise_words,
        )
    base = _base(name)
    words = name[len(base) + 1 :].split("_") if name != base else []
    asked = _meaning(name, base, words)
    own = sources.REGISTRY.get(base).own_noise
    if own is not None and asked.noise is not None:
        raise _error(name, f"{base} has {own} of its own, so no noise can be added")
    return dataclasses.replace(asked, text=name)


def absolute(name: str) -> str:
    """Name with the whole path of the user's own data, which means the same in any folder."""
    kind, _, path = name.partition(":")
    if not path or kind not in _with_path():
        return name
    return f"{kind}:{_whole(path)}"


def without_folders(name: str) -> str:
    """Name for display: "folder:/home/me/photos" becomes "folder:photos".

    >>> without_folders("folder:/home/me/photos"), without_folders("digits_uniform_0.4")
    ('folder:photos', 'digits_uniform_0.4')
    """
    kind, colon, path = absolute(name).partition(":")
    if kind not in _with_path():
        return name
    return f"{kind}{colon}{os.path.basename(path)}"


def of_path(path: str) -> str:
    """Short name for a path: "my-photos-" and eight digits of a digest of the whole path."""
    path = _whole(path)
    whole = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    stem = re.sub(r"[^A-Za-z0-9]+", "-", os.path.basename(path)).strip("-")[:40]
    return f"{stem}-{whole}".lstrip("-")


def _whole(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _kind_of_path(name: str) -> str:
    """ "folder" or "csv" for a path of the user's own; "" for any other name."""
    path = os.path.expanduser(name)
    if os.path.isdir(path):
        return "folder"
    return "csv" if path.endswith(".csv") and os.path.isfile(path) else ""


def _with_path() -> list[str]:
    return [name for name in sources.REGISTRY.names() if sources.REGISTRY.get(name).takes_path]


def _with_colon() -> dict[str, str]:
    """Name in front of a colon → "PATH" or "NAME" behind it."""
    entries = {name: sources.REGISTRY.get(name) for name in sources.REGISTRY.names()}
    return {
        name: "PATH" if entry.takes_path else "NAME"
        for name, entry in entries.items()
        if entry.takes_path or entry.takes_name
    }


def forms() -> list[str]:
    """Names with a colon: "folder:PATH" and the like."""
    return [f"{name}:{rest}" for name, rest in _with_colon().items()]


def _meaning(name: str, base: str, words: list[str]) -> DatasetName:
    kinds, profiles = noise.REGISTRY.names(), imbalance.PROFILES
    match words:
        case []:
            return DatasetName(base)
        case [profile, factor] if profile in profiles:
            return DatasetName(base, imbalance=_factor(name, factor), profile=profile)
        case [profile, factor, ratio] if profile in profiles:
            factor_and_noise = (_factor(name, factor), "uniform", _ratio(name, ratio))
            return DatasetName(base, *factor_and_noise, profile)
        case [profile, factor, kind, ratio] if profile in profiles and kind in kinds:
            return DatasetName(base, _factor(name, factor), kind, _ratio(name, ratio), profile)
        case [profile, _, kind, _] if profile in profiles:
            raise _error(name, f"unknown noise type {kind!r}")
        case [kind, ratio] if kind in kinds:
            return DatasetName(base, noise=kind, ratio=_ratio(name, ratio))
        case [profile] if profile in profiles:
            raise _error(name, "the imbalance factor is missing")
        case [kind] if kind in kinds:
            raise _error(name, "the noise ratio is missing")
        case [kind, _]:
            raise _error(name, f"unknown noise type {kind!r}")
    raise _error(name, f"{'_'.join(words)!r} is not understood")


def _base(name: str) -> str:
    matches = [b for b in sources.REGISTRY.names() if name == b or name.startswith(b + "_")]
    if not matches:
        raise _error(name, "unknown data set")
    base = max(matches, key=len)
    follows = _with_colon().get(base)
    if follows is not None:
        raise _error(name, f"{base} takes a {follows.lower()}: {base}:{follows}")
    return base


def _ratio(name: str, text: str) -> float:
    ratio = _number(name, text, "noise ratio")
    if not 0 <= ratio <= 1:
        raise _error(name, f"the noise ratio must be in [0, 1], not {text}")
    return ratio


def _factor(name: str, text: str) -> float:
    factor = _number(name, text, "imbalance factor")
    if not 0 < factor <= 1:
        raise _error(name, f"the imbalance factor must be in (0, 1], not {text}")
    return factor


def _number(name: str, text: str, quantity: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _error(name, f"the {quantity} must be a number, not {text!r}") from None


def _error(name: str, problem: str) -> InputError:
    kind = _kind_of_path(name)
    if kind:
        return InputError(
            f"`dataset={kind}:{name}` is what to type for images of your own; `dataset={name}` "
            "would be the name of a data set that ieg knows"
        )
    bases = ", ".join(base for base in sources.REGISTRY.names() if base not in _with_colon())
    kinds = "|".join(noise.REGISTRY.names())
    return InputError(
        f"{problem}; a name is BASE, BASE_NOISE_RATIO, BASE_imbal_FACTOR, "
        "BASE_imbal_FACTOR_RATIO (uniform noise) or BASE_imbal_FACTOR_NOISE_RATIO "
        "(imbalstep for two class sizes instead of a long tail) with BASE "
        f"{bases}; NOISE {kinds}; RATIO in [0, 1]; FACTOR (smallest over largest class) in (0, 1]; "
        f"or {' or '.join(forms())}, with `noise` for what follows BASE",
        option="dataset",
        value=name,
    )

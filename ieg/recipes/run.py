"""One run of a grid: its command, its folder, and the mark that says that it is finished."""

import glob
import os
import shlex
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: File in a run folder: the command that has finished it, and the checksum of its result.
MARK = ".grid"

#: Flags with which the same command may do something else the next time.
NOT_REPEATABLE = frozenset({"mode", "restore_step", "flagfile"})

_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Place:
    """Location of a run folder.

    Attributes:
      root: the value of `checkpoint_path`.
      network: "*" if it is not known before the run.
    """

    root: str
    dataset: str
    network: str
    method: str
    seed: int

    def __str__(self) -> str:
        return f"{self.root}/{self.dataset}/{self.network}/{self.method}/seed{self.seed}"

    def found(self) -> list[Path]:
        """The folders that are there, sorted; several if the network is not known."""
        known = (self.root, self.dataset, self.method, f"seed{self.seed}")
        root, dataset, method, seed = map(glob.escape, known)
        pattern = os.path.join(root, dataset, self.network, method, seed)
        return sorted(Path(path) for path in glob.glob(pattern))


@dataclass(frozen=True)
class Run:
    """One run of a grid.

    Attributes:
      row: its row in the recipe.
      place: where its folder will lie.
      flags: option → value, in the order of the command; a `Place` stands for the folder there.
      further: words of the user that come last.
    """

    row: str
    place: Place
    flags: Mapping[str, "str | int | float | Place"]
    further: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """The flags for `ieg.main`.

        The folder of an earlier run can be looked up only when that run is finished; before, its
        pattern stands for it.
        """
        return [*(f"--{name}={_text(value)}" for name, value in self.flags.items()), *self.further]

    def command(self) -> str:
        """The run as a person types it."""
        return shlex.join(["python", "-m", "ieg.main", *self.words()])

    def is_done(self) -> bool:
        """True if this very command has made the result that lies in its folder."""
        return any(_is_marked(folder, self.command()) for folder in self.place.found())

    def mark(self) -> None:
        """Note in the run folder that it is finished, unless that cannot be said for certain."""
        names = {word.lstrip("-").partition("=")[0] for word in self.further}
        folders = self.place.found()
        if names & NOT_REPEATABLE or len(folders) != 1:
            return
        try:
            checksum = cksum((folders[0] / "result.json").read_bytes())
            (folders[0] / MARK).write_text(f"{self.command()}\n{checksum}\n", encoding="utf-8")
        except OSError:  # without a mark, ieg.main finds out the next time
            pass


def cksum(data: bytes) -> str:
    """Checksum and size as POSIX `cksum` prints them.

    >>> cksum(b"123456789")
    '930766865 9'
    """
    size = len(data)
    counted = data + size.to_bytes((size.bit_length() + 7) // 8, "little")
    # The same polynomial as zlib's, but the highest bit first and from a register of zeros.
    register = zlib.crc32(counted.translate(_REVERSED_BITS), 0xFFFFFFFF)
    return f"{int(f'{register:032b}'[::-1], 2)} {size}"


def _is_marked(folder: Path, command: str) -> bool:
    try:
        marked, checksum = (folder / MARK).read_text(encoding="utf-8").splitlines()
        result = (folder / "result.json").read_bytes()
        return shlex.split(marked) == shlex.split(command) and checksum == cksum(result)
    except (OSError, ValueError):  # not there, or damaged
        return False


def _text(value: "str | int | float | Place") -> str:
    if isinstance(value, Place):
        return str(next(iter(value.found()), value))
    return str(value).lower() if isinstance(value, bool) else str(value)

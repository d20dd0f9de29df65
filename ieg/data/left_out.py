"""What a data set of image files leaves out or reads otherwise than it stands, said in lines."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from ieg.data.files import first_few


@dataclass
class LeftOut:
    """Files left out of a list, by reason; paths relative to the root of the data set.

    Attributes:
      empty, missing: files of 0 bytes, and files that are not there.
      foreign: files with other endings than those of images.
      repeated: files that are listed twice.
      system: files and folders of file managers and the like.
      loops: folders that are linked into themselves.
      unplaced: files and folders beside those that are read.
      notes: further lines to say.
    """

    empty: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    system: list[str] = field(default_factory=list)
    loops: list[str] = field(default_factory=list)
    unplaced: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note_validation(self, name: str, *, is_test: bool) -> None:
        """Note what the validation split is for.

        Args:
          name: its name in the data set.
          is_test: True where there is no test split.
        """
        self.notes.append(
            f"accuracy is measured on {name}, since there is no test split"
            if is_test
            else f"{name} is used by --eval_split=validation alone"
        )

    def warn(self) -> None:
        """Log one line per reason with the number of files and the first of them."""
        log = logging.getLogger("ieg")
        for reason in self._reasons():
            log.warning("files left out: %s", reason)
        for note in self.notes:
            log.warning("%s", note)

    def told(self) -> str:
        """The same as the end of an error; "" if nothing is left out."""
        reasons = "; ".join(self._reasons())
        return f"; left out: {reasons}" if reasons else ""

    def _reasons(self) -> Iterator[str]:
        reasons = {
            "empty (0 bytes)": self.empty,
            "missing": self.missing,
            "with endings of no image": self.foreign,
            "that are listed elsewhere too": self.repeated,
            "hidden or of the system": self.system,
            "linked into themselves": self.loops,
            "beside the folders that are read": self.unplaced,
        }
        for reason, paths in reasons.items():
            if paths:
                yield f"{len(paths)} {reason}: {first_few(sorted(paths))}"

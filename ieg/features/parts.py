"""Which part of the work a machine does: "2/3" is the second of three."""

import re

from ieg.errors import InputError


def parse_part(text: str) -> tuple[int, int]:
    """(i, n) of "i/n".

    Raises:
      InputError: it is no such text, or i is not in 1 .. n.

    >>> parse_part("2/3")
    (2, 3)
    """
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(
            "must be i/n with 1 ≤ i ≤ n, such as 2/3 for the second of three parts",
            option="shard",
            value=text,
        )
    return int(found[1]), int(found[2])

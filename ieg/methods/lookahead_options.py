"""Options that methods with a look-ahead have in common."""

from dataclasses import dataclass

from ieg.options import option


@dataclass(frozen=True)
class LookaheadOptions:
    """How the virtual step is taken and differentiated."""

    meta_stepsize: float = option(0.1, "length of the virtual (look-ahead) step", above=0)
    meta_gradient: str = option(
        "forward",
        "how the look-ahead is differentiated: one forward-mode pass, or nested tapes (the same)",
        choices=("forward", "nested"),
    )
    meta_partial_level: int = option(
        -1,
        "variables that take the look-ahead: 0 classifier, k the last k stages and after, -1 all",
        at_least=-1,
    )

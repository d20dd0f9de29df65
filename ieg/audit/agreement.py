"""Agreement beyond chance, the sign that a model has learned enough for its audit to count.

It is measured on the labels, right or wrong, of examples that the model has not trained on. A model
that knows nothing agrees with them as often as chance would have it,

    c = Σ_k (share that is labeled k) (share that is predicted to be k),

whatever it prefers. Cohen's κ is the agreement beyond that (Cohen, "A Coefficient of Agreement
for Nominal Scales", Educational and Psychological Measurement 20, 1960). Memorization does not
raise it, wrong labels only lower it.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

#: Width of the range of a noise rate from which on it is called unreliable.
WIDEST = 0.1

#: Standard errors by which agreement must exceed that by chance.
MARGIN = 2.0


class Agreement(NamedTuple):
    """Agreement of predictions with labels; named as in audit.json.

    Attributes:
      held_out: n, examples that were not trained on.
      held_out_agreement: a in [0, 1], share of them that are predicted as labeled.
      chance_agreement: c in [0, 1].
      reliable: a > c + 2 sqrt(c (1 - c) / n); None where n is so small that this would be false for
        right predictions of all labels, too. All but `held_out` are None where n is 0.
    """

    held_out: int
    held_out_agreement: float | None
    chance_agreement: float | None
    reliable: bool | None


def measure(confusion: ArrayLike) -> Agreement:
    """Agreement of predictions with labels.

    >>> measure([[5, 0], [0, 5]]).reliable, measure([[2, 0], [0, 2]]).reliable
    (True, None)

    Args:
      confusion: [K, K] counts of held-out examples, labels in the rows and predictions in the
        columns.
    """
    counts = np.asarray(confusion, np.float64)
    n = counts.sum()
    if not n:
        return Agreement(0, None, None, None)
    labels, predictions = counts.sum(1) / n, counts.sum(0) / n
    share, chance = float(np.trace(counts) / n), float(labels @ predictions)
    told = _limit(float(labels @ labels), n) < 1
    return Agreement(int(n), share, chance, share > _limit(chance, n) if told else None)


def _limit(chance: float, n: float) -> float:
    """Agreement on n labels that is just within chance."""
    return chance + MARGIN * math.sqrt(max(chance * (1 - chance), 0.0) / n)


def doubt(facts: Mapping[str, Any]) -> str:
    """Remark on a noise rate that is not reliable; "" for any other.

    The true rate lies between the mean score and the disagreement of labels with the classes that
    the model prefers: errors that look like the given class have low scores, and what the model
    gets wrong counts as disagreement. A range wider than `WIDEST` says little.

    Args:
      facts: content of audit.json; without a `disagreement` there is nothing to tell from.

    >>> doubt({"noise_rate": 0.12, "disagreement": 0.26})
    ' (unreliable: up to 0.260)'
    >>> doubt({"noise_rate": 0.12, "disagreement": 0.14})
    ''
    """
    if warning(facts):
        return ", but its network cannot tell the classes apart"
    most = facts.get("disagreement")
    wide = most is not None and most - facts["noise_rate"] > WIDEST
    return f" (unreliable: up to {most:.3f})" if wide else ""


def warning(facts: Mapping[str, Any]) -> str:
    """Warning about an audit whose network has learned nothing; "" for any other.

    Args:
      facts: content of audit.json, which older runs have without an `Agreement`.
    """
    if facts.get("reliable") is not False:
        return ""
    return (
        "do not go by this audit, its network cannot tell the classes apart: of "
        f"{facts['held_out']:,} labels that it has not trained on it agrees with "
        f"{facts['held_out_agreement']:.1%}, and by chance alone it would with "
        f"{facts['chance_agreement']:.1%}"
    )

"""A mistake in words: its name, its evidence with the numbers, and what to change."""

from typing import NamedTuple

import numpy as np

from clearprop.base import messages
from clearprop.checking.evidence import Mistake

ROUNDING = float(np.finfo(np.float64).eps)


class Sentences(NamedTuple):
    """What a person reads of one mistake."""

    name: str
    evidence: str
    mend: str


def sentences(mistake: Mistake, language: str = "en") -> Sentences:
    """The three sentences of a mistake in `language`."""
    values = {
        **mistake.values,
        "arrays": ", ".join(mistake.arrays),
        # Two computations that agree to the last digit agree no better than that.
        "residual": max(mistake.residual, ROUNDING),
    }
    return Sentences(
        *(
            messages.text(language, f"mistakes.{mistake.key}.{part}", **values)
            for part in Sentences._fields
        )
    )

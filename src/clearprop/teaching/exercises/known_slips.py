"""A usual mistake in one blank, as the formula that it makes of the right one."""

from dataclasses import dataclass

from clearprop.base.configuration import Configurable
from clearprop.teaching.exercises.expressions import Expression


@dataclass(frozen=True)
class KnownSlip(Configurable):
    """What comes out where a mistake is made; `mistake` is the value of an `AnswerMistake`."""

    mistake: str
    formula: Expression

"""Every specimen judged: rejected or not, and what was said of it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from clearprop.checking.gallery import (
    handed_forms,
    planted,
    spoiled_layers,
    strangers,
    written_functions,
    written_images,
    written_layouts,
    written_losses,
    written_networks,
    written_recurrences,
    written_slips,
    written_structures,
)
from clearprop.checking.gallery.specimen import AND, STRANGER, Specimen
from clearprop.checking.verdict import LikelyMistake
from clearprop.checking.verdict.outcomes import PlainEnum

# Where specimens are written, but for those that are handed over in many forms.
ROOMS = (
    written_networks,
    written_structures,
    written_functions,
    written_images,
    written_layouts,
    written_losses,
    written_recurrences,
    written_slips,
    spoiled_layers,
    planted,
    strangers,
)


class NamingOutcome(PlainEnum):
    """What the diagnosis made of a specimen.

    ACCEPTED  it was not rejected, so nothing was asked
    RIGHT     the planted mistake was named, alone
    AMONG     it was named with alternatives that give the same numbers
    UNKNOWN   nothing was named
    WRONG     something else was named
    """

    ACCEPTED = "accepted"
    RIGHT = "right"
    AMONG = "among"
    UNKNOWN = "unknown"
    WRONG = "wrong"


class Row(NamedTuple):
    """What became of one specimen.

    mistake   the planted one, "" for a correct backward, STRANGER for one without a name
    rejected  whether the gradient was found wrong
    named     what the diagnosis said
    """

    subject: str
    mistake: str
    rejected: bool
    named: tuple[LikelyMistake, ...]
    outcome: NamingOutcome


class Totals(NamedTuple):
    """The figures of a gallery; the shares are of the planted mistakes that are known.

    strangers, strangers_named   mistakes that the diagnosis does not know, and how many of them it
                                 gave a name, which is wrong whatever it is
    """

    planted: int
    correct: int
    missed: int
    false_alarms: int
    named_right: float
    named_among: float
    unknown: float
    named_wrong: float
    strangers: int
    strangers_named: int


def specimens(seeds: int = 2) -> Iterator[Specimen]:
    """All specimens, each at `seeds` points; those that are handed over in many forms at one."""
    several = (room.specimens(range(seeds)) for room in ROOMS)
    return chain(handed_forms.specimens(range(1)), *several)


def measure(seeds: int = 2) -> list[Row]:
    """Judge every specimen."""
    return [judge(specimen) for specimen in specimens(seeds)]


def judge(specimen: Specimen) -> Row:
    """One specimen against central differences, and what the diagnosis says."""
    rejected, named = specimen.judged()
    return Row(
        subject=specimen.subject,
        mistake=specimen.mistake,
        rejected=rejected,
        named=named,
        outcome=_outcome(specimen.mistake, rejected, named),
    )


def totals(rows: Iterable[Row]) -> Totals:
    """The figures of some rows."""
    rows = list(rows)
    planted = [row for row in rows if row.mistake]
    known = [row for row in planted if row.mistake != STRANGER]
    strange = [row for row in planted if row.mistake == STRANGER]
    count = Counter(row.outcome for row in known)
    share = {outcome: number / len(known) for outcome, number in count.items()}
    return Totals(
        planted=len(planted),
        correct=len(rows) - len(planted),
        missed=sum(not row.rejected for row in planted),
        false_alarms=sum(row.rejected for row in rows if not row.mistake),
        named_right=share.get(NamingOutcome.RIGHT, 0.0),
        named_among=share.get(NamingOutcome.AMONG, 0.0),
        unknown=share.get(NamingOutcome.UNKNOWN, 0.0),
        named_wrong=share.get(NamingOutcome.WRONG, 0.0),
        strangers=len(strange),
        strangers_named=sum(row.outcome == NamingOutcome.WRONG for row in strange),
    )


def _outcome(mistake: str, rejected: bool, named: tuple[LikelyMistake, ...]) -> NamingOutcome:
    if not rejected:
        return NamingOutcome.ACCEPTED
    if not named:
        return NamingOutcome.UNKNOWN
    said = [{one.key, *(other.key for other in one.alternatives)} for one in named]
    planted = set(mistake.split(AND))
    if not all(keys & planted for keys in said):
        return NamingOutcome.WRONG
    if not all(any(one in keys for keys in said) for one in planted):
        return NamingOutcome.UNKNOWN
    return NamingOutcome.RIGHT if all(len(keys) == 1 for keys in said) else NamingOutcome.AMONG

"""What is named where the forward has left a tape."""

from collections.abc import Sequence

from clearprop.checking.diagnosis.along_tape.tape_pass import TapePass, TapeSlip, identity
from clearprop.checking.diagnosis.along_tape.tape_search import (
    OF_OTHER_PLACES,
    Elsewhere,
    budget_of,
    elsewhere,
    on_tape,
)
from clearprop.checking.diagnosis.along_tape.two_mistakes import holds_elsewhere, pairs
from clearprop.checking.diagnosis.behaviour import (
    behaviour,
)
from clearprop.checking.diagnosis.choice import LESS_LIKELY, cover, mistake_of, weighed
from clearprop.checking.diagnosis.diagnosis import Diagnosis
from clearprop.checking.diagnosis.elementary import elementary
from clearprop.checking.diagnosis.fitted import described, fitted
from clearprop.checking.diagnosis.hypotheses import (
    Budget,
    Discrepancy,
    Hypothesis,
    Weighed,
)
from clearprop.checking.verdict.candidates import Lost, Standing
from clearprop.checking.verdict.findings import CheckFinding, FindingKind
from clearprop.checking.verdict.mistakes import MistakeKind
from clearprop.checking.verdict.outcomes import RIGHT

# What a search may take on an ordinary machine.
SECONDS = 1.2


def found_on_tape(discrepancy: Discrepancy, found: TapePass) -> Diagnosis:
    """What is found along the tape of a forward."""
    budget = budget_of(found, SECONDS, discrepancy.evidence.deadline)
    slips: list[tuple[Weighed, tuple[TapeSlip, ...]]] = []
    explained: list[Weighed] = []

    def is_worth_it(slip: TapeSlip) -> bool:
        # There are most of them, and they are never named beside another one.
        return slip.key not in OF_OTHER_PLACES or not explained

    for one, own in on_tape(discrepancy, found, budget, is_worth_it):
        slips.append((one, own))
        if _is_whole(discrepancy, one):
            explained.append(one)
    others = [*behaviour(discrepancy), *elementary(discrepancy)]
    if not budget.is_spent:
        others += [*fitted(discrepancy), *described(discrepancy)]
    tried = [one for one, _ in slips] + [weighed(discrepancy, one) for one in others]
    there, problem = elsewhere(discrepancy, found)
    held, fallen = _holding_there(there, [one for one in tried if one.lost is None])
    if explained and not {id(one) for one in explained} & {id(one) for one in held}:
        # What seemed to settle it was a coincidence: what was left out is tried after all.
        late = on_tape(discrepancy, found, budget, lambda slip: slip.key in OF_OTHER_PLACES)
        more = [one for one, _ in late]
        also, others_fallen = _holding_there(there, [one for one in more if one.lost is None])
        held, fallen, tried = [*held, *also], [*fallen, *others_fallen], [*tried, *more]
    groups, passed_over = cover(discrepancy, held)
    named = {name for group in groups for name in group[0].names}
    if not named >= set(discrepancy.wrong) or all(_is_described(group[0]) for group in groups):
        two = _two_at_once(discrepancy, found, slips, there, budget)
        groups, parts = (two, []) if two else _no_parts(groups, tried)
        passed_over += parts
    return Diagnosis(
        mistakes=tuple(mistake_of(discrepancy, *group) for group in groups),
        discrepancy=discrepancy,
        named=tuple(one for group in groups for one in group),
        lost=(*fallen, *passed_over, *(one for one in tried if one.lost is not None)),
        findings=said_of(problem),
    )


def _is_whole(discrepancy: Discrepancy, one: Weighed) -> bool:
    """Whether it gives everything that is wrong, and is no unlikely one."""
    unlikely = one.hypothesis.key in LESS_LIKELY or one.hypothesis.standing is not Standing.EXACT
    return one.lost is None and not unlikely and one.names >= {*discrepancy.wrong}


def _no_parts(
    groups: list[list[Weighed]], tried: Sequence[Weighed]
) -> tuple[list[list[Weighed]], list[Weighed]]:
    """The groups without those that explain a part of what another slip gives, which goes on into
    arrays that nothing explains: it is that slip, and something unknown behind it."""
    larger = [one.names for one in tried if one.lost is Lost.ONLY_SOME]

    def is_part(group: list[Weighed]) -> bool:
        first = group[0]
        doubtful = first.hypothesis.key in LESS_LIKELY
        return any(first.names < one or (doubtful and first.names == one) for one in larger)

    kept = [group for group in groups if not is_part(group)]
    fallen = [one for group in groups if group not in kept for one in group]
    return kept, [one._replace(lost=Lost.NOT_ALONE) for one in fallen]


def _is_described(one: Weighed) -> bool:
    return one.hypothesis.standing is Standing.DESCRIBED


def _holding_there(
    there: Elsewhere | None, held: Sequence[Weighed]
) -> tuple[list[Weighed], list[Weighed]]:
    """Those that hold at another point too, and those that do not. A constant that was fitted is
    none before another point has confirmed it."""
    if there is None:
        kept = [one for one in held if one.hypothesis.key is not MistakeKind.FACTOR]
        return kept, [one._replace(lost=Lost.COINCIDENCE) for one in held if one not in kept]
    asked = frozenset(identity(one.hypothesis) for one in held)
    again_for = budget_of(there.found, SECONDS, there.discrepancy.evidence.deadline)
    again = on_tape(there.discrepancy, there.found, again_for, lambda slip: identity(slip) in asked)
    others = (*elementary(there.discrepancy), *fitted(there.discrepancy))
    tried = [
        *(one for one, _ in again),
        *(weighed(there.discrepancy, one) for one in others if identity(one) in asked),
    ]
    holding = {identity(one.hypothesis) for one in tried if one.lost is None}

    def holds(one: Weighed) -> bool:
        return (
            one.hypothesis.standing in (Standing.PROVEN, Standing.DESCRIBED)
            or one.hypothesis.key is MistakeKind.KINK
            or not one.names & set(there.discrepancy.wrong)
            or identity(one.hypothesis) in holding
        )

    return (
        [one for one in held if holds(one)],
        [one._replace(lost=Lost.COINCIDENCE) for one in held if not holds(one)],
    )


def _two_at_once(
    discrepancy: Discrepancy,
    found: TapePass,
    slips: Sequence[tuple[Weighed, tuple[TapeSlip, ...]]],
    there: Elsewhere | None,
    budget: Budget,
) -> list[list[Weighed]]:
    """Two mistakes of which none gives all the numbers, and both together do, here and at another
    point."""
    if there is None:
        return []
    for pair in pairs(discrepancy, found, slips, budget):
        if holds_elsewhere(there, pair):
            off = discrepancy.weigh(pair.both).off
            return [[_of_two(discrepancy, one, off)] for one in (pair.first, pair.second)]
    return []


def _of_two(discrepancy: Discrepancy, one: Hypothesis, off: float) -> Weighed:
    """One of two mistakes, with the wrong arrays that it would change by itself."""
    changed = discrepancy.predictions(one)
    return Weighed(one, frozenset(n for n in discrepancy.wrong if n in changed), off)


def said_of(said: str) -> tuple[CheckFinding, ...]:
    """The finding that running the code again has failed, if it has."""
    if not said:
        return ()
    return (CheckFinding(FindingKind.FAILS_WHEN_RUN_AGAIN, RIGHT, {"problem": said}),)

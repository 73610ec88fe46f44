"""Two mistakes of which none gives all the numbers, and both together do."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.tape_pass import (
    TapePass,
    TapeSlip,
    hypothesis,
    identity,
)
from clearprop.checking.diagnosis.along_tape.tape_search import Elsewhere, all_slips
from clearprop.checking.diagnosis.elementary import elementary
from clearprop.checking.diagnosis.fitted import ENOUGH, telling
from clearprop.checking.diagnosis.hypotheses import (
    Budget,
    Discrepancy,
    Hypothesis,
    Weighed,
    difference,
)
from clearprop.checking.verdict.candidates import Lost

# Of so many slips that explain something and not all, a second one is looked for.
FIRST_OF_TWO = 8


class Pair(NamedTuple):
    """Two mistakes at once, and all that they give."""

    first: Hypothesis
    second: Hypothesis
    both: Hypothesis


def pairs(
    discrepancy: Discrepancy,
    found: TapePass,
    tried: Iterable[tuple[Weighed, tuple[TapeSlip, ...]]],
    budget: Budget,
) -> Iterator[Pair]:
    """Two slips that together give every claimed array, where one of them gives some by itself."""
    firsts = [
        (one, slips)
        for one, slips in tried
        if slips and one.names and one.lost is Lost.ONLY_SOME and _is_telling(one)
    ]
    firsts.sort(key=lambda pair: -len(pair[0].names))
    for one, slips in firsts[:FIRST_OF_TWO]:
        made = one.hypothesis
        left = _left(discrepancy, made)
        if not left.wrong:
            continue
        for second in elementary(left):
            both = Hypothesis(second.key, {**left.expected, **second.predicted}, second.values)
            if _gives_all(discrepancy, both):
                yield Pair(made, second, both)
        for slip in all_slips(found):
            if slip.key == made.key and slip.values == made.values:
                continue
            if not budget.spend():
                return
            both = hypothesis(found, *slips, slip)
            if _gives_all(discrepancy, both):
                yield Pair(made, hypothesis(found, slip), both)


def _is_telling(one: Weighed) -> bool:
    return sum(telling(one.hypothesis.predicted[name]) for name in one.names) >= ENOUGH


def _wrong(discrepancy: Discrepancy, base: Mapping[str, Array]) -> tuple[str, ...]:
    return tuple(
        name
        for name in discrepancy.claimed
        if difference(discrepancy.claimed[name], base[name]) > 10 * discrepancy.relative[name]
    )


def _gives_all(discrepancy: Discrepancy, made: Hypothesis) -> bool:
    weighed = discrepancy.weigh(made)
    return weighed.lost is None and set(discrepancy.wrong) <= weighed.names


def holds_elsewhere(there: Elsewhere, pair: Pair) -> bool:
    """Whether the same two mistakes give what the code returns at another point."""
    found, discrepancy = there.found, there.discrepancy
    called: dict[object, list[TapeSlip]] = {}
    for one in all_slips(found):
        called.setdefault(identity(one), []).append(one)
    seconds = called.get(identity(pair.second), [])
    for first in called.get(identity(pair.first), []):
        if any(_gives_all(discrepancy, hypothesis(found, first, one)) for one in seconds):
            return True
        left = _left(discrepancy, hypothesis(found, first))
        for made in elementary(left):
            both = Hypothesis(made.key, {**left.expected, **made.predicted})
            if identity(made) == identity(pair.second) and _gives_all(discrepancy, both):
                return True
    return False


def _left(discrepancy: Discrepancy, made: Hypothesis) -> Discrepancy:
    """What is left to explain when one mistake was made for certain."""
    base = {
        name: made.predicted[name].reshape(right.shape)
        if name in made.predicted and made.predicted[name].size == right.size
        else right
        for name, right in discrepancy.expected.items()
    }
    return replace(discrepancy, expected=base, wrong=_wrong(discrepancy, base))

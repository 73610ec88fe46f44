"""Directions through ties: what single entries cannot show.

Where two entries are both the largest, moving either one alone has a kink, and every claim between
its two slopes is accepted: also that of a backward which hands dy to both, or to none. Moving them
together there is no kink, and the slope is that of one largest entry. So entries at kinks that move
the same output are moved together; where S is smooth along that, and its slope is not the sum of
what the entries do one by one, the claims must add up to it, whatever share each one has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.rules.judging import Judgement
from clearprop.checking.rules.tolerances import Tolerance
from clearprop.checking.verdict.array_verdicts import Reason
from clearprop.checking.verdict.outcomes import RIGHT, WRONG
from clearprop.checking.witnesses.quotients import Quotients, chunks

MOST = 256  # entries at kinks that are looked at
GROUPS = 32  # groups of them that are moved together
PAIRWISE = 16  # of a group that is not smooth, entries that are tried in pairs


class _Entry(NamedTuple):
    """An entry at a kink: where it is, its slopes, the claim, and the way, ±1, that S rises."""

    array: str
    place: int
    left: float
    right: float
    claim: float
    way: float


class _Along(NamedTuple):
    """What moving some entries together shows."""

    entries: Sequence[_Entry]
    slope: float
    claim: float
    smooth: bool
    together: bool
    wrong: bool


def ties_judged(
    quotients: Quotients, judgements: Mapping[str, Judgement], tolerance: Tolerance
) -> dict[str, Judgement]:
    """The judgements with those turned wrong whose claims do not add up along a tie."""
    judged = dict(judgements)
    for along in _wrong_ties(quotients, _entries(judgements), tolerance):
        for name in dict.fromkeys(one.array for one in along.entries):
            first = next(one for one in along.entries if one.array == name)
            verdict = judged[name].verdict
            index = tuple(int(i) for i in np.unravel_index(first.place, verdict.shape))
            off = abs(along.claim - along.slope)
            judged[name] = judged[name]._replace(
                verdict=replace(
                    verdict,
                    outcome=WRONG,
                    reason=Reason.TIES,
                    index=index,
                    claimed=along.claim,
                    expected=along.slope,
                    absolute=off,
                    relative=off / (abs(along.slope) or 1.0),
                )
            )
    return judged


def _entries(judgements: Mapping[str, Judgement]) -> list[_Entry]:
    found = []
    for name, one in judgements.items():
        if one.verdict.outcome != RIGHT:
            continue
        for index, kink in one.sides.items():
            middle, size = kink.left + kink.right, abs(kink.left) + abs(kink.right)
            if abs(middle) > 1e-3 * size:
                claim = float(one.claimed.flat[index])
                way = float(np.sign(middle))
                found.append(_Entry(name, index, kink.left, kink.right, claim, way))
    return found[:MOST]


def _wrong_ties(
    quotients: Quotients, entries: Sequence[_Entry], tolerance: Tolerance
) -> Iterator[_Along]:
    if len(entries) < 2:
        return
    for group in _groups(quotients, entries)[:GROUPS]:
        whole = _along(quotients, group, tolerance)
        if whole.smooth:
            tried = [whole]
        else:
            parts = _parts(quotients, group[:PAIRWISE], tolerance)
            tried = [_along(quotients, part, tolerance) for part in parts]
        yield from (one for one in tried if one.smooth and one.together and one.wrong)


def _groups(quotients: Quotients, entries: Sequence[_Entry]) -> list[list[_Entry]]:
    """Entries that move one output together: for every output those that move it, if several."""
    moved = []
    for name in dict.fromkeys(one.array for one in entries):
        indices = np.array([one.place for one in entries if one.array == name])
        points = np.abs(quotients.subject.arrays[name].ravel()[indices]).astype(np.float64)
        steps = quotients.base * np.maximum(1.0, points)
        for part in chunks(len(indices), quotients.subject):
            for sign in (1.0, -1.0):
                with np.errstate(all="ignore"):
                    ends = quotients.subject.mover(name, indices[part], sign * steps[part])
                rows = ends != quotients.output
                moved.append((name, indices[part], rows))
    movers: dict[int, set[tuple[str, int]]] = {}
    for name, indices, rows in moved:
        for row, output in zip(*np.nonzero(rows), strict=True):
            movers.setdefault(int(output), set()).add((name, int(indices[row])))
    sets = {frozenset(one) for one in movers.values() if len(one) > 1}
    groups = [[one for one in entries if (one.array, one.place) in group] for group in sets]
    return sorted(groups, key=lambda group: (len(group), group[0][:2]))


def _along(quotients: Quotients, entries: Sequence[_Entry], tolerance: Tolerance) -> _Along:
    directions: dict[str, Array] = {}
    for one in entries:
        shape = quotients.subject.arrays[one.array].shape
        directions.setdefault(one.array, np.zeros(shape)).flat[one.place] = one.way
    sides = quotients.sides_along(directions, tolerance.rungs[2])
    alone = sum(one.right if one.way > 0 else -one.left for one in entries)
    size = sum(abs(one.left) + abs(one.right) for one in entries) / 2
    allowed = (20 * tolerance.resolution) * size + 20 * sides.noise
    slope = (sides.right + sides.left) / 2
    claim = sum(one.claim * one.way for one in entries)
    return _Along(
        entries,
        slope,
        claim,
        smooth=abs(sides.right - sides.left) <= allowed,
        together=abs(sides.right - alone) > 0.01 * size + allowed,
        wrong=abs(claim - slope) > allowed,
    )


def _parts(
    quotients: Quotients, entries: Sequence[_Entry], tolerance: Tolerance
) -> list[list[_Entry]]:
    """The entries in parts within which pairs do together what neither does alone."""
    parts = [{one} for one in entries]
    for one, other in combinations(entries, 2):
        if _along(quotients, (one, other), tolerance).together:
            joined = [part for part in parts if one in part or other in part]
            parts = [part for part in parts if part not in joined] + [set().union(*joined)]
    return [[one for one in entries if one in part] for part in parts if len(part) > 1]

"""Every case judged, and the figures of them all."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from clearprop.checking.verdict import RIGHT

from . import (
    course_layers,
    courses,
    lessons,
    norms_and_heads,
    rarer_code,
    recurrences,
    repositories,
    tutorials,
)
from .case import Case, said

CASES = (
    *courses.CASES,
    *course_layers.CASES,
    *tutorials.CASES,
    *lessons.CASES,
    *repositories.CASES,
    *rarer_code.CASES,
    *recurrences.CASES,
    *norms_and_heads.CASES,
)


class Judged(NamedTuple):
    """One case: whether its outcome was right, and what its name was ("right", "none", "wrong")."""

    case: Case
    is_judged_right: bool
    name: str
    told: list[set[str]]
    seconds: float


def judged(case: Case) -> Judged:
    begin = time.perf_counter()
    verdict = case.verdict()
    seconds = time.perf_counter() - begin
    told = said(verdict)
    expected = (verdict.outcome == RIGHT) == (case.slip == "")
    name = "right" if all(keys & case.truth for keys in told) else "wrong"
    return Judged(case, expected, name if told else "none", told, seconds)


def figures(rows: Sequence[Judged]) -> str:
    """How many have their true name, none, or a wrong one; and what is said of the others."""
    known = [row for row in rows if row.case.truth]
    others = sum(bool(row.told) for row in rows if not row.case.truth)
    names = Counter(row.name for row in known)
    return f"{len(known)} with a name: {dict(names)}; without one, but named: {others}"


if __name__ == "__main__":
    all_of_them = [judged(case) for case in CASES]
    for row in all_of_them:
        short = row.name != "right" if row.case.truth else bool(row.told)
        if short or not row.is_judged_right or row.seconds > 1.5:
            print(row.case.style, row.case.slip, row.name, row.told, f"{row.seconds:.2f} s")
    print(figures(all_of_them))

"""Every case judged: `python -m tests.checking.held_out.measure` prints those that fall short."""

import time
from typing import NamedTuple

from clearprop.checking.verdict import RIGHT

from . import courses, repositories, tutorials
from .case import Case, said


class Judged(NamedTuple):
    """One case: whether its outcome was right, and what its name was ("right", "none", "wrong")."""

    case: Case
    outcome: bool
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


def everything() -> list[Judged]:
    return [judged(case) for case in (*courses.CASES, *tutorials.CASES, *repositories.CASES)]


if __name__ == "__main__":
    rows = everything()
    known = [row for row in rows if row.case.truth]
    for row in rows:
        short = row.name != "right" if row.case.truth else bool(row.told)
        if short or not row.outcome or row.seconds > 1.5:
            truth = " ".join(row.case.truth) or "-"
            print(
                f"{row.case.style}: {row.case.slip}: {row.name} {truth} ← {row.told} "
                f"{'' if row.outcome else 'VERDICT'} {row.seconds:.2f} s"
            )
    print(
        len(rows),
        "cases,",
        len(known),
        "with a name:",
        {name: sum(row.name == name for row in known) for name in ("right", "none", "wrong")},
        "others named:",
        sum(bool(row.told) for row in rows if not row.case.truth),
        "slowest",
        max(row.seconds for row in rows),
    )

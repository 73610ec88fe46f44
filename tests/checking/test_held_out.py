"""Hand-written backward passes of courses, tutorials and repositories, right and wrong.

The corpus was written before the diagnosis could name most of it, and without looking at it.
"""

from collections.abc import Mapping

import pytest

from tests.checking.held_out.case import Case
from tests.checking.held_out.measure import CASES, judged

pytestmark = pytest.mark.thorough


def by_style() -> Mapping[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for case in CASES:
        found.setdefault(case.style, []).append(case)
    return found


STYLES = by_style()


def test_the_corpus_is_large() -> None:
    assert len(STYLES) > 30
    assert sum(bool(case.truth) for case in CASES) > 150
    # Mistakes without a name are in it, and right code.
    assert sum(case.slip == "" for case in CASES) == len(STYLES)
    assert sum(bool(case.slip) and not case.truth for case in CASES) > 6


@pytest.mark.parametrize("style", STYLES)
def test_every_slip_is_named_and_nothing_is_named_wrongly(style: str) -> None:
    for case in STYLES[style]:
        row = judged(case)
        assert row.is_judged_right, case.slip
        if case.truth:
            assert row.name == "right", (case.slip, row.told)
        else:
            assert row.told == [], case.slip

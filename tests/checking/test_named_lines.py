"""What one wrong line does is named: in every round of a loop over time, also where it was given
its first state and hands that state's gradient back; in a norm; where q, k, v are one array."""

import pytest

from clearprop.checking.diagnosis import evidence
from tests.checking.held_out.case import Case
from tests.checking.held_out.measure import judged
from tests.checking.held_out.norms_and_heads import CASES as LINES
from tests.checking.held_out.recurrences import CASES
from tests.sweeps import quick_where

# Of rounds one of every sort; the other ones are judged with the whole corpus.
HERE = (
    "",
    "one time early",
    "no transpose",
    "no forget gate",
    "not turned round",
    "cut the other way round",
    "turned round",
    "no reset gate in ∂U",
)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests on the same machine do not end the search."""
    monkeypatch.setattr(evidence, "PATIENCE", 30)


@pytest.mark.parametrize(
    "case",
    quick_where(
        [*(one for one in CASES if one.slip in HERE), *LINES], lambda place, _: place % 2 == 0
    ),
    ids=lambda one: f"{one.style}: {one.slip}",
)
def test_a_wrong_line_is_named(case: Case) -> None:
    row = judged(case)
    assert row.is_judged_right
    assert row.name == ("right" if case.slip else "none"), row.told

"""A line of a loop over time that is wrong in every round is named, also where the loop was given
its first state and that state's gradient is handed back."""

import pytest

from clearprop.checking.diagnosis import evidence
from tests.checking.held_out.case import Case
from tests.checking.held_out.measure import judged
from tests.checking.held_out.recurrences import CASES

# One of every sort; the other ones are judged with the whole corpus.
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
    "case", [one for one in CASES if one.slip in HERE], ids=lambda one: f"{one.style}: {one.slip}"
)
def test_what_is_wrong_in_every_round_is_named(case: Case) -> None:
    row = judged(case)
    assert row.is_judged_right
    assert row.name == ("right" if case.slip else "none"), row.told

"""Random correct backward passes, at scales from 1e-4 to 1e4, on kinks and near them, in both
dtypes: none is called wrong; and wrong ones near kinks: none is called right.

`python -m benchmarks.false_alarms` runs ten thousand of each.
"""

import pytest

from benchmarks.false_alarms import KINDS, cases, planted_cases, sweep

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize("seed", range(4))
def test_no_false_alarm(seed: int) -> None:
    outcomes, others = sweep(cases(20 * len(KINDS), seed))
    assert [str(verdict) for _, verdict in others if verdict.outcome == "wrong"] == []
    # Points where nothing can be said are rare.
    assert outcomes["undecided"] <= 0.02 * outcomes.total()


def test_no_mistake_near_a_kink_is_called_right() -> None:
    outcomes, others = sweep(planted_cases(200), "wrong")
    assert [str(verdict) for _, verdict in others if verdict.outcome == "right"] == []
    assert outcomes["undecided"] <= 0.02 * outcomes.total()

"""What a diagnosis has found: the mistakes that it names, and every candidate with its evidence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.elementary import considered
from clearprop.checking.diagnosis.hypotheses import Discrepancy, Weighed, scale
from clearprop.checking.verdict.candidates import Candidate, Lost, Prediction
from clearprop.checking.verdict.findings import CheckFinding
from clearprop.checking.verdict.mistakes import LikelyMistake, MistakeKind

# Of those that did not hold at all.
UNLIKE = (Lost.OTHER_NUMBERS, Lost.ONLY_SOME, Lost.NO_CHANGE)


@dataclass(frozen=True, eq=False, kw_only=True)
class Diagnosis:
    """The mistakes that are named, most likely first, and what was tried for them.

    discrepancy  what had to be explained; None where nothing had
    named, lost  the hypotheses that were named (alternatives among them), and those that were not
    findings     what has to be said of the diagnosis itself
    """

    mistakes: tuple[LikelyMistake, ...] = ()
    discrepancy: Discrepancy | None = None
    named: tuple[Weighed, ...] = ()
    lost: tuple[Weighed, ...] = ()
    findings: tuple[CheckFinding, ...] = ()

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """Those that were named, then of every other kind the one that came nearest, the nearest
        first."""
        discrepancy = self.discrepancy
        if discrepancy is None:
            return ()
        kinds = {one.hypothesis.key for one in self.named}
        # One that would have held was tried already.
        more = [one for one in map(discrepancy.weigh, considered(discrepancy)) if one.lost]
        losers = [one for one in _nearest([*self.lost, *more]) if one.hypothesis.key not in kinds]
        named = [_candidate(discrepancy, one) for one in self.named]
        others = [_candidate(discrepancy, one) for one in losers]
        return (*named, *sorted(others, key=lambda one: (one.lost in UNLIKE, one.off)))


def _nearest(tried: Iterable[Weighed]) -> Sequence[Weighed]:
    """Of every kind the hypothesis that is off least; one that held at first before one that did
    not."""
    best: dict[MistakeKind, Weighed] = {}
    for one in sorted(tried, key=_distance):
        best.setdefault(one.hypothesis.key, one)
    return list(best.values())


def _distance(one: Weighed) -> tuple[bool, float]:
    return one.lost in UNLIKE, one.off


def _candidate(discrepancy: Discrepancy, weighed: Weighed) -> Candidate:
    hypothesis = weighed.hypothesis
    predictions = discrepancy.predictions(hypothesis)
    return Candidate(
        key=hypothesis.key,
        values=dict(hypothesis.values),
        standing=hypothesis.standing,
        predictions=tuple(
            _prediction(discrepancy, name, predictions[name])
            for name in discrepancy.claimed
            if name in predictions
        ),
        lost=weighed.lost,
    )


def _prediction(discrepancy: Discrepancy, name: str, predicted: Array) -> Prediction:
    """At the entry where the claim is farthest from it; where it is the claim, from the right."""
    claimed, expected = discrepancy.claimed[name], discrepancy.expected[name]
    if predicted.shape != claimed.shape:
        return Prediction(
            array=name, index=None, predicted=None, claimed=None, expected=None, off=np.inf
        )
    same_shape = claimed.shape == expected.shape
    is_claim = discrepancy.reproduces(name, predicted)
    beside = expected if is_claim and same_shape else predicted
    worst = int(np.argmax(np.abs(claimed - beside)))
    largest = scale(expected) or scale(claimed) or 1.0
    return Prediction(
        array=name,
        index=tuple(int(i) for i in np.unravel_index(worst, claimed.shape)),
        predicted=float(predicted.flat[worst]),
        claimed=float(claimed.flat[worst]),
        expected=float(expected.flat[worst]) if same_shape else None,
        off=scale(claimed - predicted) / largest,
    )

"""Which of the hypotheses that hold is named.

Better founded goes first: shown by running the code, then exact, then fitted, then merely
described; among equals the one that explains more arrays. Of equals that explain the same arrays
nothing in the numbers tells one from the other, so the others are named as alternatives.
"""

from collections.abc import Sequence

import numpy as np

from clearprop.checking.diagnosis.fitted import ENOUGH, telling
from clearprop.checking.diagnosis.hypotheses import (
    Discrepancy,
    Hypothesis,
    Weighed,
)
from clearprop.checking.verdict.candidates import Lost, Standing
from clearprop.checking.verdict.mistakes import LikelyMistake, MistakeKind

# Keys whose numbers are all zero; of no other mistake are zeros evidence.
ZEROS = (MistakeKind.ZEROS, MistakeKind.GRADIENT_STOPS)


# Mistakes that can give nearly any numbers, or that are part of another one: they are said where
# nothing else gives the same, those with the larger number last.
LESS_LIKELY = {
    MistakeKind.DERIVATIVE_TWICE: 1,
    # z is in proportion to f' of a square.
    MistakeKind.INPUT_FOR_DERIVATIVE: 1,
    # Where the loss has a penalty, it is said of that.
    MistakeKind.WEIGHT_DECAY: 1,
    MistakeKind.OTHER_FUNCTION: 1,
    MistakeKind.DERIVATIVE_MISSING_FOR_WEIGHT: 1,
    MistakeKind.WRONG_CACHE: 2,
    MistakeKind.WRONG_SIGNAL: 2,
    MistakeKind.PATH_FORGOTTEN: 1,
    # The last time alone is what is left where nothing goes back through time.
    MistakeKind.ONE_TIME: 1,
}
# What the first says of any axes, the second says of certain ones: no alternative beside it.
SAID_BETTER = {MistakeKind.UNSUMMED: MistakeKind.BIAS_AXES}


def weighed(discrepancy: Discrepancy, hypothesis: Hypothesis) -> Weighed:
    """The hypothesis beside the claimed numbers; zeros alone say nothing."""
    one = discrepancy.weigh(hypothesis)
    if one.lost is None and not _says_something(one):
        return one._replace(lost=Lost.NO_EVIDENCE)
    return one


def _says_something(weighed: Weighed) -> bool:
    predicted = weighed.hypothesis.predicted
    return weighed.hypothesis.key in ZEROS or any(np.any(predicted[name]) for name in weighed.names)


def cover(
    discrepancy: Discrepancy, held: Sequence[Weighed]
) -> tuple[list[list[Weighed]], list[Weighed]]:
    """Groups of hypotheses for all wrong arrays, in each the first and its alternatives; and those
    that were passed over, with the reason."""
    remaining = set(discrepancy.wrong)
    groups: list[list[Weighed]] = []
    ordered = sorted(
        held,
        key=lambda one: (
            one.hypothesis.standing.rank,
            -len(one.names),
            LESS_LIKELY.get(one.hypothesis.key, 0),
        ),
    )
    for first in ordered:
        if not first.names & remaining:
            continue
        group = [first]
        for other in ordered:
            same = other.names == first.names
            equal = other.hypothesis.standing == first.hypothesis.standing
            known = any(other.hypothesis.key == member.hypothesis.key for member in group)
            likely = LESS_LIKELY.get(other.hypothesis.key, 0) <= LESS_LIKELY.get(
                first.hypothesis.key, 0
            )
            better = SAID_BETTER.get(other.hypothesis.key)
            said = any(better is member.hypothesis.key for member in group)
            if same and equal and likely and not known and not said:
                group.append(other)
        groups.append(group)
        remaining -= first.names
    alone = []
    if remaining:
        # Something unknown is at work; what else is named must stand on its own.
        alone = [one for group in groups if not _stands_alone(group[0]) for one in group]
        groups = [group for group in groups if _stands_alone(group[0])]
    chosen = [id(one) for group in groups for one in group] + [id(one) for one in alone]
    return groups, [
        *(one._replace(lost=Lost.NOT_ALONE) for one in alone),
        *(one._replace(lost=_passed_over(one, groups)) for one in ordered if id(one) not in chosen),
    ]


def _passed_over(one: Weighed, groups: Sequence[Sequence[Weighed]]) -> Lost:
    ranks = [group[0].hypothesis.standing.rank for group in groups if group[0].names & one.names]
    if ranks and min(ranks) < one.hypothesis.standing.rank:
        return Lost.BETTER_FOUNDED
    same = [group for group in groups if group[0].names == one.names]
    return Lost.LESS_LIKELY if same else Lost.EXPLAINS_FEWER


def _stands_alone(weighed: Weighed) -> bool:
    if weighed.hypothesis.standing == Standing.DESCRIBED:
        return False
    predicted = weighed.hypothesis.predicted
    return sum(telling(predicted[name]) for name in weighed.names) >= ENOUGH


def mistake_of(discrepancy: Discrepancy, first: Weighed, *others: Weighed) -> LikelyMistake:
    """What is told of the first, with the others as its alternatives."""
    hypothesis = first.hypothesis
    return LikelyMistake(
        key=hypothesis.key,
        arrays=tuple(name for name in discrepancy.claimed if name in first.names),
        values=dict(hypothesis.values),
        residual=first.off,
        alternatives=tuple(mistake_of(discrepancy, other) for other in others),
    )

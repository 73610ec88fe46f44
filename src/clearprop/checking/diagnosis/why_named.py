"""What is named: from the evidence to the diagnosis."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.tape_pass import identity
from clearprop.checking.diagnosis.along_tape.tape_search import (
    counted,
    taped,
)
from clearprop.checking.diagnosis.along_tape.within_layer import slips_within
from clearprop.checking.diagnosis.altered_pass import (
    altered,
    bare_step,
    forgotten_ways,
    neighbours,
    steps,
)
from clearprop.checking.diagnosis.behaviour import (
    another_gradient,
    behaviour,
    is_constant,
    run_again,
)
from clearprop.checking.diagnosis.chain_rule import (
    bare_slips,
    factors_handed_on,
    slips,
    updated_weights,
)
from clearprop.checking.diagnosis.choice import cover, mistake_of, weighed
from clearprop.checking.diagnosis.diagnosis import Diagnosis
from clearprop.checking.diagnosis.elementary import elementary
from clearprop.checking.diagnosis.evidence import Deadline, Evidence
from clearprop.checking.diagnosis.fitted import described, fitted, precision
from clearprop.checking.diagnosis.hypotheses import (
    WIDEST,
    Budget,
    Discrepancy,
    Hypothesis,
    Weighed,
    scale,
)
from clearprop.checking.diagnosis.layouts import OF_A_LAYOUT, Turn, turned
from clearprop.checking.diagnosis.mixing import structural_slips
from clearprop.checking.diagnosis.other_losses import of_another_loss
from clearprop.checking.diagnosis.recognition import TRIES
from clearprop.checking.diagnosis.trusted import (
    TrustedPass,
    agrees,
    claims,
    recurrence,
    trusted_pass,
)
from clearprop.checking.diagnosis.why_on_tape import SECONDS, found_on_tape, said_of
from clearprop.checking.verdict.candidates import Lost, Standing
from clearprop.checking.verdict.mistakes import LikelyMistake, MistakeKind

ALL = frozenset(MistakeKind)


def diagnose(evidence: Evidence) -> Diagnosis:
    """The likely mistakes, most likely first; none where nothing known explains the numbers.

    The search ends by itself after about two seconds, or at the evidence's deadline; one that was
    cut short names what was shown, and nothing that was fitted.

    Several mistakes explain different arrays. Those that explain the same arrays equally well stand
    in `alternatives` of the first.
    """
    discrepancy = Discrepancy.of(evidence)
    if discrepancy is None:
        return Diagnosis()
    rounded = [
        Weighed(h, frozenset(h.predicted), 0.0)
        for h in precision(discrepancy)
        if set(h.predicted) == set(discrepancy.doubtful)
    ]
    if rounded:
        first = rounded[0]
        return Diagnosis(
            mistakes=(mistake_of(discrepancy, first),), discrepancy=discrepancy, named=(first,)
        )
    if not discrepancy.wrong:
        return Diagnosis()
    own = Deadline.after(SECONDS)
    budget = Budget(TRIES, min(evidence.deadline or own, own))
    if _is_a_function(evidence) and (timed := recurrence(discrepancy, budget)) is not None:
        through_time = _found(discrepancy, timed)
        if _explains_all(discrepancy, through_time):
            return through_time
    if _is_a_function(evidence) and (on := taped(discrepancy)) is not None:
        return found_on_tape(counted(discrepancy, on), on)
    trusted = trusted_pass(discrepancy, budget)
    found = _found(discrepancy, trusted)
    if _explains_all(discrepancy, found):
        return found
    if not _is_a_function(evidence) and (on := taped(discrepancy)) is not None:
        # It is not only what it should equal: a loss with a penalty, a layer of several of ours.
        along = found_on_tape(counted(discrepancy, on), on)
        if along.mistakes:
            return along
    if trusted is not None:
        return found
    return _in_another_layout(discrepancy, budget) or found


def _explains_all(discrepancy: Discrepancy, found: Diagnosis) -> bool:
    explained = {name for mistake in found.mistakes for name in mistake.arrays}
    return set(discrepancy.wrong) <= explained


def _is_a_function(evidence: Evidence) -> bool:
    """Whether nothing of ours says what the code should equal."""
    ours = (evidence.layer, evidence.reference, evidence.checked, evidence.loss)
    return all(one is None for one in ours)


def _found(discrepancy: Discrepancy, trusted: TrustedPass | None) -> Diagnosis:
    tried = _tried(discrepancy, trusted)
    held, unconfirmed = _confirmed([one for one in tried if one.lost is None], discrepancy)
    chosen, passed_over = cover(discrepancy, held)
    groups, coincidences, problem = _second_look(discrepancy, trusted, chosen)
    return Diagnosis(
        mistakes=tuple(mistake_of(discrepancy, *group) for group in groups),
        discrepancy=discrepancy,
        named=tuple(one for group in groups for one in group),
        lost=(
            *coincidences,
            *unconfirmed,
            *passed_over,
            *(one for one in tried if one.lost is not None),
        ),
        findings=said_of(problem),
    )


def _confirmed(
    held: Sequence[Weighed], discrepancy: Discrepancy
) -> tuple[list[Weighed], list[Weighed]]:
    """Those that may be said, and the constants that no second point has confirmed."""
    kept, fallen = list[Weighed](), list[Weighed]()
    for one in held:
        is_factor = one.hypothesis.key is MistakeKind.FACTOR
        factor = one.hypothesis.values.get("factor")
        if is_factor and not is_constant(discrepancy, sorted(one.names), factor):
            fallen.append(one._replace(lost=Lost.COINCIDENCE))
        else:
            kept.append(one)
    return kept, fallen


def _in_another_layout(discrepancy: Discrepancy, budget: Budget) -> Diagnosis | None:
    """What is found where the arrays, turned round, are those of a function that is recognized."""
    for turn, evidence in turned(discrepancy.evidence, discrepancy.samples):
        other = Discrepancy.of(evidence)
        again = Budget(TRIES, budget.deadline)
        trusted = trusted_pass(other, again) if other else None
        if other is not None and trusted is not None:
            found = _found(other, trusted)
            return _turned_back(discrepancy, found, turn)
    return None


def _turned_back(discrepancy: Discrepancy, found: Diagnosis, turn: Turn) -> Diagnosis:
    """The diagnosis in the person's own layout, without what is said of a layout."""

    def back(one: Weighed) -> Weighed:
        predicted = turn(one.hypothesis.predicted)
        return one._replace(hypothesis=one.hypothesis._replace(predicted=predicted))

    kept = tuple(one for one in found.mistakes if not _keys(one) & set(OF_A_LAYOUT))
    keys = {key for one in kept for key in _keys(one)}
    named = [back(one) for one in found.named]
    return Diagnosis(
        mistakes=kept,
        discrepancy=discrepancy,
        named=tuple(one for one in named if one.hypothesis.key in keys),
        lost=(
            *(one._replace(lost=Lost.LAYOUT) for one in named if one.hypothesis.key not in keys),
            *map(back, found.lost),
        ),
        findings=found.findings,
    )


def _keys(mistake: LikelyMistake) -> set[MistakeKind]:
    return {mistake.key, *(other.key for other in mistake.alternatives)}


def _tried(
    discrepancy: Discrepancy,
    trusted: TrustedPass | None,
    kinds: Collection[MistakeKind] = ALL,
) -> list[Weighed]:
    """Every hypothesis of these kinds, weighed."""
    return [weighed(discrepancy, one) for one in _hypotheses(discrepancy, trusted, kinds)]


def _hypotheses(
    discrepancy: Discrepancy, trusted: TrustedPass | None, kinds: Collection[MistakeKind]
) -> Iterator[Hypothesis]:
    yield from behaviour(discrepancy)
    yield from of_another_loss(discrepancy)
    if trusted is not None and agrees(discrepancy, trusted):
        yield from _altered(discrepancy, trusted, kinds)
    elif trusted is not None and claims(discrepancy, trusted):
        names = " → ".join(type(step.layer).__name__ for step in steps(trusted))
        yield Hypothesis(
            MistakeKind.OTHER_FUNCTION, discrepancy.claimed, {"where": "forward", "other": names}
        )
    elif trusted is None and (step := bare_step(discrepancy)) is not None:
        for key, values, alteration in [*structural_slips(step), *bare_slips(step)]:
            dx, gradients = alteration(step)
            predicted = dict(gradients) if dx is None else {step.path: dx, **gradients}
            yield Hypothesis(key, predicted, {"where": "backward", **values})
    yield from elementary(discrepancy)
    yield from fitted(discrepancy)
    yield from described(discrepancy)


def _altered(
    discrepancy: Discrepancy, trusted: TrustedPass, kinds: Collection[MistakeKind]
) -> Iterator[Hypothesis]:
    """The trusted pass with one thing changed, at every place."""
    line = steps(trusted)
    for step, before, after in neighbours(trusted, line):
        by_rule = [*structural_slips(step), *slips(step, before, after)]
        for key, values, alteration in chain(by_rule, slips_within(step, kinds)):
            if key not in kinds:
                continue
            predicted = altered(trusted, {step.path: alteration})
            stops = key == MistakeKind.GRADIENT_STOPS
            if stops and not _stops_in_between(discrepancy, trusted, predicted):
                continue
            yield Hypothesis(key, predicted, {"where": step.name, **values})
    for way in forgotten_ways(trusted):
        key = MistakeKind.RESIDUAL_SKIP if way.direct else MistakeKind.RESIDUAL_BRANCH
        yield Hypothesis(key, way.predicted, {"where": way.where})
    if MistakeKind.UPDATED_WEIGHTS in kinds:
        yield from updated_weights(discrepancy, trusted, line)
    if MistakeKind.FACTOR_HANDED_ON in kinds:
        yield from factors_handed_on(discrepancy, trusted, line)


def _stops_in_between(
    discrepancy: Discrepancy, trusted: TrustedPass, predicted: Mapping[str, Array]
) -> bool:
    """Whether it is the gradient of a parameter that becomes zero, not only that of the input."""
    return any(
        name in predicted and not np.any(predicted[name])
        for name in discrepancy.wrong
        if name != trusted.names["x"]
    )


def _second_look(
    discrepancy: Discrepancy, trusted: TrustedPass | None, groups: list[list[Weighed]]
) -> tuple[list[list[Weighed]], list[Weighed], str]:
    """What still holds with another upstream gradient, where the code can be run with one, what
    does not, and what the code raised if it could not be run.

    A mistake that is in the code is there for every upstream gradient; one whose numbers came out
    by coincidence is not. A function of one number, a loss, has no upstream gradient to change.
    """
    if trusted is None or not groups or not agrees(discrepancy, trusted):
        return groups, [], ""
    if not discrepancy.evidence.output.shape:
        return groups, [], ""
    dy = another_gradient(discrepancy)
    claimed, problem = run_again(discrepancy, dy)
    if claimed is None:
        return groups, [], problem
    again = trusted.with_output_gradient(dy)
    right = again.right()
    expected = {name: right.get(name, array) for name, array in discrepancy.expected.items()}
    evidence = replace(
        discrepancy.evidence,
        output_gradient=dy,
        claimed={name: claimed[name] for name in expected},
        expected={
            name: array.reshape(discrepancy.expected[name].shape)
            for name, array in expected.items()
        },
        tolerances=_of_zeros(discrepancy),
        backward=None,
    )
    other = Discrepancy.of(evidence)
    if other is None or not other.wrong:
        return groups, [], ""
    kinds = {one.hypothesis.key for group in groups for one in group}
    tried = _tried(other, again, kinds)
    holding = {identity(one.hypothesis) for one in tried if one.lost is None}

    def holds(one: Weighed) -> bool:
        return (
            one.hypothesis.standing == Standing.PROVEN
            or not one.names & set(other.wrong)
            or identity(one.hypothesis) in holding
        )

    kept = [[one for one in group if holds(one)] for group in groups]
    fallen = [one for group in groups for one in group if not holds(one)]
    return (
        [group for group in kept if group],
        [one._replace(lost=Lost.COINCIDENCE) for one in fallen],
        "",
    )


def _of_zeros(discrepancy: Discrepancy) -> dict[str, float]:
    """The tolerances of gradients that are zero, where nothing in the numbers says so."""
    tolerances = {name: discrepancy.evidence.tolerance(name) for name in discrepancy.expected}
    return {
        name: tolerance
        for name, tolerance in tolerances.items()
        if tolerance > WIDEST * scale(discrepancy.expected[name])
    }

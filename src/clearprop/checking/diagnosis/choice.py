"""Which of the hypotheses that hold is named.

Better founded goes first: shown by running the code, then exact, then fitted, then merely
described; among equals the one that explains more arrays. Of equals that explain the same arrays
nothing in the numbers tells one from the other, so the others are named as alternatives.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.behaviour import another_gradient, behaviour, run_again
from clearprop.checking.diagnosis.chain import bare_slips, slips, updated_weights
from clearprop.checking.diagnosis.elementary import elementary
from clearprop.checking.diagnosis.fitted import ENOUGH, described, fitted, precision, telling
from clearprop.checking.diagnosis.hypothesis import Explanation, Hypothesis, Question, Standing
from clearprop.checking.diagnosis.layouts import OF_A_LAYOUT, turned
from clearprop.checking.diagnosis.loss_functions import of_another_loss
from clearprop.checking.diagnosis.structure import structural_slips
from clearprop.checking.diagnosis.trusted import Trusted, agrees, claims, trusted_pass
from clearprop.checking.diagnosis.walk import bare_step, steps, walk
from clearprop.checking.evidence import Evidence, Mistake

# Keys whose numbers are all zero; of no other mistake are zeros evidence.
ZEROS = ("zeros", "gradient_stops")


def diagnose(evidence: Evidence) -> tuple[Mistake, ...]:
    """The likely mistakes, most likely first; empty where nothing known explains the numbers.

    Several mistakes explain different arrays. Those that explain the same arrays equally well stand
    in `alternatives` of the first.
    """
    question = Question.of(evidence)
    if question is None:
        return ()
    rounded = [
        Explanation(h, frozenset(h.predicted), 0.0)
        for h in precision(question)
        if set(h.predicted) == set(question.doubtful)
    ]
    if rounded:
        return (_mistake(question, rounded[0]),)
    if not question.wrong:
        return ()
    trusted = trusted_pass(question)
    mistakes = _mistakes(question, trusted)
    explained = {name for mistake in mistakes for name in mistake.arrays}
    if trusted is not None or set(question.wrong) <= explained:
        return mistakes
    return _in_another_layout(question) or mistakes


def _mistakes(question: Question, trusted: Trusted | None) -> tuple[Mistake, ...]:
    found = _holding(question, trusted)
    chosen = _cover(question, found)
    return tuple(_mistake(question, *group) for group in _second_look(question, trusted, chosen))


def _in_another_layout(question: Question) -> tuple[Mistake, ...]:
    """What is found where the arrays, turned round, are those of a function that is recognized."""
    for evidence in turned(question.evidence, question.samples):
        other = Question.of(evidence)
        trusted = trusted_pass(other) if other else None
        if other is not None and trusted is not None:
            mistakes = _mistakes(other, trusted)
            return tuple(one for one in mistakes if not _keys(one) & set(OF_A_LAYOUT))
    return ()


def _keys(mistake: Mistake) -> set[str]:
    return {mistake.key, *(other.key for other in mistake.alternatives)}


def _holding(question: Question, trusted: Trusted | None) -> list[Explanation]:
    found = question.explanations(_hypotheses(question, trusted))
    return [
        explanation
        for explanation in found
        if explanation.hypothesis.key in ZEROS or _says_something(explanation)
    ]


def _says_something(explanation: Explanation) -> bool:
    predicted = explanation.hypothesis.predicted
    return any(np.any(predicted[name]) for name in explanation.names)


def _hypotheses(question: Question, trusted: Trusted | None) -> Iterator[Hypothesis]:
    yield from behaviour(question)
    yield from of_another_loss(question)
    if trusted is not None and agrees(question, trusted):
        yield from _walked(question, trusted)
    elif trusted is not None and claims(question, trusted):
        names = " → ".join(type(step.layer).__name__ for step in steps(trusted))
        yield Hypothesis("other_function", question.claimed, {"where": "forward", "other": names})
    elif trusted is None and (step := bare_step(question)) is not None:
        for key, values, alteration in [*structural_slips(step), *bare_slips(step)]:
            dx, gradients = alteration(step)
            predicted = dict(gradients) if dx is None else {step.path: dx, **gradients}
            yield Hypothesis(key, predicted, {"where": "backward", **values})
    yield from elementary(question)
    yield from fitted(question)
    yield from described(question)


def _walked(question: Question, trusted: Trusted) -> Iterator[Hypothesis]:
    line = steps(trusted)
    for index, step in enumerate(line):
        before = line[index - 1] if index else None
        after = line[index + 1] if index + 1 < len(line) else None
        for key, values, alteration in [*structural_slips(step), *slips(step, before, after)]:
            predicted = walk(trusted, {step.path: alteration})
            if key == "gradient_stops" and not _stops_in_between(question, trusted, predicted):
                continue
            yield Hypothesis(key, predicted, {"where": step.name, **values})
    yield from updated_weights(question, trusted, line)


def _stops_in_between(question: Question, trusted: Trusted, predicted: Mapping[str, Array]) -> bool:
    """Whether it is the gradient of a parameter that becomes zero, not only that of the input."""
    return any(
        name in predicted and not np.any(predicted[name])
        for name in question.wrong
        if name != trusted.names["x"]
    )


def _cover(question: Question, found: Sequence[Explanation]) -> list[list[Explanation]]:
    """Groups of explanations for all wrong arrays, in each the first and its alternatives."""
    remaining = set(question.wrong)
    groups: list[list[Explanation]] = []
    ordered = sorted(found, key=lambda e: (e.hypothesis.standing, -len(e.names)))
    for first in ordered:
        if not first.names & remaining:
            continue
        group = [first]
        for other in ordered:
            same = other.names == first.names
            equal = other.hypothesis.standing == first.hypothesis.standing
            known = any(other.hypothesis.key == member.hypothesis.key for member in group)
            if same and equal and not known:
                group.append(other)
        groups.append(group)
        remaining -= first.names
    if remaining:
        # Something unknown is at work; what else is named must stand on its own.
        groups = [group for group in groups if _stands_alone(group[0])]
    return groups


def _stands_alone(explanation: Explanation) -> bool:
    if explanation.hypothesis.standing == Standing.DESCRIBED:
        return False
    predicted = explanation.hypothesis.predicted
    return sum(telling(predicted[name]) for name in explanation.names) >= ENOUGH


def _second_look(
    question: Question, trusted: Trusted | None, groups: list[list[Explanation]]
) -> list[list[Explanation]]:
    """What still holds with another upstream gradient, where the code can be run with one.

    A mistake that is in the code is there for every upstream gradient; one whose numbers came out
    by coincidence is not. A function of one number, a loss, has no upstream gradient to change.
    """
    if trusted is None or not groups or not agrees(question, trusted):
        return groups
    if not question.evidence.output.shape:
        return groups
    dy = another_gradient(question)
    claimed = run_again(question, dy)
    if claimed is None:
        return groups
    again = trusted.with_output_gradient(dy.reshape(trusted.backward.output_gradient.shape))
    right = again.right()
    expected = {name: right.get(name, array) for name, array in question.expected.items()}
    evidence = replace(
        question.evidence,
        output_gradient=dy,
        claimed={name: claimed[name] for name in expected},
        expected={
            name: array.reshape(question.expected[name].shape) for name, array in expected.items()
        },
        tolerances={},
        backward=None,
        reference=again.backward if question.evidence.reference is not None else None,
    )
    other = Question.of(evidence)
    if other is None or not other.wrong:
        return groups
    holding = {_identity(explanation.hypothesis) for explanation in _holding(other, again)}
    kept = [
        [
            explanation
            for explanation in group
            if explanation.hypothesis.standing == Standing.PROVEN
            or not explanation.names & set(other.wrong)
            or _identity(explanation.hypothesis) in holding
        ]
        for group in groups
    ]
    return [group for group in kept if group]


def _identity(hypothesis: Hypothesis) -> tuple[object, ...]:
    """A hypothesis without its arrays; a fitted number to four digits."""
    values = (
        f"{value:.3e}" if isinstance(value, float) else value
        for value in hypothesis.values.values()
    )
    return (hypothesis.key, *values)


def _mistake(question: Question, first: Explanation, *others: Explanation) -> Mistake:
    alternatives = tuple(_mistake(question, other) for other in others)
    hypothesis = first.hypothesis
    names = tuple(name for name in question.claimed if name in first.names)
    values = dict(hypothesis.values)
    return Mistake(hypothesis.key, names, values, first.residual, alternatives)

"""One check, from a subject to its verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator, shape_text
from clearprop.base.errors import ShapeError
from clearprop.checking.diagnosis import Diagnosis, diagnose
from clearprop.checking.diagnosis.evidence import Evidence, UnderCheck
from clearprop.checking.rules import conduct
from clearprop.checking.rules.judging import Judgement, judge
from clearprop.checking.rules.neighbours import Beside
from clearprop.checking.rules.precision import Judged, in_best_precision, lost_digits
from clearprop.checking.rules.tolerances import FLOAT32, given
from clearprop.checking.subjects.randomness import drawn_anew, draws_globally, keyed
from clearprop.checking.subjects.subject import Subject
from clearprop.checking.verdict import (
    RIGHT,
    UNDECIDED,
    WRONG,
    Candidate,
    CheckFinding,
    FindingKind,
    LikelyMistake,
    Verdict,
    WitnessName,
    WitnessOutcome,
    WitnessVerdict,
    worst_outcome,
)
from clearprop.checking.witnesses import others as witnesses
from clearprop.checking.witnesses.quotients import Quotients
from clearprop.checking.witnesses.reference import Reference

# Every entry is moved up to here; a function without structure costs two runs for each.
LIMIT = 4_000
LIMIT_STRUCTURED = 200_000


class CheckSettings(NamedTuple):
    """How a check is made; see `clearprop.check`."""

    witnesses: Sequence[str] | None = None
    rtol: float | None = None
    atol: float | None = None
    seed: int = 0


def check_subject(
    subject: Subject, settings: CheckSettings, reference: Reference | None = None
) -> Verdict:
    """Check one subject at its point."""
    findings: list[CheckFinding] = [*subject.notes]
    draws = subject if draws_globally(subject) else None
    if draws is not None:
        subject = keyed(subject, settings.seed)
        findings.append(CheckFinding(FindingKind.REPEATED_BY_KEY, RIGHT, {}))
    if not conduct.repeatable(subject):
        return _nothing(subject, CheckFinding(FindingKind.NOT_REPEATABLE, UNDECIDED, {}))
    if bad := conduct.output_finding(subject):
        return _nothing(subject, bad)
    if spread := conduct.broadcast_finding(subject):
        findings.append(spread)
    dy = _upstream(subject, settings.seed)
    gradients, conduct_findings = conduct.observe(subject, dy)
    claimed, gradient_findings = conduct.inspect_gradients(subject, gradients)
    findings += conduct_findings + gradient_findings
    if not gradient_findings:
        findings += conduct.training_findings(subject, dy, claimed)
    judged = in_best_precision(subject, dy, claimed)
    judged = judged._replace(tolerance=given(judged.tolerance, settings.rtol, settings.atol))
    findings += judged.findings
    judgements = _judge_all(judged, settings.seed)
    arrays = [one.verdict for one in judgements.values()]
    if judged.subject is not subject:
        findings += lost_digits(subject, dy, claimed, judgements)
    others = _others(judged, judgements, settings, reference)
    findings += _disagreements(others, judgements)
    found = Diagnosis()
    candidates: tuple[Candidate, ...] = ()
    if any(one.outcome == WRONG for one in arrays) or any(
        one.key == FindingKind.SHAPE for one in findings
    ):
        evidence = _evidence(judged, gradients, judgements, reference)
        if draws is not None:
            evidence = replace(evidence, redrawn=drawn_anew(draws, dy, settings.seed))
        # A hypothesis may be far from what the numbers are, and overflow.
        with np.errstate(all="ignore"):
            found = diagnose(evidence)
            candidates = found.candidates
        findings += [*found.findings, *_without_a_name(judgements)]
    own = {path: name for name, path in reference.paths.items()} if reference else {}
    outcomes = [one.outcome for one in arrays] + [one.outcome for one in findings]
    return Verdict(
        name=subject.name,
        outcome=worst_outcome(outcomes),
        arrays=tuple(arrays),
        findings=tuple(findings),
        witnesses=others,
        mistakes=_renamed_mistakes(found.mistakes, own),
        candidates=_renamed_candidates(candidates, own),
    )


def _nothing(subject: Subject, finding: CheckFinding) -> Verdict:
    return Verdict(name=subject.name, outcome=finding.outcome, arrays=(), findings=(finding,))


def _upstream(subject: Subject, seed: int) -> Array:
    """dy: what was given, otherwise drawn from N(0, 1): a dy of ones would let a backward pass
    that ignores it look right. Raises ShapeError for one that is not of y's shape."""
    shape = subject.output.shape
    if subject.dy is None:
        kind = subject.output.dtype if subject.output.dtype.kind == "f" else np.float64
        return np.asarray(keyed_generator(seed, path="dy").normal(size=shape)).astype(kind)
    if subject.dy.shape != shape:
        raise ShapeError(
            "output_gradient_shape",
            expected=shape_text(shape),
            came=shape_text(subject.dy.shape),
        )
    return subject.dy


def _judge_all(judged: Judged, seed: int) -> dict[str, Judgement]:
    subject, tolerance = judged.subject, judged.tolerance
    quotients = Quotients(subject, judged.dy, tolerance.epsilon, tolerance.rungs)
    limit = LIMIT_STRUCTURED if subject.is_structured else LIMIT
    beside = Beside(subject, judged.dy, tolerance, seed)
    return {
        name: judge(quotients, name, values, tolerance, beside, limit=limit, seed=seed)
        for name, values in judged.claimed.items()
        if values.size
    }


def _others(
    judged: Judged,
    judgements: Mapping[str, Judgement],
    settings: CheckSettings,
    reference: Reference | None,
) -> tuple[WitnessVerdict, ...]:
    """The witnesses beside finite differences: those that were asked for, or all that there are."""

    def asked(name: str) -> bool:
        return settings.witnesses is None or name in settings.witnesses

    subject, dy, claimed = judged.subject, judged.dy, judged.claimed
    kinks = {name: judgement.kinks for name, judgement in judgements.items()}
    double = subject.output.dtype == np.float64
    exact = max(witnesses.EXACT if double else FLOAT32.relative, settings.rtol or 0.0)
    found = []
    if asked(WitnessName.COMPLEX_STEP) and double:
        found.append(
            witnesses.complex_step(subject, dy, claimed, judgements, exact, settings.atol or 0.0)
        )
    twins = dict(subject.twins)
    if reference is not None:
        twins[WitnessName.REFERENCE] = reference.twin
    for name, twin in twins.items():
        if asked(name) or name == WitnessName.REFERENCE:
            found.append(
                witnesses.compared(
                    name, twin, subject, dy, claimed, kinks, exact, settings.atol or 0.0
                )
            )
    return tuple(found)


def _disagreements(
    others: Sequence[WitnessVerdict], judgements: Mapping[str, Judgement]
) -> list[CheckFinding]:
    """A witness that computes the same function another way must agree, where finite differences
    have found the gradient right; elsewhere they have said what there is to say."""
    open_ones = {name for name, one in judgements.items() if one.verdict.outcome != RIGHT}
    return [
        CheckFinding(
            FindingKind.WITNESS_OUTPUT if one.array == "y" else FindingKind.WITNESS_DISAGREES,
            WRONG,
            {"witness": one.name, "name": one.array, "relative": f"{one.relative:.1e}"},
        )
        for one in others
        if one.outcome == WitnessOutcome.DISAGREES and one.array not in open_ones
    ]


def _evidence(
    judged: Judged,
    gradients: Mapping[str, Any],
    judgements: Mapping[str, Judgement],
    reference: Reference | None,
) -> Evidence:
    """What the diagnosis is given: every array whose gradient is known in every entry, with a
    claim of a wrong shape as it came. Of one that is undecided nothing is known."""
    subject, dy, claimed = judged.subject, judged.dy, judged.claimed
    quotients = Quotients(subject, dy, judged.tolerance.epsilon, judged.tolerance.rungs)
    expected, tolerances, kinks = {}, {}, {}
    claims = dict(claimed)
    for name, judgement in judgements.items():
        known = judgement.verdict.outcome != UNDECIDED
        if known and np.isfinite(judgement.expected).all():
            expected[name] = judgement.expected
            tolerances[name] = judgement.tolerance
            kinks[name] = judgement.kinks
    for name in (one for one in subject.variables if one not in judged.claimed):
        values, size = np.asarray(gradients.get(name)), subject.arrays[name].size
        if values.dtype.kind in "fiu" and size <= LIMIT:
            claims[name] = values.astype(np.float64)
            central = quotients.slopes(name, np.arange(size), 1.0).central
            expected[name] = central.reshape(subject.arrays[name].shape)
            tolerances[name] = judged.tolerance.relative * float(np.max(np.abs(central), initial=0))
    claims = {name: claims[name] for name in expected}
    paths = reference.paths if reference else {}

    def renamed(arrays: Mapping[str, Any]) -> dict[str, Any]:
        return {paths.get(name, name): value for name, value in arrays.items()}

    own = {path: name for name, path in paths.items()}

    def replaced(arrays: Mapping[str, Array]) -> dict[str, Array]:
        return {**subject.arrays, **{own.get(name, name): a for name, a in arrays.items()}}

    return Evidence(
        arrays=renamed(subject.arrays),
        output=subject.output,
        output_gradient=dy,
        claimed=renamed(claims),
        expected=renamed(expected),
        tolerances=renamed(tolerances),
        run=lambda arrays: subject.run(replaced(arrays)),
        forward=lambda arrays: subject.forward(replaced(arrays)),
        backward=lambda upstream, arrays: renamed(subject.gradients(replaced(arrays), upstream)),
        layer=subject.layer,
        checked=_under_check(subject) if reference is None and subject.layer is None else None,
        reference=reference.backward(dy) if reference and reference.backward else None,
        context=subject.context,
        kinks=renamed(kinks),
        loss=subject.loss if subject.network is None else None,
    )


def _under_check(subject: Subject) -> UnderCheck | None:
    return UnderCheck(subject.network, subject.loss) if subject.network is not None else None


def _renamed_mistakes(
    mistakes: Sequence[LikelyMistake], own: Mapping[str, str]
) -> tuple[LikelyMistake, ...]:
    return tuple(
        replace(
            one,
            arrays=tuple(own.get(name, name) for name in one.arrays),
            alternatives=_renamed_mistakes(one.alternatives, own),
        )
        for one in mistakes
    )


def _renamed_candidates(
    candidates: Sequence[Candidate], own: Mapping[str, str]
) -> tuple[Candidate, ...]:
    return tuple(
        replace(
            one,
            predictions=tuple(
                replace(each, array=own.get(each.array, each.array)) for each in one.predictions
            ),
        )
        for one in candidates
    )


def _without_a_name(judgements: Mapping[str, Judgement]) -> list[CheckFinding]:
    """Wrong arrays of which a sample was compared: a mistake has to give every entry."""
    return [
        CheckFinding(FindingKind.NO_NAME_OF_A_SAMPLE, RIGHT, {"name": name})
        for name, one in judgements.items()
        if one.verdict.outcome == WRONG and one.verdict.checked < one.verdict.size
    ]

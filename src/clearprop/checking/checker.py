"""One check, from a subject to its verdict."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator, shape_text
from clearprop.base.errors import ShapeError
from clearprop.checking.name_search import Judgements, wants_a_name, with_names
from clearprop.checking.rules import conduct
from clearprop.checking.rules.exercised import not_exercised
from clearprop.checking.rules.judging import Judgement, judge
from clearprop.checking.rules.kink_watch import KinkWatch
from clearprop.checking.rules.neighbours import Beside
from clearprop.checking.rules.precision import Judged, in_best_precision, lost_digits
from clearprop.checking.rules.second_opinion import with_second_opinion
from clearprop.checking.rules.ties import ties_judged
from clearprop.checking.rules.tolerances import FLOAT32, OF_NARROW_CLAIMS, given, narrowed
from clearprop.checking.subjects.randomness import drawn_anew, draws_globally, keyed
from clearprop.checking.subjects.subject import Subject
from clearprop.checking.verdict import (
    RIGHT,
    UNDECIDED,
    WRONG,
    CheckFinding,
    FindingKind,
    Verdict,
    WitnessName,
    WitnessOutcome,
    WitnessVerdict,
    worst_outcome,
)
from clearprop.checking.witnesses import others as witnesses
from clearprop.checking.witnesses.quotients import Quotients
from clearprop.checking.witnesses.reference import Reference
from clearprop.checking.witnesses.traced_forward import Observed, observed

# Every entry is moved up to here; a function without structure costs two runs for each, which read
# all its arrays: no more of them than read so many numbers.
LIMIT = 4_000
READ = 1_000_000_000
LIMIT_STRUCTURED = 200_000
# As many numbers are moved for one array of a structured function, and then every entry to LIMIT.
NUMBERS = 200_000_000


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
    *_, verdict = verdicts(subject, settings, reference)
    return verdict


def verdicts(
    subject: Subject, settings: CheckSettings, reference: Reference | None = None
) -> Iterator[Verdict]:
    """The verdict of one subject at its point; where there is a mistake to name, once more with the
    name, which takes longer to find."""
    findings: list[CheckFinding] = [*subject.notes]
    draws = subject if draws_globally(subject) else None
    if draws is not None:
        subject = keyed(draws, settings.seed)
        findings.append(CheckFinding(FindingKind.REPEATED_BY_KEY, RIGHT, {}))
    if not conduct.repeatable(subject):
        yield _nothing(subject, CheckFinding(FindingKind.NOT_REPEATABLE, UNDECIDED, {}))
        return
    if bad := conduct.output_finding(subject):
        yield _nothing(subject, bad)
        return
    seen = observed(subject)
    if spread := conduct.broadcast_finding(subject, seen):
        findings.append(spread)
    dy = _upstream(subject, settings.seed)
    gradients, conduct_findings = conduct.observe(subject, dy)
    claims = conduct.inspect_gradients(subject, gradients)
    findings += conduct_findings
    if not claims.findings:
        findings += conduct.training_findings(subject, dy, claims.usable)
    judged = in_best_precision(subject, dy, claims)
    if judged.half:
        yield _nothing(subject, CheckFinding(FindingKind.HALF_PRECISION, UNDECIDED, {}))
        return
    judged = judged._replace(tolerance=given(judged.tolerance, settings.rtol, settings.atol))
    judgements = _judge_all(judged, settings.seed, seen)
    misshapen = {
        name
        for name in claims.reshaped & set(judgements)
        if judgements[name].verdict.outcome != RIGHT
    }
    judgements = {name: one for name, one in judgements.items() if name not in misshapen}
    judged = judged._replace(
        claimed={name: one for name, one in judged.claimed.items() if name not in misshapen}
    )
    findings += [_of_misshapen(one, misshapen) for one in claims.findings]
    findings += judged.findings
    arrays = [one.verdict for one in judgements.values()]
    if judged.subject is not subject:
        findings += lost_digits(subject, dy, claims.usable, judgements)
    others = _others(judged, judgements, settings, reference)
    findings += _disagreements(others, judgements)
    if not arrays and all(one.outcome == RIGHT for one in findings):
        findings.append(CheckFinding(FindingKind.NOTHING_COMPARED, UNDECIDED, {}))
    outcomes = [one.outcome for one in arrays] + [one.outcome for one in findings]
    verdict = Verdict(
        name=subject.name,
        outcome=worst_outcome(outcomes),
        arrays=tuple(arrays),
        findings=tuple(findings),
        witnesses=others,
        not_compared=conduct.not_compared(subject),
        not_exercised=not_exercised(subject, dy, seen, judgements),
    )
    yield verdict
    if wants_a_name(verdict):
        redrawn = drawn_anew(draws, dy, settings.seed) if draws is not None else frozenset()
        found = Judgements(judged, gradients, judgements, redrawn)
        yield with_names(verdict, found, reference)


def _of_misshapen(finding: CheckFinding, misshapen: Collection[str]) -> CheckFinding:
    """A finding of a shape whose numbers are not the right ones in the array's order either."""
    if finding.key == FindingKind.SHAPE and finding.values["name"] in misshapen:
        return replace(finding, outcome=WRONG)
    return finding


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


def _judge_all(judged: Judged, seed: int, seen: Observed | None) -> dict[str, Judgement]:
    subject, tolerance = judged.subject, judged.tolerance
    quotients = Quotients(subject, judged.dy, tolerance.epsilon, tolerance.rungs)
    limit = min(LIMIT, READ // max(1, subject.widest))
    if subject.is_structured:
        limit = max(LIMIT, min(LIMIT_STRUCTURED, NUMBERS // max(1, subject.widest)))
    beside = Beside(subject, judged.dy, tolerance, seed, KinkWatch(subject, seen))
    found = {}
    for name, values in judged.claimed.items():
        if values.size:
            own = narrowed(tolerance, judged.digits.get(name))
            found[name] = judge(quotients, name, values, own, beside, limit=limit, seed=seed)
    found = ties_judged(quotients, found, tolerance)
    is_double = subject.output.dtype == np.float64
    near = beside.watch.is_near
    return with_second_opinion(subject, judged.dy, found, near=near) if is_double else found


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
    rounded = [OF_NARROW_CLAIMS * one for one in judged.digits.values()]
    exact = max(
        witnesses.EXACT if double else FLOAT32.relative, settings.rtol or 0.0, *rounded, 0.0
    )
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

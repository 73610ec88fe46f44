"""The name of a mistake, looked for once a verdict stands: its evidence, and the names in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis import diagnose
from clearprop.checking.diagnosis.evidence import Deadline, Evidence, UnderCheck
from clearprop.checking.rules.judging import Judgement
from clearprop.checking.rules.precision import Judged
from clearprop.checking.subjects.subject import Subject
from clearprop.checking.verdict import (
    RIGHT,
    UNDECIDED,
    WRONG,
    Candidate,
    CheckFinding,
    FindingKind,
    LikelyMistake,
    MistakeKind,
    Verdict,
)
from clearprop.checking.witnesses.quotients import Quotients
from clearprop.checking.witnesses.reference import Reference

# A name is looked for as long as this, in seconds.
SEARCH = 2.0
# An array of a wrong shape is compared in every entry up to here.
LIMIT_RESHAPED = 4_000


class Judgements(NamedTuple):
    """All that a verdict of one subject rests on: the subject as it was judged, the gradients as
    the code returned them, what was found of every array, and which arrays are wrong because
    backward drew anew."""

    judged: Judged
    gradients: Mapping[str, Any]
    arrays: Mapping[str, Judgement]
    redrawn: frozenset[str] = frozenset()


def wants_a_name(verdict: Verdict) -> bool:
    """Whether there is a mistake to be named: an array with wrong numbers, or of a wrong shape."""
    return any(one.outcome == WRONG for one in verdict.arrays) or any(
        one.key == FindingKind.SHAPE and one.outcome == WRONG for one in verdict.findings
    )


def with_names(verdict: Verdict, judgements: Judgements, reference: Reference | None) -> Verdict:
    """The verdict with the likely mistake, and what else was thought of."""
    evidence = _evidence(judgements, reference)
    # A hypothesis may be far from what the numbers are, and overflow.
    with np.errstate(all="ignore"):
        found = diagnose(evidence)
        candidates = found.candidates
    own = {path: name for name, path in reference.paths.items()} if reference else {}
    return replace(
        verdict,
        findings=(
            *verdict.findings,
            *found.findings,
            *_meant_averaged(judgements, found.mistakes),
            *_without_a_name(judgements.arrays),
        ),
        mistakes=_renamed_mistakes(found.mistakes, own),
        candidates=_renamed_candidates(candidates, own),
    )


def _evidence(of: Judgements, reference: Reference | None) -> Evidence:
    """What the diagnosis is given: every array whose gradient is known in every entry, with a
    claim of a wrong shape as it came. Of one that is undecided nothing is known."""
    judged, gradients, judgements, redrawn = of
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
        if values.dtype.kind in "fiu" and size <= LIMIT_RESHAPED:
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
        run=lambda arrays: (subject.in_numpy or subject.run)(replaced(arrays)),
        forward=lambda arrays: subject.forward(replaced(arrays)),
        backward=lambda upstream, arrays: renamed(subject.gradients(replaced(arrays), upstream)),
        layer=subject.layer,
        checked=_under_check(subject) if reference is None and subject.layer is None else None,
        reference=reference.backward(dy) if reference and reference.backward else None,
        context=subject.context,
        deadline=Deadline.after(SEARCH),
        redrawn=redrawn,
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


def _meant_averaged(of: Judgements, mistakes: Sequence[LikelyMistake]) -> Iterator[CheckFinding]:
    """Where the one mistake is that gradients of parameters are divided by the number of samples,
    and that of the data is not, it may be meant so: many courses' code has its 1/m there."""
    subject = of.judged.subject
    output = subject.output
    wrong = [name for name, one in of.arrays.items() if one.verdict.outcome == WRONG]
    data = [array for name, array in subject.arrays.items() if name not in wrong]
    for one in mistakes if len(mistakes) == 1 and output.ndim > 1 else ():
        count = one.values.get("count")
        of_samples = any(
            array.shape[axis] == count == output.shape[axis]
            for array in data
            for axis in (0, -1)
            if array.ndim > 1
        )
        if one.key == MistakeKind.MEAN_FOR_SUM and {*one.arrays} == {*wrong} and of_samples:
            values = {"names": ", ".join(wrong), "count": count}
            yield CheckFinding(FindingKind.MEANT_AVERAGED, RIGHT, values)


def _without_a_name(judgements: Mapping[str, Judgement]) -> list[CheckFinding]:
    """Wrong arrays of which a sample was compared: a mistake has to give every entry."""
    return [
        CheckFinding(FindingKind.NO_NAME_OF_A_SAMPLE, RIGHT, {"name": name})
        for name, one in judgements.items()
        if one.verdict.outcome == WRONG and one.verdict.checked < one.verdict.size
    ]

"""One check, from a subject to its verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, keyed_generator, shape_text
from clearprop.base.errors import ShapeError
from clearprop.checking import conduct, witnesses
from clearprop.checking.diagnosis import diagnose
from clearprop.checking.evidence import Evidence, Mistake
from clearprop.checking.judging import (
    FLOAT32,
    FLOAT64,
    Judgement,
    Tolerance,
    differences_along,
    is_steady,
    judge,
)
from clearprop.checking.quotients import Quotients
from clearprop.checking.randomness import draws_globally, keyed
from clearprop.checking.subject import Subject, Twin, in_dtype
from clearprop.checking.verdict import (
    RIGHT,
    UNDECIDED,
    WRONG,
    Finding,
    Verdict,
    WitnessVerdict,
    worst_outcome,
)
from clearprop.engine.network import BackwardPass

# Every entry is moved up to here; a function without structure costs two runs for each.
LIMIT = 4_000
LIMIT_STRUCTURED = 200_000


class Settings(NamedTuple):
    """How a check is made; see `clearprop.check`."""

    witnesses: Sequence[str] | None = None
    rtol: float | None = None
    atol: float | None = None
    seed: int = 0


class Reference(NamedTuple):
    """A computation that the person trusts: its twin, and of a network its backward pass, with
    the path of every array of the person's."""

    twin: Twin
    backward: Callable[[Array], BackwardPass] | None = None
    paths: Mapping[str, str] = EMPTY


def check_subject(
    subject: Subject, settings: Settings, reference: Reference | None = None
) -> Verdict:
    """Check one subject at its point."""
    findings: list[Finding] = []
    if draws_globally(subject):
        subject = keyed(subject, settings.seed)
        findings.append(Finding("repeated_by_key", RIGHT, {}))
    if not conduct.repeatable(subject):
        return _nothing(subject, Finding("not_repeatable", UNDECIDED, {}))
    if bad := conduct.output_finding(subject):
        return _nothing(subject, bad)
    if spread := conduct.broadcast_finding(subject):
        findings.append(spread)
    dy = _upstream(subject, settings.seed)
    gradients, conduct_findings = conduct.observe(subject, dy)
    claimed, gradient_findings = conduct.inspect_gradients(subject, gradients)
    findings += conduct_findings + gradient_findings
    judged, judged_dy, judged_claims, tolerance = _in_float64(subject, dy, claimed)
    tolerance = _overridden(tolerance, settings)
    judgements = _judge_all(judged, judged_dy, judged_claims, tolerance, settings.seed)
    arrays = [judgements[name].verdict for name in judgements]
    if judged is not subject:
        findings += _precision(subject, dy, claimed, judgements)
    others = _others(judged, judged_dy, judged_claims, judgements, settings, reference)
    findings += _disagreements(others, judgements)
    outcome = worst_outcome([a.outcome for a in arrays] + [f.outcome for f in findings])
    mistakes: tuple[Mistake, ...] = ()
    if any(one.outcome == WRONG for one in arrays) or any(f.key == "shape" for f in findings):
        evidence = _evidence(judged, judged_dy, gradients, judged_claims, judgements, reference)
        # A hypothesis may be far from what the numbers are, and overflow.
        with np.errstate(all="ignore"):
            mistakes = _named_as_the_person_does(diagnose(evidence), reference)
    return Verdict(subject.name, outcome, tuple(arrays), tuple(findings), others, mistakes)


def _nothing(subject: Subject, finding: Finding) -> Verdict:
    return Verdict(subject.name, finding.outcome, (), (finding,))


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


def _in_float64(
    subject: Subject, dy: Array, claimed: Mapping[str, Array]
) -> tuple[Subject, Array, Mapping[str, Array], Tolerance]:
    """The subject as it is judged: in float64 where its forward and its backward allow it."""
    single = any(array.dtype == np.float32 for array in subject.arrays.values())
    if not single and not _rounds_to_float32(subject):
        return subject, dy, claimed, FLOAT64
    wide = subject.at(in_dtype(subject.arrays, "float64"), None)
    try:
        if wide.output.dtype != np.float64 or _rounds_to_float32(wide):
            return subject, dy, claimed, FLOAT32
        dy64 = dy.astype(np.float64)
        gradients, findings = conduct.inspect_gradients(wide, wide.gradients(wide.arrays, dy64))
    except Exception:
        return subject, dy, claimed, FLOAT32
    if any(finding.key == "dtype" for finding in findings) or set(gradients) != set(claimed):
        return subject, dy, claimed, FLOAT32
    return wide, dy64, gradients, FLOAT64


def _rounds_to_float32(subject: Subject) -> bool:
    """Whether the outputs are float32 numbers at a point where nothing of float64 would be."""
    if subject.output.dtype == np.float32:
        return True
    generator = np.random.default_rng(0)
    moved = {
        name: array * (1 + 1e-3 * generator.random(array.shape))
        if array.dtype.kind == "f"
        else array
        for name, array in in_dtype(subject.arrays, "float64").items()
    }
    try:
        y = subject.forward(moved)
    except Exception:
        return False
    some = y[(y != np.round(y)) & np.isfinite(y)] if y.ndim else y
    return bool(some.size > 0 and np.all(some.astype(np.float32) == some) and np.any(some != 0))


def _overridden(tolerance: Tolerance, settings: Settings) -> Tolerance:
    if settings.rtol is None and settings.atol is None:
        return tolerance
    return replace(
        tolerance,
        relative=settings.rtol if settings.rtol is not None else tolerance.relative,
        absolute=settings.atol if settings.atol is not None else 0.0,
        source="given",
    )


def _judge_all(
    subject: Subject,
    dy: Array,
    claimed: Mapping[str, Array],
    tolerance: Tolerance,
    seed: int,
) -> dict[str, Judgement]:
    quotients = Quotients(subject, dy, tolerance.epsilon, tolerance.rungs)
    limit = LIMIT_STRUCTURED if subject.is_structured else LIMIT
    beside = _Beside(subject, dy, tolerance, seed)
    return {
        name: judge(quotients, name, values, tolerance, beside, limit=limit, seed=seed)
        for name, values in claimed.items()
        if values.size
    }


class _Beside:
    """Whether the claimed gradient is right at points beside the checked one."""

    def __init__(self, subject: Subject, dy: Array, tolerance: Tolerance, seed: int):
        self.subject, self.dy, self.tolerance, self.seed = subject, dy, tolerance, seed

    def __call__(self, name: str, index: int) -> bool:
        return all(self._right_at(name, index, number) for number in range(3))

    def along(self, name: str, direction: Array) -> bool:
        return all(self._right_along(name, direction, number) for number in range(3))

    def _right_at(self, name: str, index: int, number: int) -> bool:
        claimed, quotients = self._there(name, number)
        if claimed is None:
            return False
        ladder = quotients.ladder(name, np.array([index]))
        rungs, errors = ladder.best()
        expected = ladder.central[rungs[0], 0]
        scale = float(np.max(np.abs(claimed), initial=0.0))
        allowed = self.tolerance.of(expected, errors[0], scale)
        apart = abs(claimed.flat[index] - expected)
        return bool(np.isfinite(apart) and apart <= allowed)

    def _right_along(self, name: str, direction: Array, number: int) -> bool:
        claimed, quotients = self._there(name, number)
        return claimed is not None and not is_steady(
            differences_along(quotients, name, claimed, direction, self.tolerance)
        )

    def _there(self, name: str, number: int) -> tuple[Array | None, Quotients]:
        """The gradient of `name` that is claimed at a neighbouring point, and the quotients."""
        generator = keyed_generator(self.seed, number, "beside")
        moved = {
            one: (
                array + 1e-3 * np.maximum(1, np.abs(array)) * generator.uniform(-1, 1, array.shape)
            ).astype(array.dtype)
            if one in self.subject.variables
            else array
            for one, array in self.subject.arrays.items()
        }
        there = self.subject.at(moved, self.dy)
        claimed, _ = conduct.inspect_gradients(there, there.gradients(moved, self.dy))
        quotients = Quotients(there, self.dy, self.tolerance.epsilon, self.tolerance.rungs)
        return claimed.get(name), quotients


def _precision(
    subject: Subject,
    dy: Array,
    claimed: Mapping[str, Array],
    judgements: Mapping[str, Judgement],
) -> list[Finding]:
    """Gradients whose formula is right in float64 and that are far off in float32."""
    size = max(float(np.max(np.abs(array), initial=1.0)) for array in subject.arrays.values())
    rounding = FLOAT32.epsilon * float(np.max(np.abs(dy), initial=0.0)) * size
    findings = []
    for name, judgement in judgements.items():
        if judgement.verdict.outcome != RIGHT or name not in claimed:
            continue
        scale = float(np.nanmax(np.abs(judgement.expected), initial=0.0))
        off = float(np.nanmax(np.abs(claimed[name] - judgement.expected), initial=0.0))
        if off > FLOAT32.relative * scale + 1e3 * rounding:
            values = {"name": name, "relative": f"{off / scale if scale else off:.1e}"}
            findings.append(Finding("precision", UNDECIDED, values))
    return findings


def _others(
    subject: Subject,
    dy: Array,
    claimed: Mapping[str, Array],
    judgements: Mapping[str, Judgement],
    settings: Settings,
    reference: Reference | None,
) -> tuple[WitnessVerdict, ...]:
    """The witnesses beside finite differences: those that were asked for, or all that there are."""

    def asked(name: str) -> bool:
        return settings.witnesses is None or name in settings.witnesses

    kinks = {name: judgement.kinks for name, judgement in judgements.items()}
    double = subject.output.dtype == np.float64
    exact = max(witnesses.EXACT if double else FLOAT32.relative, settings.rtol or 0.0)
    found = []
    if asked("complex-step") and double:
        found.append(
            witnesses.complex_step(subject, dy, claimed, judgements, exact, settings.atol or 0.0)
        )
    twins = dict(subject.twins)
    if reference is not None:
        twins[witnesses.REFERENCE] = reference.twin
    for name, twin in twins.items():
        if asked(name) or name == witnesses.REFERENCE:
            found.append(
                witnesses.compared(
                    name, twin, subject, dy, claimed, kinks, exact, settings.atol or 0.0
                )
            )
    return tuple(found)


def _disagreements(
    others: Sequence[WitnessVerdict], judgements: Mapping[str, Judgement]
) -> list[Finding]:
    """A witness that computes the same function another way must agree, where finite differences
    have found the gradient right; elsewhere they have said what there is to say."""
    open_ones = {name for name, one in judgements.items() if one.verdict.outcome != RIGHT}
    return [
        Finding(
            "witness_output" if one.array == "y" else "witness_disagrees",
            WRONG,
            {"witness": one.name, "name": one.array, "relative": f"{one.relative:.1e}"},
        )
        for one in others
        if one.outcome == "disagrees" and one.array not in open_ones
    ]


def _evidence(
    subject: Subject,
    dy: Array,
    gradients: Mapping[str, Any],
    claimed: Mapping[str, Array],
    judgements: Mapping[str, Judgement],
    reference: Reference | None,
) -> Evidence:
    """What the diagnosis is given: every array whose gradient is known in every entry, with a
    claim of a wrong shape as it came. Of one that is undecided nothing is known."""
    quotients = Quotients(subject, dy, FLOAT64.epsilon, FLOAT64.rungs)
    expected, tolerances, kinks = {}, {}, {}
    claims = dict(claimed)
    for name, judgement in judgements.items():
        known = judgement.verdict.outcome != UNDECIDED
        if known and np.isfinite(judgement.expected).all():
            expected[name] = judgement.expected
            tolerances[name] = judgement.tolerance
            kinks[name] = judgement.kinks
    for name in set(subject.variables) - set(claims):
        values, size = np.asarray(gradients.get(name)), subject.arrays[name].size
        if values.dtype.kind in "fiu" and size <= LIMIT:
            claims[name] = values.astype(np.float64)
            central = quotients.slopes(name, np.arange(size), 1.0).central
            expected[name] = central.reshape(subject.arrays[name].shape)
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
        forward=lambda arrays: subject.forward(replaced(arrays)),
        backward=lambda upstream, arrays: renamed(subject.gradients(replaced(arrays), upstream)),
        layer=subject.layer,
        reference=reference.backward(dy) if reference and reference.backward else None,
        context=subject.context,
        kinks=renamed(kinks),
        loss=subject.loss if subject.network is None else None,
    )


def _named_as_the_person_does(
    mistakes: Sequence[Mistake], reference: Reference | None
) -> tuple[Mistake, ...]:
    if reference is None:
        return tuple(mistakes)
    own = {path: name for name, path in reference.paths.items()}
    return tuple(
        replace(one, arrays=tuple(own.get(name, name) for name in one.arrays)) for one in mistakes
    )

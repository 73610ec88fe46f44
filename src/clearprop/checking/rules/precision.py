"""In which precision a subject is judged: float64 where its forward and its backward allow it.

Where they do not, float32's tolerance is used, and a finding says why: ten thousand times as much
is let pass.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.rules import conduct
from clearprop.checking.rules.judging import Judgement
from clearprop.checking.rules.tolerances import FLOAT32, FLOAT64, Tolerance
from clearprop.checking.subjects.plain_functions import first_raised
from clearprop.checking.subjects.subject import Subject, in_dtype
from clearprop.checking.verdict.findings import CheckFinding, FindingKind
from clearprop.checking.verdict.outcomes import RIGHT, UNDECIDED


class Judged(NamedTuple):
    """A subject as it is judged: at which point, with which upstream gradient and claims, by which
    tolerance; and what has to be said of that. `digits` is the rounding of claims that came with
    fewer digits than their arrays have; `half` says that the function computes in float16."""

    subject: Subject
    dy: Array
    claimed: Mapping[str, Array]
    tolerance: Tolerance
    digits: Mapping[str, float]
    findings: tuple[CheckFinding, ...] = ()
    half: bool = False


def in_best_precision(subject: Subject, dy: Array, claims: conduct.Inspected) -> Judged:
    """The subject in float64, or as it came with the reason why not."""
    claimed = claims.usable
    half = _rounds_to(np.float16, subject)
    as_it_came = Judged(subject, dy, claimed, FLOAT32, claims.digits, half=half)
    narrow_kinds = (np.float16, np.float32)
    single = any(array.dtype in narrow_kinds for array in subject.arrays.values())
    if not single and not _rounds_to(np.float32, subject):
        return as_it_came._replace(tolerance=FLOAT64)
    wide = subject.at(in_dtype(subject.arrays, "float64"), None)
    try:
        rounds = wide.output.dtype != np.float64 or _rounds_to(np.float32, wide)
    except Exception as problem:  # the person's code, in a precision that it was not written for
        return _because(
            as_it_came, FindingKind.FORWARD_FAILS_IN_FLOAT64, problem=first_raised(problem)
        )
    if rounds:
        # The function computes in float32, as the verdict says of its tolerance.
        return as_it_came._replace(half=_rounds_to(np.float16, wide))
    dy64 = dy.astype(np.float64)
    try:
        returned = wide.gradients(wide.arrays, dy64)
    except Exception as problem:  # as above
        return _because(
            as_it_came, FindingKind.BACKWARD_FAILS_IN_FLOAT64, problem=first_raised(problem)
        )
    inspected = conduct.inspect_gradients(wide, returned)
    gradients, findings = inspected.usable, inspected.findings
    narrow = [one.values["name"] for one in findings if one.key == FindingKind.DTYPE]
    if narrow:
        names = ", ".join(map(str, narrow))
        return _because(as_it_came, FindingKind.FLOAT32_GRADIENTS, names=names)
    others = set(gradients) ^ set(claimed) | _shaped(findings) ^ _shaped(claims.findings)
    if others:
        names = ", ".join(sorted(others))
        return _because(as_it_came, FindingKind.GRADIENTS_LOST_IN_FLOAT64, names=names)
    return Judged(wide, dy64, gradients, FLOAT64, inspected.digits)


def lost_digits(
    subject: Subject,
    dy: Array,
    claimed: Mapping[str, Array],
    judgements: Mapping[str, Judgement],
) -> list[CheckFinding]:
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
            findings.append(CheckFinding(FindingKind.PRECISION, UNDECIDED, values))
    return findings


def _shaped(findings: Sequence[CheckFinding]) -> set[str]:
    return {str(one.values["name"]) for one in findings if one.key == FindingKind.SHAPE}


def _because(judged: Judged, kind: FindingKind, **values: Any) -> Judged:
    relative = {"float32": f"{FLOAT32.relative:g}", "float64": f"{FLOAT64.relative:g}"}
    return judged._replace(findings=(CheckFinding(kind, RIGHT, {**values, **relative}),))


def _rounds_to(dtype: Any, subject: Subject) -> bool:
    """Whether the outputs are numbers of `dtype` at a point where nothing of float64 would be."""
    if subject.output.dtype == dtype:
        return True
    if subject.output.dtype.itemsize < np.dtype(dtype).itemsize:
        return False
    generator = np.random.default_rng(0)
    moved = {
        name: array * (1 + 1e-3 * generator.random(array.shape))
        if array.dtype.kind == "f"
        else array
        for name, array in in_dtype(subject.arrays, "float64").items()
    }
    try:
        y = subject.forward(moved)
    except Exception:  # it cannot be run there: then it is judged as strictly as any
        return False
    some = y[(y != np.round(y)) & np.isfinite(y)] if y.ndim else y
    with np.errstate(over="ignore"):
        return bool(some.size > 0 and np.all(some.astype(dtype) == some) and np.any(some != 0))
